# %% [markdown] minutes=40
# ## Section: What should I use when?
#
# **You learn** to choose a method by the question that somebody asks, and to say what it will not answer. **Time:** {{ time }}.
#
# There are many methods of explanation. None is the best one, because they answer different questions. Before you choose, ask:
#
# 1. **What is asked?** About one answer, about a change of the input, about the training data, about the whole network, about an attacker?
# 2. **What is at hand?** The model's answers only, its gradients, its layers, the training data, labels, marked concepts?
# 3. **What would I see if the network had learned nothing**, or if there was nothing to be found? That is the control, and a number without it says little.
# 4. **Who reads it**, and what could this person wrongly conclude?
#
# ### Task: what follows?
#
# Sixteen situations, each with a conclusion. Set `"yes"` if the conclusion is right, `"no"` if it is wrong. {{ if notebook.local_explanations and notebook.adversarial_attacks and notebook.backdoors and notebook.counterfactuals and notebook.influence }}Each has been
# measured or derived in one of the notebooks.{{ end }}

# %%
situations = {
    "answers only": "A model on the internet returns probabilities and no gradients. So LIME can still explain an answer.",
    "two programs": "Two networks compute exactly the same function. So Integrated Gradients, from the same baseline, may explain their answers differently.",
    "sensible map": "A map marks the garment's outline. So the map depends on what the network has learned.",
    "how much": "A feature has the largest attribution. So the attribution says by how much it has to change until the decision changes.",
    "still the same": "A search ends at an image that the network still assigns to the old class. So the search has found no counterfactual.",
    "attack failed": "PGD with 100 steps finds nothing within ε. So no image within ε has another class.",
    "trigger shown": "You have one image with the trigger that fools the network. So an attribution of the fooled class may show where the trigger is.",
    "trigger unknown": "You have the labelled training data, and know no trigger. So spectral signatures may still point at poisoned images.",
    "one image": "One training image has the largest influence on a wrong answer. So the answer becomes right if that image is deleted.",
    "cheap rival": "Self-influence finds more wrong labels than a random order does. So one has still to ask whether the plain loss finds as many.",
    "probe": "A probe reads a concept from a layer with 99 % accuracy. So the network's class depends on the concept.",
    "sixty tests": "Sixty pairs of a layer and a concept are tested at the level 0.05, and no concept matters. So about three are expected to be significant, without a correction.",
    "no masks": "Nobody has marked any concept in the images. So network dissection will find the concepts by itself.",
    "found names": "A factorisation has found six directions of a layer. So each of them is a concept that people have a word for.",
    "worst of twenty": "Errors are distributed by lot over twenty groups. So the worst group has, as a rule, clearly more errors than the average.",
    "strong image": "An image made by ascent excites a class more than any photograph does. So it may still show nothing that a person recognises.",
}
for key, text in situations.items():
    print(f"{key:16} {text}")

# %% nbgrader={"grade_id": "conclusions", "solution": true}
# answer: conclusions
conclusions = None
### BEGIN SOLUTION
conclusions = {
    "answers only": "yes",
    "two programs": "no",
    "sensible map": "no",
    "how much": "no",
    "still the same": "yes",
    "attack failed": "no",
    "trigger shown": "yes",
    "trigger unknown": "yes",
    "one image": "no",
    "cheap rival": "yes",
    "probe": "no",
    "sixty tests": "yes",
    "no masks": "no",
    "found names": "no",
    "worst of twenty": "yes",
    "strong image": "yes",
}
### END SOLUTION

# %% nbgrader={"grade_id": "conclusions-test", "grade": true, "points": 2}
checks.choices(conclusions, situations, ("yes", "no"), "conclusions")
checks.passed("conclusions")

# %% [markdown]
# ### Task: the decision table
#
# The answer is text: put it in place of YOUR ANSWER HERE and keep the first line of the cell. A person marks it, for the argument and not for its
# length. Take numbers that *you* measured in this course{{ if notebook.local_explanations and notebook.adversarial_attacks and notebook.backdoors and notebook.counterfactuals and notebook.influence }}; if your group has left out a notebook, choose other rows{{ end }}.

# %% [markdown] nbgrader={"grade_id": "decision-table", "solution": true, "grade": true, "points": 4}
# <!-- answer: decision-table -->
# **What should I use when?** ({{ points.decision-table }}, a table and about six sentences)
#
# 1. Fill a table with {{ if notebook.local_explanations and notebook.adversarial_attacks and notebook.backdoors and notebook.counterfactuals and notebook.influence }}**six** of these eight questions, from at least four notebooks{{ else }}those of these eight questions on which you have measured something in this course, such as (d) in section {{ section.tcav }}{{ end }}:
#    (a) Why this answer for this input? (b) What would have to change for another answer? (c) Which training examples made the network say this?
#    (d) Does a class depend on this concept? (e) What does this unit detect? (f) Where does the network fail? (g) How easily is it attacked? (h) Has somebody
#    planted a backdoor? Columns: the *method* that you would use first; what it *needs*; a *number that you measured*, with its control or
#    interval; how it *misleads*.
# 2. Name one row for which you would *not* trust the method with the data that you have, and what you would have to measure first.
# 3. A company shows you one heat map of one photograph and says: "As you see, our network looks at the right thing." Which two rows of your table would you
#    ask for, in which order, and what could they find that the heat map cannot?
#
# ### BEGIN SOLUTION
# An answer (numbers differ a little from run to run):
#
# 1.
#
#    | question | first method | needs | measured, with its control | misleads |
#    |---|---|---|---|---|
#    | (a) why this answer? | Integrated Gradients, and LIME where only answers are at hand | gradients and a baseline | 02: the completeness gap; with a white baseline a good part of the map moves to the background | what equals the baseline gets nothing |
#    | (b) what would have to change? | counterfactual guided by prototypes | gradients, training images | 05: valid for this network; a second network agrees with 10 of 60 (9 to 28 %), with noise of that length at most once | valid for this network only: may be an adversarial example |
#    | (c) which examples? | TracIn or TRAK | checkpoints, training data | 06: LDS of the best method 0.70; wrong labels at an average precision of about 0.5, plain loss about 0.4, random 0.1 | no single image is responsible |
#    | (e) what does the unit detect? | dissection | maps, marked concepts | 07: unit 49 of layer 9, holes, IoU 0.11, with masks of other images 0.007 | only marked concepts of the right size can be found: none can reach 0.04 with the silhouette |
#    | (f) where does it fail? | clusters of features | labels, test images it was not trained on | 07: 43 tops between T-shirt and shirt, 28 % wrong (17 to 43), all 5.7 %; p far below 0.05 after Holm | a description is a hypothesis; the labels may be wrong |
#    | (h) a backdoor? | spectral signatures, or Neural Cleanse without data | training data with labels; or clean images | 04: four of four poisoned networks found, none of three clean ones flagged: the false-alarm rate may still be 56 % | other kinds of triggers, two classes |
#
# 2. Row (h): three clean networks allow hardly any statement on false alarms. I would train many clean networks of the same
#    architecture and set the threshold on them.
# 3. First (f): error rates of groups with intervals. A heat map of one image says nothing of other images. It may show that the network fails on a
#    kind of image that the company did not look at. Then (a) again, but with a control: the same map for a network with random weights and for another class. If it
#    looks the same, it shows the outline and not what the network learned. A heat map cannot show either.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible.
#
# - 2 points for the table. {{ if notebook.local_explanations and notebook.adversarial_attacks and notebook.backdoors and notebook.counterfactuals and notebook.influence }}Six rows from at least four notebooks{{ else }}A row for each question on which the course lets students measure something{{ end }}; in each the method fits the question, and what it needs is right (half of them; a quarter of a
#   point off for each wrong or missing row). Each row has a number of the student's own with a control, an interval or a chance level (the other half; the same).
# - ½ point: the column "misleads" names faults that are specific to the method (baseline, out of distribution, transfer, seeds, selection), not "can be wrong".
# - ½ point: a row that is not trusted, with a measurement that would change that, which concerns the row's weakness (more reference networks, other seeds,
#   new images, a control).
# - 1 point: two rows that fit the company's claim, in an order with a reason (half), and for each what one map of one image cannot show: other images, groups with
#   errors, other classes, a random network, a trigger, dependence on a concept (half).
#
# Other methods than those of the model answer are right if measurements of the course support them. A table without numbers: at most 2 points altogether.
# === END MARK SCHEME ===

# %% answer="conclusions" kind="alternative"
# answer: conclusions
right_ones = (
    "answers only, still the same, trigger shown, trigger unknown, cheap rival, sixty tests, "
    "worst of twenty, strong image"
).split(", ")
conclusions = {key: "Yes" if key in right_ones else "No" for key in situations}
conclusions = {key: word.lower() for key, word in conclusions.items()}

# %% answer="conclusions" kind="wrong"
# answer: conclusions
# what an enthusiast says: whatever a method returns is true
conclusions = dict.fromkeys(situations, "no") | dict.fromkeys(
    ("answers only", "how much", "attack failed", "one image", "probe", "no masks", "found names"),
    "yes",
)

# %% [markdown] answer="decision-table" kind="alternative"
# <!-- answer: decision-table -->
# | question | first method | needs | measured | misleads |
# |---|---|---|---|---|
# | a | LIME | answers only | 02: two seeds with few samples agree badly, with many well; random map as control | squares, chance, unnatural images |
# | b | the actor (reinforcement learning) | predictions, one training | 05: smallest IM1, largest distance; validity near 100 % on this network | blurred by the decoder, one actor for each model |
# | c | Grad-Cos | one network, training data | 06: nearly all of 100 suspects poisoned, self-influence fewer than at random (0.12) | says nothing of how much an example still teaches |
# | d | TCAV at an inner layer | concept images, random images, gradients | 07: the score against random concepts, p after Holm | at the input of the last layer only 0 and 1; a correlated concept gives the same |
# | f | groups of features | labels, new images | 07: worst group 28 % (17 to 43), all images 5.7 %; worst by lot about 15 % | my words for the group may be wrong |
# | g | PGD on the margin, with curves up to ε = 1 | gradients | 03: robust accuracy against ε beside noise of the same size | finding nothing is no proof; masked gradients |
#
# I do not trust row d here: one concept set and one network. First I would repeat it with other images of the concept, and on a
# network with random weights.
#
# To the company: first g, because one can see nothing of it in a clean image's map, then f, because one photograph is no sample. They could find a
# square that changes each answer, and a group of photographs (a hospital, a camera) where every third answer is wrong.

# %% [markdown] minutes=40 core=true
# ## Section: Quiz
#
# Five groups of four statements about {{ if section.explanations and section.knockoffs }}sections {{ section.explanations }} to {{ section.knockoffs }}{{ else }}the ideas of the course{{ end }}. Answer each by `"yes"` (it is true), `"no"`
# (it is not) or `"abstain"`. A right answer counts {{ quiz_right }}, a wrong one {{ quiz_wrong }},
# abstaining {{ quiz_abstain }}, and the sum over all twenty never falls below zero. The share
# of the best sum that you reach is your share of the points. So answer where you think that you know,
# and abstain where you would guess.{{ if whole }} Some of the tasks above settle a statement.{{ end }}
#
# **A · Kinds of methods**
#
# - **A1** {{ quiz_A1 }}
# - **A2** {{ quiz_A2 }}
# - **A3** {{ quiz_A3 }}
# - **A4** {{ quiz_A4 }}
#
# **B · Ideas**
#
# - **B1** {{ quiz_B1 }}
# - **B2** {{ quiz_B2 }}
# - **B3** {{ quiz_B3 }}
# - **B4** {{ quiz_B4 }}
#
# **C · Algorithms**
#
# - **C1** {{ quiz_C1 }}
# - **C2** {{ quiz_C2 }}
# - **C3** {{ quiz_C3 }}
# - **C4** {{ quiz_C4 }}
#
# **D · Purposes**
#
# - **D1** {{ quiz_D1 }}
# - **D2** {{ quiz_D2 }}
# - **D3** {{ quiz_D3 }}
# - **D4** {{ quiz_D4 }}
#
# **E · Truths**
#
# - **E1** {{ quiz_E1 }}
# - **E2** {{ quiz_E2 }}
# - **E3** {{ quiz_E3 }}
# - **E4** {{ quiz_E4 }}

# %% tags=["figure"]
# Given: what answering is worth on average, if you are right with probability p.
right, wrong = float("{{ quiz_right }}"), float("{{ quiz_wrong }}")
abstain = float("{{ quiz_abstain }}")
p = np.linspace(0, 1, 101)
figure, axis = plt.subplots(figsize=(5, 2.8))
axis.plot(p, p * right + (1 - p) * wrong, color=BLUE, label="answer")
axis.axhline(abstain, color=ORANGE, linestyle="--", label="abstain")
axis.set(
    title="When does answering pay?",
    xlabel="probability p that you are right",
    ylabel="points on average",
)
axis.legend()
plt.show()

# %% [markdown]
# ### Task: your answers
#
# Replace `"abstain"` where you have an answer. If you like, add an argument of at most two lines to
# a statement; a person reads it, the computer does not. The check below looks at the form only.

# %% nbgrader={"grade_id": "quiz", "solution": true}
# answer: quiz
quiz = {
    # A · Kinds of methods
    "A1": "abstain",
    "A2": "abstain",
    "A3": "abstain",
    "A4": "abstain",
    # B · Ideas
    "B1": "abstain",
    "B2": "abstain",
    "B3": "abstain",
    "B4": "abstain",
    # C · Algorithms
    "C1": "abstain",
    "C2": "abstain",
    "C3": "abstain",
    "C4": "abstain",
    # D · Purposes
    "D1": "abstain",
    "D2": "abstain",
    "D3": "abstain",
    "D4": "abstain",
    # E · Truths
    "E1": "abstain",
    "E2": "abstain",
    "E3": "abstain",
    "E4": "abstain",
}
quiz_arguments = {
    # "A1": "Optional, at most two lines.",
}
### BEGIN SOLUTION
quiz = dict(pair.split("=") for pair in "{{ quiz_key }}".split())
### END SOLUTION

# %% nbgrader={"grade_id": "quiz-test", "grade": true, "points": 10}
quizzes.check(quiz, [group + number for group in "ABCDE" for number in "1234"], quiz_arguments)
checks.passed("quiz")

# %% [markdown] minutes=10
# ## Section: Second quiz
#
# Eight {{ if task.quiz }}further {{ end }}statements about {{ if whole }}sections {{ section.explanations }} to {{ section.knockoffs }}{{ else }}explanations{{ end }}{{ if task.quiz }}, under the same rules as before.{{ else }}: `"yes"`, `"no"`
# or `"abstain"`. A right answer counts {{ quiz_right }}, a wrong one {{ quiz_wrong }}, abstaining {{ quiz_abstain }}.{{ end }}
#
# **F · Properties**
#
# - **F1** {{ quiz_F1 }}
# - **F2** {{ quiz_F2 }}
# - **F3** {{ quiz_F3 }}
# - **F4** {{ quiz_F4 }}
#
# **G · Practice**
#
# - **G1** {{ quiz_G1 }}
# - **G2** {{ quiz_G2 }}
# - **G3** {{ quiz_G3 }}
# - **G4** {{ quiz_G4 }}
#
# ### Task: your answers

# %% nbgrader={"grade_id": "quiz-more", "solution": true}
# answer: quiz-more
quiz_more = {
    # F · Properties
    "F1": "abstain",
    "F2": "abstain",
    "F3": "abstain",
    "F4": "abstain",
    # G · Practice
    "G1": "abstain",
    "G2": "abstain",
    "G3": "abstain",
    "G4": "abstain",
}
quiz_more_arguments = {
    # "F1": "Optional, at most two lines.",
}
### BEGIN SOLUTION
quiz_more = dict(pair.split("=") for pair in "{{ quiz_more_key }}".split())
### END SOLUTION

# %% nbgrader={"grade_id": "quiz-more-test", "grade": true, "points": 4}
statements = [group + number for group in "FG" for number in "1234"]
quizzes.check(quiz_more, statements, quiz_more_arguments, name="quiz_more")
checks.passed("quiz-more")

# %% [markdown]
# The answers to the quizzes are those to the variants that course.toml's [quiz] seed chooses.

# %% answer="quiz-more" kind="alternative"
# answer: quiz-more
yes = "F3 F4 G2 G4".split()
no = "F1 F2 G1 G3".split()
quiz_more = {**dict.fromkeys(yes, "yes"), **dict.fromkeys(no, "no")}
quiz_more_arguments = {}


# %% answer="quiz-more" kind="wrong"
# answer: quiz-more
quiz_more = {group + number: "no" for group in "FG" for number in "1234"}
quiz_more_arguments = {}

"""The toy course that is attacked: one notebook, for our grader and for plain nbgrader alike."""

from __future__ import annotations

from pathlib import Path

from nbformat import NotebookNode

from autograde.grading.mark import Assignment, load_assignment
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.answers import submission

NAME = "01_toy"
FULL = 9.0
"""What the automatic tasks are worth together."""

COURSE = """
name = "A toy course"
repository = "someone/toy"
tag = "v1"

[software]
out_of_reach_by_hand = ["xaikit", "captum"]
"""

# The hidden tests are nbgrader's: our release takes them out, and our grader never runs them.
SOURCE = '''# %% [markdown]
# # A toy notebook

# %% nbgrader={"grade_id": "given-imports"}
import numpy as np

# %% nbgrader={"grade_id": "given-data"}
observed = np.array([2.0, 3.0, 5.0])

# %% nbgrader={"grade_id": "mean-square", "solution": true}
# answer: mean-square
def mean_square(numbers):
    """Return the mean of the squares of an array."""
    ### BEGIN SOLUTION
    return (numbers**2).mean()
    ### END SOLUTION

# %% nbgrader={"grade_id": "mean-square-test", "grade": true, "points": 3}
import numpy as np
assert mean_square(np.ones(2)) is not None
### BEGIN HIDDEN TESTS
assert np.allclose(mean_square(np.array([1.0, 2.0, 4.0])), 7.0)
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "total", "solution": true}
# answer: total
total = None
### BEGIN SOLUTION
total = sum(range(101))
### END SOLUTION

# %% nbgrader={"grade_id": "total-test", "grade": true, "points": 2}
assert total is not None
### BEGIN HIDDEN TESTS
if abs(total - 5050) > 1e-9:
    raise AssertionError("That is not the sum of 0 to 100.")
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "weights", "solution": true}
# answer: weights
weights = None
### BEGIN SOLUTION
weights = observed / observed.sum()
### END SOLUTION

# %% nbgrader={"grade_id": "weights-test", "grade": true, "points": 2}
assert weights is not None
### BEGIN HIDDEN TESTS
assert np.allclose(weights, [0.2, 0.3, 0.5])
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "quiz", "solution": true}
# answer: quiz
answers = {"a": None, "b": None}
### BEGIN SOLUTION
answers = {"a": "yes", "b": "no"}
### END SOLUTION

# %% nbgrader={"grade_id": "quiz-test", "grade": true, "points": 2}
assert set(answers) == {"a", "b"}
### BEGIN HIDDEN TESTS
assert answers == {"a": "yes", "b": "no"}
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade_id": "why", "solution": true, "grade": true, "points": 1}
# <!-- answer: why -->
# Why do the weights add up to one?
#
# ### BEGIN SOLUTION
# Each is a share of the same total.
# ### END SOLUTION
'''

CHECKS = """from autograde.tasks import Call, Value, expect, expect_close, task


@task("mean-square", Call("mean_square", lambda rng: [(rng.normal(size=5),) for _ in range(2)],
                          needs=("given-imports",)))
def mean_square(calls):
    for call in calls:
        (numbers,) = call.arguments
        reference = sum(float(n) * float(n) for n in numbers) / len(numbers)
        expect_close(call.returned, reference, "mean_square", "Square first, then average.")


@task("total", Value("total"))
def total(values):
    expect_close(values["total"], 5050, "total")


@task("weights", Value("weights"))
def weights(values):
    expect_close(values["weights"], [0.2, 0.3, 0.5], "weights")


@task("quiz", Value("answers"))
def quiz(values):
    answers = values["answers"]
    expect(isinstance(answers, dict), "`answers` should be a dictionary.")
    return sum(answers.get(k) == v for k, v in {"a": "yes", "b": "no"}.items()) / 2
"""

RIGHT = {
    "mean-square": "def mean_square(numbers):\n    return float(np.square(numbers).mean())",
    "total": "total = 100 * 101 // 2",
    "weights": "weights = observed / 10",
    "quiz": "answers = {'a': 'yes', 'b': 'no'}",
}
WRONG = {
    "mean-square": "def mean_square(numbers):\n    return 12345.0",
    "total": "total = 0",
    "weights": "weights = np.zeros(3)",
    "quiz": "answers = {'a': 'no', 'b': 'yes'}",
}
TEXT = "<!-- answer: why -->\nEach is a share of the same total."


def write_course(folder: Path) -> Course:
    """Write the course to a folder and read it back."""
    solutions = folder / "solutions"
    solutions.mkdir(parents=True)
    (folder / "course.toml").write_text(COURSE)
    (solutions / f"{NAME}.py").write_text(SOURCE)
    (solutions / f"{NAME}_checks.py").write_text(CHECKS)
    return read_course(folder)


def assignment(course: Course) -> Assignment:
    """Return what the grader trusts: instructor's version, release, checks."""
    return load_assignment(NAME, course.file)


def answered(released: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """Return the released notebook with these answers, and a text for the marker."""
    cells = {task: f"# answer: {task}\n{source}" for task, source in answers.items()}
    return submission(released, cells | {"why": TEXT})

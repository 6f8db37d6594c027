"""A course of one small notebook, written to a folder: what the tests of autograde grade."""

from __future__ import annotations

from pathlib import Path

from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.source import Source, read_source

COURSE = """
name = "A small course"
repository = "someone/course"
tag = "v1"
group_size = 2
students = ["Ada Lovelace", "Alan Turing", "Grace Hopper"]

[assignments.01_small]
deadline = "2027-04-30T23:59:00+02:00"

[extensions]
"Grace Hopper" = { 01_small = "2027-05-07T23:59:00+02:00" }

[groups]
"Group 1" = ["Ada Lovelace", "Alan Turing"]

[quiz]
right = 1.0
"""

SOURCE = '''# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # A small notebook
#
# Part of {{ course.name }}, found at https://github.com/{{ course.repository }}.

# %% nbgrader={"grade_id": "given-imports"}
import math

# %% [markdown]
# {{ hint }}

# %% nbgrader={"grade_id": "double", "solution": true}
# answer: double
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    twice_as_much = x * 2 + math.floor(0.5) * x - 0 * x
    return twice_as_much
    ### END SOLUTION

# %% nbgrader={"grade_id": "double-test", "grade": true, "points": 2}
assert double(1) is None or double(1) > 1

# %% nbgrader={"grade_id": "total", "solution": true}
# answer: total
total = None
### BEGIN SOLUTION
total = sum(range(5))
### END SOLUTION

# %% nbgrader={"grade_id": "total-test", "grade": true, "points": 3}
print(total)

# %% [markdown] nbgrader={"grade_id": "why", "solution": true, "grade": true, "points": 4}
# <!-- answer: why -->
# Why is the total what it is?
#
# ### BEGIN SOLUTION
# Because the sum of the first n numbers is n (n - 1) / 2.
# ### END SOLUTION
# === BEGIN MARK SCHEME ===
# Two points for the formula, two points for saying where it comes from.
# === END MARK SCHEME ===

# %%
print("the end")
'''

CHECKS = """from autograde.tasks import Call, Value, expect, expect_close, task

TEXT = {"hint": "Read slowly."}


@task("double", Call("double", lambda rng: [(int(n),) for n in rng.integers(1, 99, 3)],
                     needs=("given-imports",)))
def double(calls):
    for call in calls:
        expect_close(call.returned, 2 * call.arguments[0], "double", "Twice as much, please.")


@task("total", Value("total"))
def total(values):
    if values["total"] == 9:
        return 0.5
    expect(values["total"] == 10, "`total` should be the sum of 0 to 4.")
"""

ANSWERS = """# %% answer="double" kind="alternative"
# answer: double
def double(x):
    return x + x

# %% answer="double" kind="wrong"
# answer: double
def double(x):
    return x * x

# %% answer="total" kind="alternative"
# answer: total
total = 0 + 1 + 2 + 3 + 4

# %% answer="total" kind="wrong"
# answer: total
total = sum(range(6))

# %% [markdown] answer="why" kind="alternative"
# <!-- answer: why -->
# Pair the first with the last.
"""


def write_course(
    folder: Path, source: str = SOURCE, checks: str = CHECKS, answers: str = ANSWERS
) -> Course:
    """Write the course to a folder and read it back."""
    solutions = folder / "solutions"
    solutions.mkdir(parents=True, exist_ok=True)
    (folder / "course.toml").write_text(COURSE)
    (solutions / "01_small.py").write_text(source)
    (solutions / "01_small_checks.py").write_text(checks)
    (solutions / "01_small_answers.py").write_text(answers)
    return read_course(folder)


def small_source(folder: Path, source: str = SOURCE, checks: str = CHECKS) -> Source:
    """Write the course and read its one notebook."""
    course = write_course(folder, source, checks)
    return read_source(folder / "solutions" / "01_small.py", course)

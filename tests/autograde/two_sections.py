"""A course of one notebook with two sections, from which course.toml may choose.

Points: double 2 and total 3 in the first section (an hour, the core path), mean 4 and why 6 in the
second (two hours). The second section needs the name ``numbers``, which the first one defines.
"""

from __future__ import annotations

from pathlib import Path

from autograde.model.course import Course
from autograde.model.course_file import read_course

NAME = "01_two"

COURSE = """
name = "Two sections"
repository = "someone/course"
tag = "v1"
students = ["Ada Lovelace", "Alan Turing"]

[software]
out_of_reach_by_hand = []

[assignments.01_two]
deadline = "2027-04-30T23:59:00+02:00"
"""

SECTIONS = {
    "00_start.py": """# %% [markdown]
# # Two sections
#
# {{ course.terms }}
#
# {{ course.time }}. {{ course.by_hand }}
# {{ if whole }}
# Sections {{ core.first }} to {{ core.last }} take {{ core.time }} and earn {{ core.share }}.
# {{ else }}
# A part of the notebook.
# {{ end }}
# First{{ if task.mean and not task.double }}, without double{{ end }}.

# %% nbgrader={"grade_id": "given-imports"}
import math
""",
    "01_first.py": '''# %% [markdown] minutes=60 core=true
# ## Section: First
#
# Some numbers. **Time:** {{ time }}.

# %% name="numbers"
numbers = [1, 2, 3]

# %% [markdown]
# ### Task: twice
#
# Double it.

# %%
factor = 2

# %% nbgrader={"grade_id": "double", "solution": true}
# answer: double
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    twice_as_much = x * 2 + math.floor(0.5) * x - 0 * x
    return twice_as_much
    ### END SOLUTION

# %% nbgrader={"grade_id": "double-test", "grade": true, "points": 2}
assert double(1) is None or double(1) == factor

# %% [markdown]
# Between the tasks.
#
# ### Task: all of them

# %% nbgrader={"grade_id": "total", "solution": true}
# answer: total
total = None
### BEGIN SOLUTION
total = math.floor(sum(number for number in numbers))
### END SOLUTION

# %% nbgrader={"grade_id": "total-test", "grade": true, "points": 3}
print(total)
''',
    "02_second.py": """# %% [markdown] minutes=120
# The first section ends here.
#
# ## Section: Second
#
# **Time:** {{ time }}.
#
# ### Task: the mean of `numbers`

# %% nbgrader={"grade_id": "mean", "solution": true}
# answer: mean
mean = None
### BEGIN SOLUTION
mean = sum(number / len(numbers) for number in numbers)
### END SOLUTION

# %% nbgrader={"grade_id": "mean-test", "grade": true, "points": 4}
print(mean)

# %% [markdown]
# ### Task: why

# %% [markdown] nbgrader={"grade_id": "why", "solution": true, "grade": true, "points": 6}
# <!-- answer: why -->
# ### BEGIN SOLUTION
# Because one adds them up, and divides by how many there are.
# ### END SOLUTION
# === BEGIN MARK SCHEME ===
# Three points for the sum, three points for the number of them.
# === END MARK SCHEME ===
""",
    "03_end.py": """# %% [markdown]
# ## Hand in

# %% tags=["hand-in"]
print("the end")
""",
}

CHECKS = {
    "01_first.py": """from autograde.tasks import Call, Value, expect, expect_close, given, task

HERE = given("numbers")


def inputs(rng):
    return [(int(n),) for n in rng.integers(1, 99, 3)]


@task("double", Call("double", inputs, needs=("given-imports",)), read="section {{ section }}")
def double(calls):
    for call in calls:
        expect_close(call.returned, 2 * call.arguments[0], "double")


@task("total", Value("total"))
def total(values):
    expect(values["total"] == sum(HERE.numbers), "`total` should be the sum of the numbers.")
""",
    "02_second.py": """from autograde.tasks import Value, expect, task


@task("mean", Value("mean"), read="{{ if task.total }}task {{ task.total }}{{ end }}")
def mean(values):
    expect(values["mean"] == 2, "`mean` should be the mean of the numbers.")
""",
}

ANSWERS = {
    "01_first.py": """# %% answer="double" kind="alternative"
# answer: double
def double(x):
    return x + x

# %% answer="double" kind="wrong"
# answer: double
def double(x):
    return x * x

# %% answer="total" kind="alternative"
# answer: total
total = 1 + 2 + 3

# %% answer="total" kind="wrong"
# answer: total
total = sum(range(3))
""",
    "02_second.py": """# %% answer="mean" kind="alternative"
# answer: mean
mean = (1 + 2 + 3) / 3

# %% answer="mean" kind="wrong"
# answer: mean
mean = 6
""",
}


def write_two(folder: Path, chosen: str = "", sections: dict[str, str] = SECTIONS) -> Course:
    """Write the course, with these lines below its assignment, and read it back."""
    home = folder / "solutions" / NAME
    for place, files in ((home, sections), (home / "checks", CHECKS), (home / "answers", ANSWERS)):
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(text, encoding="utf-8")
    (folder / "course.toml").write_text(f"{COURSE}{chosen}\n", encoding="utf-8")
    return read_course(folder)

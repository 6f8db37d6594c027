"""A course of one small notebook for the tour's pictures: what it shows of marking is no secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autograde.authoring.first_task import first_files
from autograde.commands.grade import grade
from autograde.grading.mark import load_assignment
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.release import release, to_json
from autograde.notebooks.source import find_source
from autograde.sandbox.isolation import Isolation

NAME = "01_contributions"

_COURSE = """\
name = "An example"
repository = "{repository}"
tag = "{tag}"
students = ["Ada Lovelace", "Alan Turing", "Grace Hopper"]

[assignments.{name}]
deadline = "2027-04-30T23:59:00+02:00"

[software]
packages = ["numpy", "matplotlib", "xaikit"]
"""

_BY_HAND = """\
# %% [markdown] minutes=10 core=true
# ## Section: Which baseline?
#
# ### Task: choice
#
# A grey image, a black one and a blurred one can all stand for "feature absent". In two or three
# sentences: how does the choice change what a map of contributions says?

# %% [markdown] nbgrader={"grade_id": "choice", "solution": true, "grade": true, "points": 3}
# <!-- answer: choice -->
# ### BEGIN SOLUTION
# A contribution is a difference from the baseline. A pixel that equals the baseline contributes
# nothing, however much the network needs it: with a black baseline, black parts of a shoe.
# ### END SOLUTION
# === BEGIN MARK SCHEME ===
# One point: contributions are differences from the baseline. One point: what equals the baseline
# gets nothing. One point: an example.
# === END MARK SCHEME ===
"""

_TEXTS = {
    "Ada Lovelace": "Each contribution says how much the output changes from the baseline to the "
    "input. Where a pixel has the baseline's value, it gets 0, such as the black sole "
    "of a boot with a black baseline.",
    "Alan Turing": "Another baseline gives other numbers, so I would report more than one.",
}


def write_example(folder: Path, course: Course, say: Callable[[str], object]) -> Course:
    """Write and release the example's course, and return it."""
    folder = folder.resolve()
    solution = folder / "solutions" / NAME
    files = {solution / place: text for place, text in first_files(NAME).items()}
    files[solution / "01b_baseline.py"] = _BY_HAND
    files[folder / "course.toml"] = _COURSE.format(
        name=NAME, repository=course.repository, tag=course.tag
    )
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    example = read_course(folder / "course.toml")
    release([], example, say)
    return example


def grade_example(
    example: Course, out: Path, isolation: Isolation, say: Callable[[str], object]
) -> None:
    """Grade one right and one wrong submission; a third student hands in nothing."""
    assignment = load_assignment(NAME, example.file)
    written = load_answers(find_source(example.folder / "solutions", NAME))
    functions = {
        "Ada Lovelace": assignment.solutions["contributions"],
        "Alan Turing": written["contributions"]["wrong"],
    }
    folder = example.folder / "submissions"
    for student, function in functions.items():
        text = f"<!-- answer: choice -->\n{_TEXTS[student]}"
        texts = {"contributions": function, "choice": text}
        file = folder / student / f"{NAME}.ipynb"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(to_json(submission(assignment.released, texts)), encoding="utf-8")
    grade(folder, example, out, isolation=isolation, say=say)

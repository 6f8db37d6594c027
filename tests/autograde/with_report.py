"""The small course with a report: what the tests of the hand-in grade."""

from __future__ import annotations

from pathlib import Path

from one_process import one_process
from small_course import ANSWERS, SOURCE, write_course

from autograde.commands.grade import grade
from autograde.grading.mark import load_assignment
from autograde.model.course import Course
from autograde.notebooks.answers import submission
from autograde.notebooks.release import released, solutions, to_json
from autograde.notebooks.source import read_source

REPORT = """# %% nbgrader={"grade_id": "page", "solution": true, "grade": true, "points": 6} TAGS
# answer: page
### BEGIN SOLUTION
open("report.pdf", "wb").write(b"what the author hands in")
### END SOLUTION
# === BEGIN MARK SCHEME ===
# * Three points for the figure.
# * Three points for the text.
# === END MARK SCHEME ===

# %%
print("the end")
""".replace("TAGS", 'tags=["report"]')
WITH_REPORT = SOURCE.replace('# %%\nprint("the end")\n', REPORT)


def course_with_report(folder: Path) -> Course:
    assert WITH_REPORT != SOURCE
    return write_course(folder, WITH_REPORT, answers=ANSWERS)


def upload(course: Course, **changed: str) -> bytes:
    """Return the author's notebook, some answers replaced."""
    source = read_source(course.folder / "solutions" / "01_small.py", course)
    notebook = submission(released(source), {**solutions(source), **changed})
    return to_json(notebook).encode()


def hand_in(folder: Path, student: str, notebook: bytes, **files: bytes) -> Path:
    """Write a student's files; of a PDF's name the underscore is the dot."""
    home = folder / student
    home.mkdir(parents=True, exist_ok=True)
    (home / "01_small.ipynb").write_bytes(notebook)
    for name, content in files.items():
        (home / name.replace("_pdf", ".pdf")).write_bytes(content)
    return home


def graded(course: Course, folder: Path, out: Path):
    """Grade and return the results by student."""
    load_assignment.cache_clear()
    with one_process():
        results = grade(folder, course, out, isolation="none", say=lambda line: None)
    return {result.student: result for result in results}

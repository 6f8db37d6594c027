"""What names of files and folders say: which assignment, whose, and why one is passed over."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from autograde.model.course import Course
from autograde.safety.sanitize import clean_line, safe_name

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")


# What browsers, JupyterLab and Colab make of the name of a second copy.
_COPY = re.compile(r"^(?:Copy of |Kopie von )*(.*?)(?: ?\(\d+\)|-Copy\d*)*$")


def passed_over(path: str) -> str:
    """Say why a file was not looked at."""
    shown = clean_line(path)
    if Path(path).suffix.lower() in ARCHIVES:
        return f"{shown} is an archive and was passed over; unpack it to STUDENT/NAME.ipynb first."
    if path.endswith(".ipynb"):
        return f"{shown} was passed over: a notebook of the course lies at STUDENT/NAME.ipynb."
    return f"{shown} was passed over: it is no notebook of the course."


def submitters(course: Course, notices: list[str]) -> Callable[[str], str]:
    """Return a function that says who a folder belongs to, by its name.

    It answers in the course file's own words where that knows them.
    """
    of_folder = {safe_name(person): person for person in sorted(course.people, reverse=True)}

    def submitter(name: str) -> str:
        student = name if name in course.people else of_folder.get(name)
        if student is None:
            # A name that cannot be shown as it is stays apart from the one it would look like.
            student = name if clean_line(name) == name else safe_name(name)
            if course.students:
                notices.append(f"{student} is not in the class list; graded all the same.")
        return course.group_of(student) or student

    return submitter


def assignment_of(file: str, names: Sequence[str]) -> str:
    """Return which assignment a file's name says it is, or nothing."""
    path = Path(file)
    name = _COPY.sub(r"\1", path.stem).strip() if path.suffix == ".ipynb" else ""
    return name if name in names else ""

"""What nbgrader's exchange writes beside a submission: by it the student gets feedback back.

It lies in a folder that the student may write, so it is believed only where it has the form that
nbgrader gives it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from autograde.intake.layout import Exchanged
from autograde.intake.upload import Place, SubmissionsError, noted_time
from autograde.model.course import Course
from autograde.model.kinds import folded
from autograde.safety.sanitize import clean_line, safe_name

_NAME_BYTES = 200
_SECRET = re.compile(rb"[ -~]{1,1000}\n?")


@dataclass(frozen=True)
class Collected:
    """One submission that nbgrader's exchange collected.

    Attributes
    ----------
    student
        The submitter as it is graded: a group's name if the course file has the group.
    person
        Who handed it in: the student, or the group's member.
    assignment
        The notebook's name.
    secret
        What the student's own nbgrader knows of this submission, and nobody else's.
    moment
        When it was handed in, if that can be read.
    notebooks
        The names of the notebooks in it, without ending.
    """

    student: str
    person: str
    assignment: str
    secret: str
    moment: datetime | None
    notebooks: tuple[str, ...]


def collected(
    exchanged: Exchanged,
    student: str,
    course: Course,
    place: Callable[[int], Place],
    shown: Mapping[int, str],
    notices: list[str],
) -> Collected | None:
    """Return what the exchange wrote; None, and a notice, where that cannot be used.

    Parameters
    ----------
    exchanged
        Where it lies.
    student
        The submitter as it is graded.
    course
        Knows the members of groups.
    place, shown
        Where a file's bytes lie, and how messages name it, by its position.
    notices
        Takes a sentence.
    """
    try:
        secret = place(exchanged.secret).read(1001)
    except SubmissionsError:
        secret = b""
    if not _SECRET.fullmatch(secret):
        notices.append(
            f"{clean_line(shown[exchanged.secret])} is not as nbgrader writes it: `nbgrader "
            "release_feedback` passes this submission over."
        )
        return None
    return Collected(
        student,
        _person(exchanged.student, student, course),
        exchanged.folder,
        secret.decode("ascii"),
        _moment(exchanged, place),
        tuple(filter(_is_plain, dict.fromkeys(exchanged.notebooks))),
    )


def _is_plain(name: str) -> bool:
    """Whether nbgrader can print a name, and a file can have it, as not all in an archive can."""
    return bool(name) and clean_line(name) == name and len(name.encode()) <= _NAME_BYTES


def _person(folder: str, student: str, course: Course) -> str:
    """Return whose folder it is: the member's that is called so, or else the submitter's."""
    return next(
        (
            member
            for member in course.members(student)
            if safe_name(member) == folder or folded(member) == folded(folder)
        ),
        student,
    )


def _moment(exchanged: Exchanged, place: Callable[[int], Place]) -> datetime | None:
    if exchanged.note is None:
        return None
    try:
        return noted_time(place(exchanged.note).read(1000))
    except Exception:  # dateutil raises errors of many types
        return None

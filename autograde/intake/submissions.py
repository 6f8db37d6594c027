"""Find what was handed in: which file, of whom, when, and who handed in nothing.

Two layouts of folders are read: ``STUDENT/NAME.ipynb`` and nbgrader's
``submitted/STUDENT/NAME/NAME.ipynb`` with ``timestamp.txt`` beside it; and what
:mod:`autograde.intake.archives` knows of zip files. Links are never followed. A student's name is
only ever shown: wherever it becomes a path, :func:`autograde.safety.sanitize.safe_name` makes it
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograde.intake.downloads import uploads_in_archive
from autograde.intake.folders import uploads_in_folder
from autograde.intake.upload import SubmissionsError, Upload, later_of
from autograde.model.course import Course


@dataclass
class Found:
    """All uploads, missing ones included, by assignment and student; and what was passed over."""

    uploads: list[Upload]
    notices: list[str] = field(default_factory=list)


def find(
    folder: Path, course: Course, assignments: Sequence[str], only: Sequence[str] = ()
) -> Found:
    """Find the uploads in a folder or a zip file.

    Everybody of the class (``students`` and ``groups`` of the course file, and whoever handed in
    anything) without an upload is listed as missing: for the assignments in ``only``, or for
    those that at least one handed in.

    Parameters
    ----------
    folder
        Holds a folder for each student or group; or nbgrader's course folder with ``submitted/``;
        or a zip file of these, or the zip file that Moodle or Canvas lets an instructor download.
    course
        The class, its groups and deadlines.
    assignments
        The names of all notebooks of the course.
    only
        The notebooks to look for; all by default.

    Raises
    ------
    SubmissionsError
        If there is nothing to grade.
    """
    found = Found([])
    best: dict[tuple[str, str], Upload] = {}
    if folder.is_file():
        uploads = uploads_in_archive(folder, course, assignments, only, found.notices)
    else:
        uploads = uploads_in_folder(folder, course, assignments, found.notices)
    for upload in uploads:
        key = (upload.assignment, upload.student)
        best[key] = later_of(best[key], upload) if key in best else upload
    if not best:
        raise SubmissionsError(
            f"{folder} holds no submission: a notebook lies at STUDENT/NAME.ipynb, where NAME is "
            f"one of {', '.join(assignments)}."
        )
    wanted = only or [name for name in assignments if any(key[0] == name for key in best)]
    everybody = dict.fromkeys((*course.submitters(), *(student for _, student in best)))
    for name in wanted:
        for student in sorted(everybody, key=lambda s: (s.casefold(), s)):
            upload = best.get((name, student), Upload(student, name, None))
            found.uploads.append(replace(upload, late=_is_late(upload, course)))
    return found


def _is_late(upload: Upload, course: Course) -> bool:
    deadline = course.deadline(upload.assignment, upload.student)
    if upload.timestamp is None:
        # The platform does not know of extensions that the course file grants.
        return upload.late and deadline == course.assignment(upload.assignment).deadline
    return bool(deadline and upload.timestamp > deadline)

"""What names of files and folders say: which assignment, whose, and why one is passed over."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from autograde.lms.names import letters, meaning
from autograde.lms.platform import Handed
from autograde.model.course import Course
from autograde.model.kinds import folded
from autograde.safety.sanitize import clean_line, safe_name

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")

NBGRADER = frozenset({"source", "release", "submitted", "autograded", "feedback"})
"""The folders of nbgrader's course folder."""


def is_notebook(name: str) -> bool:
    """Whether a file is called like a notebook, as ``x.IPYNB`` and ``x.ipynb.txt`` are, too."""
    return ".ipynb" in name.casefold()


def may_hold_notebook(name: str) -> bool:
    """Whether a file is called like a notebook, or an archive that is opened."""
    return is_notebook(name) or name.casefold().endswith((".zip", ".json"))


def assignment_of(file: str, assignments: Iterable[str]) -> str:
    """Return which assignment a file's name says it is, or nothing.

    Other words may surround the assignment's name, as in "Copy of 01_theory (1)".
    """
    name = letters(PurePosixPath(file).name)
    found = [assignment for assignment in assignments if letters(assignment) in name]
    return max(found, key=len, default="")


def passed_over(path: str) -> str:
    """Say why a file was not looked at."""
    shown = clean_line(path)
    if PurePosixPath(path).suffix.lower() in ARCHIVES:
        return f"{shown} is an archive and was passed over; unpack it to STUDENT/NAME.ipynb first."
    if is_notebook(path):
        return f"{shown} was passed over: a notebook of the course lies at STUDENT/NAME.ipynb."
    return f"{shown} was passed over: it is no notebook of the course."


def no_report(path: str) -> str:
    """Say why a file that is called a report is none."""
    return f"{clean_line(path)} was passed over: a report is handed in as a PDF."


def submitters(course: Course, notices: list[str]) -> Callable[[str], str]:
    """Return a function that says who a folder belongs to, by its name.

    It answers in the course file's own words where that knows them, spelled otherwise, too, if
    only one person may be meant.
    """
    of_folder = {safe_name(person): person for person in sorted(course.people, reverse=True)}
    alike: dict[str, list[str]] = defaultdict(list)
    for person in sorted(course.people):
        alike[folded(person)].append(person)

    def submitter(name: str) -> str:
        student = name if name in course.people else of_folder.get(name)
        meant = alike.get(folded(name), [])
        if student is None and len(meant) == 1:
            student = meant[0]
        if student is None:
            student = unicodedata.normalize("NFC", name)
            # A name that cannot be shown as it is stays apart from the one it would look like.
            student = student if clean_line(student) == student else safe_name(name)
            if meant:
                notices.append(
                    f"{student} may be {' or '.join(map(clean_line, meant))}; graded as neither."
                )
            elif stranger := course.stranger(student):
                notices.append(f"{student} {stranger}")
        return course.group_of(student) or student

    return submitter


def platform_students(
    handed: Iterable[Handed], course: Course, notices: list[str]
) -> Callable[[Handed], str]:
    """Return a function that says who each of a platform's users is.

    It answers in the course file's own words where that knows them.
    """
    meant, submitter_of = meaning(sorted(course.people)), submitters(course, notices)
    names: dict[tuple[str, str], str] = {}
    for user in dict.fromkeys((item.student, item.number) for item in handed):
        known = meant(user[0]) or _team_member(user[0], meant)
        names[user] = known[0] if len(known) == 1 else user[0]
        if len(known) > 1:
            notices.append(
                f"{clean_line(user[0])} may be {' or '.join(map(clean_line, known))}; graded "
                "under the name of the download."
            )
    users = Counter(names.values())
    who = {
        user: submitter_of(
            # Two users of one name stay apart, as do the participants of blind marking.
            f"{name} {user[1]}" if user[1] and (users[name] > 1 or name == "Participant") else name
        )
        for user, name in names.items()
    }
    return lambda item: who[item.student, item.number]


def _team_member(name: str, meant: Callable[[str], list[str]]) -> list[str]:
    """Return who of a team is meant: Moodle before 4.1 writes "TEAM-NAME" for every member."""
    ends = [i for i, character in enumerate(name) if character == "-"]
    found = (meant(name[i + 1 :].strip()) for i in ends)
    return next((known for known in found if known), [])


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key by which names are sorted as people sort them: "x (10)" after "x (9)"."""
    parts = re.split(r"(\d{1,18})", name.casefold())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]

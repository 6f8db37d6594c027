"""What nbgrader calls a student: the name as a folder, or a pseudonym where markers see no names.

A pseudonym is derived from the course's secret, so it is the same in every run and nobody without
the secret can tell whose it is. ``pseudonyms.csv`` in the folder of results says it; it stands
beside ``grades.csv``, apart from the gradebook and the notebooks that markers are given.
"""

from __future__ import annotations

import csv
import hmac
import io
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from autograde.model.course import Course
from autograde.safety.files import write_whole
from autograde.safety.sanitize import defuse, fused, safe_name

FILE = "pseudonyms.csv"
_HEADER = ("pseudonym", "student")
_PSEUDONYM = re.compile(
    r"student-[0-9a-f]{12}"
)  # safe_name's own, "student-" and 8 digits, is none


def pseudonym(student: str, secret: bytes) -> str:
    """Return a student's or group's pseudonym, of their name as a folder."""
    # Tasks' hidden inputs are derived from the same secret, of texts without this first line.
    text = f"pseudonym\0{safe_name(student)}".encode()
    return f"student-{hmac.digest(secret, text, 'sha256').hex()[:12]}"


def is_pseudonym(identity: str) -> bool:
    """Return whether a name has a pseudonym's form."""
    return _PSEUDONYM.fullmatch(identity) is not None


def wanted_ids(students: Iterable[str], course: Course) -> dict[str, str]:
    """Return what nbgrader should call each student, as the course file wants it."""
    if not course.anonymous:
        return {student: safe_name(student) for student in students}
    secret = course.secret()
    return {student: pseudonym(student, secret) for student in students}


def read_pseudonyms(out: Path) -> dict[str, str]:
    """Return whose each pseudonym in a folder of results is; nobody's where there are names."""
    file = out / FILE
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    return {row[_HEADER[0]]: fused(row[_HEADER[1]]) for row in rows}


def write_pseudonyms(known: Mapping[str, str], out: Path) -> None:
    """Write whose each pseudonym is; without any there is no file."""
    if not known:
        (out / FILE).unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows((p, defuse(student)) for p, student in sorted(known.items()))
    write_whole(out / FILE, text.getvalue())


def nbgrader_ids(out: Path) -> Callable[[str], str]:
    """Return a function that says what the gradebook in a folder of results calls a student."""
    ids = {student: identity for identity, student in read_pseudonyms(out).items()}
    return lambda student: ids.get(student, safe_name(student))

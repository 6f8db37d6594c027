"""What an archive of a learning management system consists of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Entry:
    """One plain file of an archive: its position there, its path as parts, and its time."""

    index: int
    parts: tuple[str, ...]
    time: datetime | None


@dataclass(frozen=True)
class Handed:
    """One file that somebody handed in.

    Attributes
    ----------
    index
        Its position in the archive.
    student
        The submitter as the archive spells the name.
    number
        What the platform knows the submitter by; empty in a plain archive.
    name
        The file's name as the student gave it.
    folder
        The assignment that its folder is called by (nbgrader's layout), else empty.
    time
        When it was handed in, if the archive says so: a platform's download does not.
    late
        Whether the platform says that it was late.
    note
        The position of nbgrader's ``timestamp.txt`` beside it.
    """

    index: int
    student: str
    number: str
    name: str
    folder: str = ""
    time: datetime | None = None
    late: bool = False
    note: int | None = None

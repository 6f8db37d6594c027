"""What a learning management system is to the grader: how it packs uploads, what it takes back.

Each is one module of this folder and one line of :mod:`autograde.lms.registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from autograde.lms.filling import Filled
from autograde.lms.names import Pairs
from autograde.lms.sheets import Sheet
from autograde.model.records import Mark


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
        The file's path as the student gave it: most often a name alone.
    folder
        The assignment that a folder around it is called by (as in nbgrader's layout), else empty.
    time
        When it was handed in, if the archive says so: a platform's download does not.
    late
        Whether the platform says that it was late.
    note
        The position of nbgrader's ``timestamp.txt`` beside it.
    order
        The platform's own number, greater for what was handed in later; 0 if it gives none.
    """

    index: int
    student: str
    number: str
    name: str
    folder: str = ""
    time: datetime | None = None
    late: bool = False
    note: int | None = None
    order: int = 0


class Platform(Protocol):
    """One learning management system."""

    name: str
    """What ``autograde export --format`` calls it."""

    title: str
    """What people call it."""

    worksheet: str
    """Which file it lets an instructor download, to be filled in with marks, and where."""

    lateness: str
    """What its download of submissions says about lateness, and what follows."""

    one_assignment: bool
    """Whether a worksheet is for one assignment only."""

    takes_feedback: bool
    """Whether it takes pages of feedback beside the marks."""

    def entries(self, found: Sequence[Entry]) -> list[Entry] | None:
        """Return the files of an archive that this platform packed, None if somebody else did.

        Folders around all have been taken off: it is told by what lies at the top.
        """

    def handed_in(self, entry: Entry, assignments: Sequence[str]) -> Handed | None:
        """Return what a file of its archive is; None if it is nothing that the platform packs.

        Parameters
        ----------
        entry
            One of :meth:`entries`.
        assignments
            The names of all notebooks of the course.
        """

    def pairs(self, sheet: Sheet, students: Collection[str]) -> Pairs:
        """Return whose rows are which in the platform's worksheet.

        Parameters
        ----------
        sheet
            As the platform wrote it.
        students
            Everybody who handed in, teams by their names.

        Raises
        ------
        autograde.lms.sheets.ExportError
            If the sheet is not the platform's.
        """

    def filled(
        self, sheet: Sheet, pairs: Pairs, marks: Sequence[Mark], column: str | None
    ) -> Filled:
        """Return the worksheet with these marks in it, and what to say before it is written.

        Parameters
        ----------
        sheet
            As the platform wrote it.
        pairs
            What :meth:`pairs` returned.
        marks
            Of one assignment where :attr:`one_assignment` says so.
        column
            The title of the assignment there, if it is not called like the notebook.

        Raises
        ------
        autograde.lms.sheets.ExportError
            If the sheet is not the platform's, or takes no points.
        """

    def write(
        self,
        filled: Sheet,
        pairs: Pairs,
        pages: Mapping[int, Mapping[str, Path]],
        assignments: Sequence[str],
        folder: Path,
    ) -> list[Path]:
        """Write a filled sheet, and feedback if the platform takes it; return the files.

        All of them are written, or none.

        Parameters
        ----------
        filled, pairs
            Of :meth:`filled` and :meth:`pairs`.
        pages
            The pages of feedback that there are: by row of the sheet, then by assignment.
        assignments
            The notebooks that the sheet is for.
        folder
            Where the files are written.
        """


def packed(found: Sequence[Entry], is_packed: Callable[[str], object]) -> list[Entry] | None:
    """Return the files if what lies at their top is called as a platform calls it, else None.

    Every folder there has to be: one name, which a student may have chosen, decides nothing.
    A loose file of another name, which no layout has a place for, is somebody's note.

    Parameters
    ----------
    found
        The files, without folders around all.
    is_packed
        Whether the platform writes such a name.
    """
    folders = {entry.parts[0] for entry in found if len(entry.parts) > 1}
    names = {entry.parts[0] for entry in found}
    fits = any(map(is_packed, names)) and all(map(is_packed, folders))
    return list(found) if fits else None

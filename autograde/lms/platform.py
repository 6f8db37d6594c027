"""What a learning management system is to the grader: how it packs uploads, what it takes back.

Each is one module of this folder and one line of :mod:`autograde.lms.registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
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
        """Return the files of an archive that this platform packed, without folders around all.

        None if somebody else packed it.
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


def without_wrapper(
    found: Sequence[Entry], is_file: Callable[[str], bool] = lambda name: False
) -> list[Entry]:
    """Take off folders around everything, which packing a folder adds.

    Parameters
    ----------
    found
        The archive's files.
    is_file
        Whether a file of this name needs no folder of its student's around it.
    """
    files = list(found)
    while (paths := [e.parts for e in files if e.parts[-1].endswith(".ipynb")]) and (
        len({parts[0] for parts in paths}) == 1
        and (
            all(len(parts) > 2 for parts in paths)
            or all(len(parts) == 2 and is_file(parts[1]) for parts in paths)
        )
        # One student's STUDENT/NAME/NAME.ipynb has no folder around it.
        and not all(len(parts) == 3 and f"{parts[1]}.ipynb" == parts[2] for parts in paths)
    ):
        top = paths[0][0]
        files = [
            replace(entry, parts=entry.parts[1:])
            for entry in files
            if entry.parts[0] == top and len(entry.parts) > 1
        ]
    return files

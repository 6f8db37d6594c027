"""One notebook of one submitter, and where its bytes lie: a file, or a file in an archive."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from nbgrader.utils import parse_utc

from autograde.errors import AutogradeError
from autograde.intake import archives
from autograde.intake.archives import ArchiveError
from autograde.lms.platform import Entry
from xaikit.handin.one_page import LARGEST
from xaikit.handin.uploads import SIZE_LIMIT


class SubmissionsError(AutogradeError):
    """The submissions cannot be found or read: one sentence, with the cure."""


CLEARED = "please clear all outputs, save it and hand it in again"
"""What to do about a notebook that is too large."""


@dataclass(frozen=True)
class Place:
    """Where a file's bytes lie.

    Attributes
    ----------
    path
        The file, or the archive that holds it.
    members
        Its position in the archive, and in each archive within; empty if it is a file of its own.
    """

    path: Path
    members: tuple[int, ...] = ()

    def read(self, limit: int = SIZE_LIMIT, cure: str = CLEARED) -> bytes:
        """Return the file's bytes.

        Parameters
        ----------
        limit
            How many it may have.
        cure
            What to do about a larger one.

        Raises
        ------
        SubmissionsError
            If it is not a plain file, cannot be read or is larger than ``limit`` bytes.
        """
        if not self.members:
            return _read_plain(self.path, limit, cure)
        try:
            return archives.read(self.path, self.members, limit, cure)
        except ArchiveError as error:
            raise SubmissionsError(str(error)) from None

    def head(self, count: int) -> bytes:
        """Return the file's first bytes, none if it cannot be read."""
        try:
            if self.members:
                return archives.head(self.path, self.members, count)
            with _opened(self.path) as file:
                return file.read(count)
        except (ArchiveError, SubmissionsError, OSError):
            return b""

    def entries(self, name: str, notices: list[str]) -> list[Entry]:
        """Return the files of the archive that lies here; see :func:`archives.entries_within`.

        Raises
        ------
        SubmissionsError
            If it cannot be opened.
        """
        try:
            return archives.entries_within(self.path, self.members, name, notices)
        except ArchiveError as error:
            raise SubmissionsError(str(error)) from None

    def within(self, index: int) -> Place:
        """Return where a file of the archive that lies here is."""
        return Place(self.path, (*self.members, index))


@dataclass(frozen=True)
class Beside:
    """A file beside a notebook: the report.

    Attributes
    ----------
    place
        Where its bytes lie.
    name
        What its author called it.
    """

    place: Place
    name: str

    def read(self) -> bytes:
        """Return its bytes.

        Raises
        ------
        SubmissionsError
            If it is not a plain file, cannot be read, or is larger than 16 MB.
        """
        return self.place.read(LARGEST, "please make its pictures smaller and hand it in again")


@dataclass(frozen=True)
class Upload:
    """One notebook of one student or group.

    Attributes
    ----------
    student
        The submitter as shown to people: a group's name if the course file has the group.
    assignment
        The notebook's name, such as ``01_theory``.
    path
        The file, or the archive that holds it; None if nothing was handed in.
    timestamp
        When it was handed in: ``timestamp.txt``, else the file's time; None if nobody knows.
    late
        Whether that is after the deadline, extensions included; or Canvas says so.
    notices
        What was unusual, a sentence each.
    members
        The file's position in the archive, and in each archive within; see :class:`Place`.
    refused
        Why what was handed in can be no notebook of the course; empty if it may be one.
    report
        The report beside it, if the notebook asks for one and there is one.
    """

    student: str
    assignment: str
    path: Path | None
    timestamp: datetime | None = None
    late: bool = False
    notices: tuple[str, ...] = ()
    members: tuple[int, ...] = ()
    refused: str = ""
    report: Beside | None = field(default=None, repr=False)

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises
        ------
        SubmissionsError
            If it is not a plain file, cannot be read, is larger than 32 MB, or is no notebook of
            the course.
        """
        if self.path is None:
            raise SubmissionsError("Nothing was handed in.")
        if self.refused:
            raise SubmissionsError(self.refused)
        return Place(self.path, self.members).read()


def noted_time(note: bytes) -> datetime:
    """Return the time that nbgrader's ``timestamp.txt`` says."""
    moment: datetime = parse_utc(note.decode("ascii").strip())
    return moment.replace(tzinfo=UTC)


def _read_plain(path: Path, limit: int, cure: str) -> bytes:
    """Read a plain file, or refuse it if something else now stands in its place."""
    with _opened(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise SubmissionsError(f"The upload is larger than {limit >> 20} MB; {cure}.")
    return content


def _opened(path: Path) -> BinaryIO:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise SubmissionsError(f"The upload cannot be read ({error.strerror}).") from None
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise SubmissionsError("The upload is not a plain file.")
    return file

"""One notebook of one submitter, from a file or an archive, and which of two counts."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.utils import parse_utc

from autograde.errors import AutogradeError
from autograde.intake import archives
from autograde.intake.archives import ArchiveError
from xaikit.uploads import SIZE_LIMIT


class SubmissionsError(AutogradeError):
    """The submissions cannot be found or read: one sentence, with the cure."""


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
    member
        The file's position in the archive; None if it is a file of its own.
    """

    student: str
    assignment: str
    path: Path | None
    timestamp: datetime | None = None
    late: bool = False
    notices: tuple[str, ...] = ()
    member: int | None = None

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises
        ------
        SubmissionsError
            If it is not a plain file, cannot be read or is larger than 32 MB.
        """
        if self.path is None:
            raise SubmissionsError("Nothing was handed in.")
        if self.member is None:
            return read_plain(self.path, SIZE_LIMIT)
        try:
            return archives.read(self.path, self.member, SIZE_LIMIT)
        except ArchiveError as error:
            raise SubmissionsError(str(error)) from None


def noted_time(note: bytes) -> datetime:
    """Return the time that nbgrader's ``timestamp.txt`` says."""
    moment: datetime = parse_utc(note.decode("ascii").strip())
    return moment.replace(tzinfo=UTC)


def later_of(one: Upload, other: Upload) -> Upload:
    """Return the later of two uploads of one submitter; it says that there was another."""
    earliest = datetime.min.replace(tzinfo=UTC)  # without times, what comes later was later
    last = other if (other.timestamp or earliest) >= (one.timestamp or earliest) else one
    sentence = f"{last.assignment} was handed in more than once; the latest upload counts."
    return replace(last, notices=tuple(dict.fromkeys((*last.notices, sentence))))


def read_plain(path: Path, limit: int) -> bytes:
    """Read a plain file, or refuse it if something else now stands in its place."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise SubmissionsError(f"The upload cannot be read ({error.strerror}).") from None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise SubmissionsError("The upload is not a plain file.")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise SubmissionsError(
            f"The upload is larger than {limit >> 20} MB; please clear all outputs, save it and "
            "hand it in again."
        )
    return content

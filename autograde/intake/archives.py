"""Zip files of submissions, as Moodle, Canvas or a person packs them: read, never unpacked.

Nothing in an archive becomes a path: its names only say who handed in what. Links, devices,
absolute paths and ``..`` are refused, each with a sentence; so are archives with too many files or
bytes, and files that would grow too large.

The names are those that the platforms write:

- Moodle, ``mod/assign/classes/downloader.php`` (before 4.1 in ``mod/assign/locallib.php``): a
  prefix ``NAME_NUMBER`` in which blanks stand for the underscores of the name, then
  ``_assignsubmission_file``; with "Download submissions in folders" that is a folder (until 4.0
  with one more underscore at its end), else the file's name follows after an underscore. Blind
  marking writes ``Participant`` for the name, team submissions the group's name and number.
- Canvas, ``lib/content_zipper.rb``: ``NAME[_LATE]_USER_FILE_ORIGINAL``, where NAME is the sortable
  name ("Lovelace, Ada") in lower case without anything but letters, and ``anon_CODE`` takes the
  place of name and user in anonymous grading. ORIGINAL ends in ``-1``, ``-2``, … where the student
  handed in a file of the same name before.
"""

from __future__ import annotations

import contextlib
import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from autograde.errors import AutogradeError
from autograde.lms.canvas import _CANVAS, _canvas_file, _of_canvas
from autograde.lms.moodle import _MOODLE, _of_moodle
from autograde.lms.platform import Entry, Handed
from autograde.safety.sanitize import clean_line

ENTRY_LIMIT = 20_000
TOTAL_LIMIT = 8 << 30
RATIO_LIMIT = 200
_RATIO_FREE = 4 << 20  # what is small may shrink as it likes

Layout = Literal["moodle", "canvas", "plain"]

_SYSTEM = ("__MACOSX", "Thumbs.db", "desktop.ini")
_UNIX_TIME = 0x5455  # the extra field with the time in UTC that Unix's zip writes


class ArchiveError(AutogradeError):
    """An archive, or a file in it, cannot be used: one sentence."""


def entries(file: Path, notices: list[str]) -> list[Entry]:
    """Return the plain files of an archive; say of the others why they were refused.

    Raises
    ------
    ArchiveError
        If the file is no zip file, or holds too many files or bytes.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            found = archive.infolist()
    except Exception as error:  # zipfile's parser raises whatever it meets
        raise ArchiveError(
            f"{file} cannot be read as a zip file ({clean_line(str(error))}); please download it "
            "again, or unpack it and give the folder."
        ) from None
    if len(found) > ENTRY_LIMIT or sum(info.file_size for info in found) > TOTAL_LIMIT:
        raise ArchiveError(
            f"{file} holds more than {ENTRY_LIMIT} files or {TOTAL_LIMIT >> 30} GB; please give "
            "an archive for each assignment, or unpack it and give the folder."
        )
    kept = []
    for index, info in enumerate(found):
        name = _name(info)
        shown = clean_line(f"{file.name}: {name}")
        kind = stat.S_IFMT(info.external_attr >> 16)
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            notices.append(f"{shown} is a link or a device and was not followed.")
        elif name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
            notices.append(f"{shown} leads out of the archive and was refused.")
        elif (
            parts
            and not name.endswith("/")
            and kind != stat.S_IFDIR
            and not any(part.startswith(".") or part in _SYSTEM for part in parts)
        ):
            kept.append(Entry(index, parts, _time(info)))
    return kept


def layout(found: Sequence[Entry]) -> Layout:
    """Return who packed the archive, judged by the names in it."""
    if any(_MOODLE.fullmatch(part) for entry in found for part in entry.parts):
        return "moodle"
    files = _without_wrapper(found)
    if any(len(entry.parts) == 1 and _CANVAS.fullmatch(entry.parts[0]) for entry in files):
        return "canvas"
    return "plain"


def handed_in(found: Sequence[Entry], assignments: Sequence[str]) -> Iterator[Handed | Entry]:
    """Yield what each file is: handed in by somebody, or (the entry itself) nothing we know.

    Parameters
    ----------
    found
        The archive's files.
    assignments
        The names of all notebooks of the course.
    """
    kind = layout(found)
    if kind == "moodle":
        yield from (_of_moodle(entry) or entry for entry in found)
    elif kind == "canvas":
        # Canvas counts files upwards: what was handed in later has the greater number.
        for entry in sorted(_without_wrapper(found), key=_canvas_file):
            yield _of_canvas(entry, assignments) or entry
    else:
        yield from _plain(_without_wrapper(found), assignments)


def read(file: Path, index: int, limit: int) -> bytes:
    """Return the content of one file of an archive.

    Raises
    ------
    ArchiveError
        If it cannot be read, is larger than ``limit`` bytes or is packed suspiciously small.
    """
    try:
        status = file.stat()
        archive = _opened(file, status.st_mtime_ns, status.st_size)
        info = archive.infolist()[index]
        if info.flag_bits & 1:
            raise ArchiveError("The upload is encrypted inside of the archive.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError("The upload is packed in a way that is not read here.")
        if info.file_size > limit:
            raise ArchiveError(
                f"The upload is larger than {limit >> 20} MB; please clear all outputs, save "
                "it and hand it in again."
            )
        if info.file_size > max(_RATIO_FREE, RATIO_LIMIT * info.compress_size):
            raise ArchiveError(
                f"The upload shrinks to less than a {RATIO_LIMIT}th when packed, as no "
                "notebook does; please clear all outputs, save it and hand it in again."
            )
        with archive.open(info) as member:
            # zipfile reads no more than the size that the archive declares, checked above.
            return member.read(limit)
    except ArchiveError:
        raise
    except Exception as error:  # zipfile and zlib raise whatever they meet
        raise ArchiveError(
            f"The upload cannot be unpacked ({clean_line(str(error))}); please download the "
            "archive again."
        ) from None


@lru_cache(maxsize=1)
def _opened(file: Path, modified: int, size: int) -> zipfile.ZipFile:
    """Open an archive once for all its files: its list of a whole class takes long to parse."""
    return zipfile.ZipFile(file)


def _name(info: zipfile.ZipInfo) -> str:
    """Return an entry's name with slashes; macOS writes UTF-8 without saying so."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _time(info: zipfile.ZipInfo) -> datetime | None:
    """Return an entry's time: the exact one if it is there, else in this machine's time zone."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == _UNIX_TIME and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return datetime.fromtimestamp(struct.unpack_from("<I", extra, 5)[0], UTC)
        extra = extra[4 + size :]
    if info.date_time[0] <= 1980:  # where the format begins: no time was written
        return None
    try:
        return datetime(*info.date_time).astimezone(UTC)
    except ValueError:
        return None


def _without_wrapper(found: Sequence[Entry]) -> list[Entry]:
    """Take off folders around everything, which packing a folder adds."""
    files = list(found)
    while (paths := [e.parts for e in files if e.parts[-1].endswith(".ipynb")]) and (
        len({parts[0] for parts in paths}) == 1
        and (
            all(len(parts) > 2 for parts in paths)
            or all(len(parts) == 2 and _CANVAS.fullmatch(parts[1]) for parts in paths)
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


def _plain(found: Sequence[Entry], assignments: Sequence[str]) -> Iterator[Handed | Entry]:
    """Yield STUDENT/NAME.ipynb, and nbgrader's STUDENT/NAME/NAME.ipynb with its time."""
    times = {entry.parts[:-1]: entry.index for entry in found if entry.parts[-1] == "timestamp.txt"}
    for entry in found:
        student, *folders, name = entry.parts if len(entry.parts) > 1 else ("", *entry.parts)
        folder = folders[0] if folders else ""
        if name == "timestamp.txt":
            continue
        if not student or len(folders) > 1 or (folder and folder not in assignments):
            yield entry
            continue
        note = times.get(entry.parts[:-1])
        yield Handed(entry.index, student, "", name, folder, time=entry.time, note=note)

"""Zip files of submissions, as a platform or a person packs them: read, never unpacked.

Nothing in an archive becomes a path: its names only say who handed in what. Links, devices,
absolute paths and ``..`` are refused, each with a sentence; so are archives with too many files or
bytes, and files that would grow too large.
"""

from __future__ import annotations

import contextlib
import re
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from autograde.errors import AutogradeError
from autograde.lms import registry
from autograde.lms.platform import Entry, Handed, Platform, without_wrapper
from autograde.safety.sanitize import clean_line

ENTRY_LIMIT = 20_000
TOTAL_LIMIT = 8 << 30
RATIO_LIMIT = 200
_RATIO_FREE = 4 << 20  # what is small may shrink as it likes

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
    except Exception as error:  # zipfile's parser raises errors of many types
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


def platform_of(found: Sequence[Entry]) -> Platform | None:
    """Return which learning management system packed the archive; None if a person did."""
    return next((p for p in registry.PLATFORMS if p.entries(found) is not None), None)


def handed_in(
    found: Sequence[Entry], platform: Platform | None, assignments: Sequence[str]
) -> Iterator[Handed | Entry]:
    """Yield what each file is: handed in by somebody, or (the entry itself) nothing we know.

    Parameters
    ----------
    found
        The archive's files.
    platform
        Who packed it, see :func:`platform_of`.
    assignments
        The names of all notebooks of the course.
    """
    if platform is None:
        yield from _plain(without_wrapper(found), assignments)
    else:
        for entry in platform.entries(found) or ():
            yield platform.handed_in(entry, assignments) or entry


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
    except Exception as error:  # zipfile and zlib raise errors of many types
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

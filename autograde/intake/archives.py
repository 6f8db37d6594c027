"""Zip files of submissions, as a platform or a person packs them: read, never unpacked.

Nothing in an archive becomes a path: its names only say who handed in what. Links, devices,
absolute paths and ``..`` are refused, each with a sentence; so are archives with too many files or
bytes, and files that would grow too large. All that holds for an archive within an archive, too: a
file in there has a chain of positions, one in each archive.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import struct
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO

from autograde.errors import AutogradeError
from autograde.lms.platform import Entry
from autograde.safety.sanitize import clean_line

ENTRY_LIMIT = 20_000
TOTAL_LIMIT = 8 << 30
RATIO_LIMIT = 200

WITHIN_LIMIT = 64 << 20
"""The largest archive within an archive that is opened, in bytes."""

ENTRY_LIMIT_WITHIN = 1000
DEPTH_LIMIT = 3
"""How many archives may lie one in another."""

_DIRECTORY_LIMIT = 16 << 20  # of the list of files, which zipfile holds in memory
_RATIO_FREE = 4 << 20  # what is small may shrink as it likes

SYSTEM = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""What operating systems put beside a person's files."""

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
        with file.open("rb") as content, _zip_file(content) as archive:
            found = archive.infolist()
    except ArchiveError as error:
        raise ArchiveError(f"{file} cannot be read as a zip file. {error}") from None
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
    return _plain_files(found, file.name, notices)


def entries_within(
    file: Path, members: tuple[int, ...], name: str, notices: list[str]
) -> list[Entry]:
    """Return the plain files of an archive that a student packed.

    Parameters
    ----------
    file, members
        The file, and the archive's chain of positions in it; none if the file is the archive.
    name
        What to call the archive where a file of it is refused.
    notices
        Takes a sentence for each.

    Raises
    ------
    ArchiveError
        If it is no zip file, too large, or lies too deep in others.
    """
    if len(members) >= DEPTH_LIMIT:
        raise ArchiveError(f"It lies in {len(members)} archives, one in another, and stays shut.")
    try:
        if not members and file.stat().st_size > WITHIN_LIMIT:
            raise ArchiveError(f"It is larger than {WITHIN_LIMIT >> 20} MB and was not opened.")
        found = _archive(file, members).infolist()
    except ArchiveError:
        raise
    except Exception as error:  # zipfile's parser raises errors of many types
        raise ArchiveError(
            f"It cannot be read as a zip file ({clean_line(str(error))}); please hand in the "
            ".ipynb file itself."
        ) from None
    if len(found) > ENTRY_LIMIT_WITHIN or sum(info.file_size for info in found) > TOTAL_LIMIT:
        raise ArchiveError(
            f"It holds more than {ENTRY_LIMIT_WITHIN} files or {TOTAL_LIMIT >> 30} GB; please "
            "hand in the .ipynb file itself."
        )
    return _plain_files(found, name, notices)


def _plain_files(
    found: Sequence[zipfile.ZipInfo], name_of_archive: str, notices: list[str]
) -> list[Entry]:
    kept = []
    for index, info in enumerate(found):
        name = _name(info)
        shown = clean_line(f"{name_of_archive}: {name}")
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
            and not any(part.startswith(".") or part in SYSTEM for part in parts)
        ):
            kept.append(Entry(index, parts, _time(info)))
    return kept


def read(file: Path, members: tuple[int, ...], limit: int, cure: str) -> bytes:
    """Return the content of one file of an archive, by its chain of positions.

    Parameters
    ----------
    file, members
        The archive, and the chain.
    limit
        How many bytes it may have.
    cure
        What to do about a file that is larger.

    Raises
    ------
    ArchiveError
        If it cannot be read, is larger than ``limit`` bytes or is packed suspiciously small.
    """
    return _content(file, members, limit, cure=cure)


def head(file: Path, members: tuple[int, ...], count: int) -> bytes:
    """Return the first bytes of one file of an archive.

    Raises
    ------
    ArchiveError
        If it cannot be read.
    """
    return _content(file, members, None, count)


def _content(
    file: Path,
    members: tuple[int, ...],
    limit: int | None,
    count: int | None = None,
    cure: str = "",
) -> bytes:
    try:
        archive = _archive(file, members[:-1])
        info = archive.infolist()[members[-1]]
        if info.flag_bits & 1:
            raise ArchiveError("The upload is encrypted inside of the archive.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError("The upload is packed in a way that is not read here.")
        if limit is not None and info.file_size > limit:
            raise ArchiveError(f"The upload is larger than {limit >> 20} MB; {cure}.")
        if limit is not None and info.file_size > max(
            _RATIO_FREE, RATIO_LIMIT * info.compress_size
        ):
            raise ArchiveError(
                f"The upload shrinks to less than a {RATIO_LIMIT}th when packed, as no "
                f"work does; {cure}."
            )
        with archive.open(info) as member:
            # zipfile reads no more than the size that the archive declares, checked above.
            return member.read((count or 0) if limit is None else limit)
    except ArchiveError:
        raise
    except Exception as error:  # zipfile and zlib raise errors of many types
        raise ArchiveError(
            f"The upload cannot be unpacked ({clean_line(str(error))}); please download the "
            "archive again."
        ) from None


def _archive(file: Path, members: tuple[int, ...]) -> zipfile.ZipFile:
    status = file.stat()
    return _opened(file, members, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=DEPTH_LIMIT)
def _opened(file: Path, members: tuple[int, ...], modified: int, size: int) -> zipfile.ZipFile:
    """Open an archive once for all its files: its list of a whole class takes long to parse."""
    if members:
        return _zip_file(io.BytesIO(_content(file, members, WITHIN_LIMIT)))
    return _zip_file(os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb"))


def _zip_file(content: IO[bytes]) -> zipfile.ZipFile:
    """Open an archive whose list of files is of a size that memory can hold."""
    content.seek(max(0, content.seek(0, io.SEEK_END) - (1 << 16) - 100))
    tail = content.read()
    ends = (("PK\5\6", 12, "<I"), ("PK\6\6", 40, "<Q"))  # of zip, of zip64
    for signature, offset, size in ends:
        place = tail.rfind(signature.encode())
        if 0 <= place <= len(tail) - offset - 8:
            (length,) = struct.unpack_from(size, tail, place + offset)
            # In zip64 the short field may hold nothing but ones.
            if _DIRECTORY_LIMIT < length != 0xFFFFFFFF:
                raise ArchiveError("Its list of files is larger than that of any class.")
    return zipfile.ZipFile(content)


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

"""What does a file hold inside? Everything that could hide text, opened down to plain bytes."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import io
import json
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from PIL import Image

MOST = 512 * 2**20
"""No file of a course holds more bytes than these when it is opened."""

_DEPTH = 4
"""Archives in archives, so many levels deep."""

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_ARRAY = b"\x93NUMPY"
_PACKED: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
# What holds text as it is, if it holds any: arrays, IDX images and labels, photographs.
_PLAIN = (_ARRAY, b"\x00\x00\x08\x01", b"\x00\x00\x08\x03", b"\xff\xd8\xff", b"GIF8")
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4}[\r\n]*){20,}(?:[A-Za-z0-9+/]{2,3}={0,2})?")


_FAULTS = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError, struct.error),
    *(SyntaxError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
)


class UnreadableError(Exception):
    """A file cannot be searched; the message says which and why."""


def opened(place: str, content: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield a file and all that is packed in it, each by its place, such as ``a.zip/b.txt``.

    Packed are gzip, bzip2, xz, zip (so npz), tar, the texts and the pixels of PNG, the header of
    safetensors, and what stands in a text in base64.

    Parameters
    ----------
    place
        Where the file is, for messages.
    content
        Its bytes.
    depth
        How many archives it lies in.

    Raises
    ------
    UnreadableError
        If it is damaged, encrypted, too large or too deep, or binary in a form that is none of
        these: it could hold anything.
    """
    yield place, content
    if depth > _DEPTH:
        raise UnreadableError(f"{place} lies in too many archives")
    try:
        inside = [*_inside(place, content)]
    except UnreadableError:
        raise
    except _FAULTS as error:
        raise UnreadableError(f"{place} cannot be opened ({error})") from None
    for name, part in inside:
        yield from opened(f"{place}/{name}", part, depth + 1)


def _inside(place: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what is packed in a file, one level down."""
    for magic, unpacking in _PACKED:
        if content.startswith(magic):
            with unpacking(io.BytesIO(content)) as packed:
                part = packed.read(MOST + 1)
            if len(part) > MOST:
                raise _too_large(place)
            yield PurePosixPath(place).stem, part
            return
    if content.startswith(b"PK\x03\x04"):
        yield from _of_zip(place, content)
    elif content[257:262] == b"ustar":
        yield from _of_tar(content)
    elif content.startswith(_PNG):
        yield from _of_png(content)
    elif place.endswith(".safetensors"):
        yield from _of_safetensors(content)
    elif content.startswith(_PLAIN):
        return
    else:
        try:
            content.decode("utf-8")
        except UnicodeDecodeError:
            if _is_in_wide_letters(content):
                return
            raise UnreadableError(
                f"{place} is binary, in a form that publish cannot search"
            ) from None
        for count, found in enumerate(_BASE64.finditer(content), start=1):
            if (written := _from_base64(found[0])) is not None:
                yield f"base64 {count}", written


def _too_large(place: str) -> UnreadableError:
    return UnreadableError(f"{place} holds more than {MOST // 2**20} MiB when it is opened")


def _of_zip(place: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield "comment", archive.comment
        total = 0
        for member in archive.infolist():
            with archive.open(member) as packed:
                part = packed.read(MOST + 1 - total)
            total += len(part)
            if total > MOST:
                raise _too_large(place)
            yield f"{member.filename} (comment)", member.comment
            yield member.filename, part


def _of_tar(content: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            packed = archive.extractfile(member)
            if packed is not None:
                yield member.name, packed.read()


def _of_png(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the texts of a PNG, its pixels, and what stands behind its end."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        pixels = image.tobytes()
        texts = [each for each in image.info.values() if isinstance(each, str)]
        yield "texts", "\n".join(texts).encode()
        profiles = [each for each in image.info.values() if isinstance(each, bytes)]
        yield "profiles", _ARRAY + b"".join(profiles)
    yield "pixels", _ARRAY + pixels
    yield "behind the end", content[content.rindex(_PNG_END) + len(_PNG_END) :]


def _of_safetensors(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the header's names and texts, as they are when nothing is escaped."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    texts = [*header, *map(str, header.get("__metadata__", {}).values())]
    yield "header", "\n".join(texts).encode()


def _is_in_wide_letters(content: bytes) -> bool:
    """Say whether this is UTF-16 or UTF-32, which are searched without their zeros."""
    return content.startswith((b"\xff\xfe", b"\xfe\xff"))


def _from_base64(found: bytes) -> bytes | None:
    """Return what is written in base64 if that is text or a packed file, else None."""
    try:
        part = base64.b64decode(b"".join(found.split()), validate=True)
    except binascii.Error:
        return None
    known = (_PNG, b"PK\x03\x04", *(magic for magic, _ in _PACKED))
    if part.startswith(known):
        return part
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return part

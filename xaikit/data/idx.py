"""The IDX format: how MNIST and FashionMNIST are stored, read so that damage never goes unnoticed.

Two zero bytes, a byte for the type (8: unsigned byte), a byte for the number of axes, their lengths
as big-endian 32-bit integers, then the values. Described at http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_UNSIGNED_BYTE = 8


def read(path: Path, axes: int, digest: str | None = None) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped if its name ends in ``.gz``.

    Parameters
    ----------
    path
        The file.
    axes
        How many axes the array has to have: 1 for labels, 3 for images.
    digest
        What :func:`sha256` has to return, if the contents are published ones.

    Returns
    -------
    numpy.ndarray
        uint8, read-only.

    Raises
    ------
    ValueError
        If the file is damaged; the message says how, and what to do.
    """
    contents = _contents(path)
    start = 4 + 4 * axes
    if len(contents) < start or contents[:4] != bytes([0, 0, _UNSIGNED_BYTE, axes]):
        raise _damaged(path, f"it does not begin like an IDX file of bytes with {axes} axes")
    shape = struct.unpack(f">{axes}I", contents[4:start])
    missing = math.prod(shape) - (len(contents) - start)
    if missing:
        what = f"{missing} bytes are missing" if missing > 0 else f"it is {-missing} bytes too long"
        raise _damaged(path, what)
    if digest is not None and hashlib.sha256(contents).hexdigest() != digest:
        raise _damaged(path, "its contents differ from the published ones")
    return np.frombuffer(contents, np.uint8, offset=start).reshape(shape)


def sha256(path: Path) -> str:
    """Return the checksum of the contents, uncompressed: a ``.gz`` depends on who compressed it."""
    return hashlib.sha256(_contents(path)).hexdigest()


def write(path: Path, array: NDArray[np.uint8]) -> None:
    """Write unsigned bytes as a gzipped IDX file; the same array gives the same bytes."""
    header = bytes([0, 0, _UNSIGNED_BYTE, array.ndim]) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    contents = header + np.ascontiguousarray(array, np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(contents, compresslevel=9, mtime=0))


def _contents(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, f"gzip says: {error}") from error


def _damaged(path: Path, reason: str) -> ValueError:
    return ValueError(f"{path} is damaged ({reason}): delete it and fetch it again.")

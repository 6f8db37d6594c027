"""The wire between the grader and the sandbox: plain data as bytes, in both directions.

Towards the sandbox go hidden arguments, which we trust (:func:`encode_arguments`). Out of it come
answers, which we do not: in the sandbox :func:`plain` reads leniently what a student computed
as arrays, text, lists and dictionaries, :func:`encode` writes these down, and on the host
:func:`decode` reads them strictly. There is no pickle and nothing that could name code; bytes
that are malformed, truncated, oversized or nested too deeply raise one :class:`WireError`.

A value is one tag byte and its body; numbers are little-endian, counts and sizes 32 bits wide::

    a  dtype (2 bytes, such as f4)  rank (1 byte)  sizes  elements in C order
    s  size  UTF-8
    l  count  values
    d  count  (size, key in UTF-8, value) each

Only NumPy is imported here, because the sandbox for plain functions starts with it; torch is
imported when a tensor or a network has to be made.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from autograde.inside.networks import Layer, Network

if TYPE_CHECKING:
    pass

Plain = Any
"""numpy.ndarray (bool, integer, float), str, and lists and dictionaries (str keys) of these."""

_DTYPES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
_MAX_RANK = 16
_MAX_KEY = 800


class WireError(Exception):
    """These bytes are not a value within the caps."""


@dataclass(frozen=True)
class Caps:
    """How much one value may hold: bytes in all, values inside it, nesting, bytes of one text."""

    size: int
    values: int
    depth: int
    text: int


ANSWER = Caps(size=16 << 20, values=20_000, depth=6, text=40_000)
"""What a student's answer may hold."""

TRUSTED = Caps(size=1 << 30, values=10_000_000, depth=100, text=1 << 28)
"""What we send ourselves."""


# --- values as bytes -----------------------------------------------------------------------------


def encode(value: Plain) -> bytes:
    """Write a plain value as bytes.

    Raises
    ------
    TypeError
        If it holds anything but arrays of bool, int and float, str, list and dict with str keys.
    """
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _write(value: Plain, parts: list[bytes]) -> None:
    if isinstance(value, np.ndarray):
        code = value.dtype.str[1:]
        if code not in _DTYPES or value.ndim > _MAX_RANK:
            raise TypeError(f"no array of {value.ndim} dimensions of {value.dtype} can be sent")
        parts.append(
            b"a" + code.encode() + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        )
        parts.append(value.astype(f"<{code}", copy=False).tobytes())
    elif isinstance(value, str):
        text = value.encode("utf-8", errors="replace")
        parts.append(b"s" + struct.pack("<I", len(text)) + text)
    elif isinstance(value, list):
        parts.append(b"l" + struct.pack("<I", len(value)))
        for item in value:
            _write(item, parts)
    elif isinstance(value, dict):
        parts.append(b"d" + struct.pack("<I", len(value)))
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"dictionary keys are text, not {type(key).__name__}")
            name = key.encode("utf-8", errors="replace")
            parts.append(struct.pack("<I", len(name)) + name)
            _write(item, parts)
    else:
        raise TypeError(f"no {type(value).__name__} can be sent")


def decode(data: bytes, caps: Caps = ANSWER) -> Plain:
    """Read a plain value from untrusted bytes.

    Returns
    -------
    numpy.ndarray or str or list or dict
        Arrays own their memory and can be written to. NaN and infinity pass.

    Raises
    ------
    WireError
        If the bytes are anything but one whole value within the caps.
    """
    if len(data) > caps.size:
        raise WireError(f"{len(data)} bytes are more than {caps.size}")
    reader = _Reader(data, caps)
    try:
        value = reader.value(0)
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise WireError(f"not a value: {type(error).__name__}") from None
    if reader.position != len(data):
        raise WireError("bytes are left over after the value")
    return value


class _Reader:
    """Reads one value after another, and never past the end."""

    def __init__(self, data: bytes, caps: Caps) -> None:
        self.data = data
        self.caps = caps
        self.position = 0
        self.values = 0

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise WireError("the bytes end too early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def count(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def text(self, most: int) -> str:
        count = self.count()
        if count > most:
            raise WireError(f"a text of {count} bytes is longer than {most}")
        return self.take(count).decode("utf-8")

    def value(self, depth: int) -> Plain:
        self.values += 1
        if self.values > self.caps.values:
            raise WireError(f"more than {self.caps.values} values")
        if depth > self.caps.depth:
            raise WireError(f"nested more than {self.caps.depth} deep")
        tag = self.take(1)
        if tag == b"a":
            return self.array()
        if tag == b"s":
            return self.text(self.caps.text)
        if tag == b"l":
            return [self.value(depth + 1) for _ in range(self.count())]
        if tag == b"d":
            result = {}
            for _ in range(self.count()):
                key = self.text(_MAX_KEY)
                if key in result:
                    raise WireError("a key occurs twice")
                result[key] = self.value(depth + 1)
            return result
        raise WireError("unknown tag")

    def array(self) -> NDArray[Any]:
        code = self.take(2).decode("ascii")
        if code not in _DTYPES:
            raise WireError("unknown dtype")
        rank = self.take(1)[0]
        if rank > _MAX_RANK:
            raise WireError(f"more than {_MAX_RANK} dimensions")
        shape = struct.unpack(f"<{rank}I", self.take(4 * rank))
        # The size is computed in Python's integers and checked against the bytes that are really
        # there before NumPy is asked for anything. Beside a zero, huge sizes would cost nothing
        # yet overflow later arithmetic, so they count as if the zeros were ones.
        elements = math.prod(shape)
        if math.prod(size or 1 for size in shape) > self.caps.size:
            raise WireError("the array is too large")
        raw = self.take(elements * int(code[1]))
        if code == "b1" and raw.translate(None, b"\x00\x01"):
            raise WireError("a boolean is neither 0 nor 1")
        return np.frombuffer(raw, dtype=f"<{code}").astype(code).reshape(shape)


# --- records: values in a stream -----------------------------------------------------------------


def write_record(stream: BinaryIO, value: Plain) -> None:
    """Append one value to a stream, preceded by its size."""
    data = encode(value)
    stream.write(struct.pack("<I", len(data)) + data)
    stream.flush()


class RecordReader:
    """Cuts a stream that arrives in pieces into the bytes of its records.

    Parameters
    ----------
    largest
        The size in bytes above which a record is refused before it is read.
    """

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take the next piece and yield each record that it completes, undecoded.

        Raises
        ------
        WireError
            If a record announces more bytes than allowed.
        """
        self._buffer += piece
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "little")
            if size > self.largest:
                raise WireError(f"a record of {size} bytes is larger than {self.largest}")
            if len(self._buffer) < 4 + size:
                return
            record = bytes(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            yield record


# --- a student's objects as plain values (inside the sandbox) ------------------------------------


# --- hidden arguments (into the sandbox) ---------------------------------------------------------


def encode_arguments(arguments: tuple[Any, ...]) -> bytes:
    """Write the arguments of one hidden call as bytes.

    They may be numpy arrays, torch tensors, None, bool, int, float, str, :class:`Network`, and
    lists, tuples and dictionaries of these.

    Raises
    ------
    TypeError
        For anything else.
    """
    return encode(_pack(arguments))


def decode_arguments(data: bytes) -> tuple[Any, ...]:
    """Read what :func:`encode_arguments` wrote: new objects every time, networks as modules."""
    arguments: tuple[Any, ...] = _unpack(decode(data, TRUSTED))
    return arguments


def _pack(value: Any) -> Plain:
    """Write what plain values lack as a dictionary with one key that names the type."""
    if isinstance(value, str | np.ndarray):
        return value
    if value is None:
        return {"none": ""}
    if isinstance(value, np.generic):
        return {"scalar": np.asarray(value)}
    if isinstance(value, bool | int | float):
        kind = next(k for k in (bool, int, float) if isinstance(value, k))  # an IntEnum is an int
        return {kind.__name__: repr(kind(value))}
    if isinstance(value, list):
        return [_pack(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_pack(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_pack(key), _pack(item)] for key, item in value.items()]}
    if isinstance(value, Network):
        return {"network": [_pack_layer(layer) for layer in value.layers]}
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return {"tensor": value.detach().cpu().numpy()}
    raise TypeError(
        f"A hidden argument cannot be of type {type(value).__name__}: use numbers, text, arrays, "
        "tensors, Network, None, and lists, tuples and dictionaries of these."
    )


def _pack_layer(layer: Layer) -> Plain:
    return _pack([layer.kind, layer.weight, layer.bias, dict(layer.options)])


def _unpack(value: Plain) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, body),) = value.items()
    if kind == "tuple":
        return tuple(_unpack(item) for item in body)
    if kind == "dict":
        return {_unpack(key): _unpack(item) for key, item in body}
    if kind == "network":
        return Network([Layer(*_unpack(layer)) for layer in body]).module()
    if kind == "tensor":
        import torch

        return torch.from_numpy(body)
    if kind == "scalar":
        return body[()]
    if kind == "none":
        return None
    readers: dict[str, Callable[[str], Any]] = {"bool": "True".__eq__, "int": int, "float": float}
    return readers[kind](body)

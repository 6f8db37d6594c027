"""An answer as plain data: numbers, text, arrays, lists and dictionaries."""

from __future__ import annotations

import array as arrays
import contextlib
import itertools
import operator
import sys
from collections.abc import Iterator, Mapping, MappingView, Sequence, Set
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograde.inside.wire import _DTYPES, ANSWER, Plain

_SEQUENCES: Any = (Sequence, Set, MappingView, Iterator, arrays.array)


class UnreadableError(Exception):
    """A student's object that is neither numbers nor text; the message is its type's name."""


class _TooDeepError(UnreadableError):
    """Nested beyond all measure, which spoils the whole: such a thing may contain itself."""


def plain(value: Any) -> Plain:
    """Read what a student computed as arrays, text, lists and dictionaries, leniently.

    Numbers of any kind become zero-dimensional arrays; tensors on any device, with or without
    gradient, and everything that offers ``__array__`` become arrays; nested sequences of nothing
    but numbers become one array if their lengths agree. Other sequences, of any kind, become lists
    (a list of tensors stays a list of arrays, also if their shapes are equal), mappings become
    dictionaries. What is neither, inside of these, becomes nan: it spoils its own entry.

    Raises
    ------
    UnreadableError
        If all of it is None, a function, an object, …, named by its type.
    """
    return _plain(value, 0)[0]


def _plain(value: Any, depth: int) -> tuple[Plain, bool]:
    """Return the plain value, and whether it is numbers that a sequence around it may absorb."""
    if depth > 32:  # also ends a list that contains itself
        raise _TooDeepError("deeply nested " + type(value).__name__)
    if isinstance(value, str):
        return str(value), False
    if isinstance(value, bool | int | float):
        return _number(value), True
    if isinstance(value, Mapping):
        keys = {key: _key(key) for key in value}
        return {
            keys[key]: _entry(item, depth + 1)[0]
            for key, item in value.items()
            if keys[key] is not None
        }, False
    if isinstance(value, _SEQUENCES) and not isinstance(value, bytes | bytearray | memoryview):
        # An iterator may have no end: one value more than an answer may hold is refused later.
        return _sequence(list(itertools.islice(value, ANSWER.values + 1)), depth)
    array = _array(value)
    if array.dtype.kind in "OU" and array.ndim:  # text, or anything at all
        return _plain(array.tolist(), depth + 1)
    if array.dtype.kind in "OU":
        return _plain(array.item(), depth + 1)
    if array.dtype.kind == "c":
        array = _real(array)
    if array.dtype.kind not in "biuf":
        raise UnreadableError(f"{type(value).__name__} of {array.dtype.name}")
    if array.dtype.str[1:] not in _DTYPES:  # longdouble
        array = array.astype(np.float64)
    return array, array.ndim == 0


def _sequence(items: list[Any], depth: int) -> tuple[Plain, bool]:
    if set(map(type, items)) <= {float, int, bool}:  # the common case, fast
        with contextlib.suppress(UnreadableError):
            return _number(items), True
    read = [_entry(item, depth + 1) for item in items]
    if all(absorb for _, absorb in read) and len({item.shape for item, _ in read}) == 1:
        return np.stack([item for item, _ in read]), True
    return [item for item, _ in read], False


def _entry(value: Any, depth: int) -> tuple[Plain, bool]:
    """Read one entry of something larger; nan if it cannot be read, whatever it is."""
    try:
        return _plain(value, depth)
    except _TooDeepError:
        raise
    except Exception:  # objects of students may raise anything when they are read
        return np.array(np.nan), True


def _number(value: Any) -> NDArray[Any]:
    """Turn a number, or a flat list of them, into an array."""
    try:
        array = np.asarray(value)
        return array if array.dtype.kind in "biuf" else np.asarray(value, dtype=np.float64)
    except OverflowError:  # an int beyond any float
        raise UnreadableError("int too large") from None


def _real(array: NDArray[Any]) -> NDArray[Any]:
    """Return complex numbers as real ones; nan for those with an imaginary part."""
    real = np.where(array.imag == 0, array.real, np.nan)
    if array.size and np.isnan(real).all():
        raise UnreadableError("complex numbers")
    return real


def _key(key: Any) -> str | None:
    """Return a dictionary's key as text, or None if nobody can ask for it."""
    if isinstance(key, str | int):
        return str(key)
    try:
        return str(operator.index(key))
    except Exception:
        return str(float(key)) if isinstance(key, float | np.floating) else None


def _array(value: Any) -> NDArray[Any]:
    # A tensor can only exist where torch has been imported.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        tensor = value.detach()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        if tensor.dtype == torch.bfloat16 or tensor.is_quantized:
            tensor = tensor.dequantize() if tensor.is_quantized else tensor.float()
        return np.asarray(tensor.cpu().resolve_conj().resolve_neg().numpy())
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return np.asarray(value)
    if isinstance(value, complex):
        return np.asarray(value)
    if isinstance(value, Number) or hasattr(value, "__float__"):  # Fraction, Decimal, …
        return _number(float(value))
    raise UnreadableError(type(value).__name__)

"""An answer as plain data: numbers, text, arrays, lists and dictionaries."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autograde.inside.wire import _DTYPES, Plain

if TYPE_CHECKING:
    pass


class UnreadableError(Exception):
    """A student's object that is neither numbers nor text; the message is its type's name."""


def plain(value: Any) -> Plain:
    """Read what a student computed as arrays, text, lists and dictionaries, leniently.

    Numbers become zero-dimensional arrays; tensors on any device, with or without gradient,
    and everything that offers ``__array__`` become arrays; nested sequences of nothing but numbers
    become one array if their lengths agree. Other sequences become lists (a list of tensors stays
    a list of arrays, also if their shapes are equal), mappings become dictionaries.

    Raises
    ------
    UnreadableError
        For None, complex numbers, functions, objects, …, named by their type.
    """
    return _plain(value, 0)[0]


def _plain(value: Any, depth: int) -> tuple[Plain, bool]:
    """Return the plain value, and whether it is numbers that a sequence around it may absorb."""
    if depth > 32:  # also ends a list that contains itself
        raise UnreadableError("deeply nested " + type(value).__name__)
    if isinstance(value, str):
        return str(value), False
    if isinstance(value, bool | int | float):
        return _number(value), True
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth + 1)[0] for key, item in value.items()}, False
    if isinstance(value, list | tuple | range):
        return _sequence(value, depth)
    array = _array(value)
    if array.dtype.kind in "OU":  # text, or anything at all
        return _plain(array.tolist(), depth + 1)
    if array.dtype.kind not in "biuf":
        raise UnreadableError(f"{type(value).__name__} of {array.dtype.name}")
    if array.dtype.str[1:] not in _DTYPES:  # longdouble
        array = array.astype(np.float64)
    return array, array.ndim == 0


def _sequence(items: Sequence[Any], depth: int) -> tuple[Plain, bool]:
    if set(map(type, items)) <= {float, int, bool}:  # the common case, fast
        return _number(list(items)), True
    read = [_plain(item, depth + 1) for item in items]
    if all(absorb for _, absorb in read) and len({item.shape for item, _ in read}) == 1:
        return np.stack([item for item, _ in read]), True
    return [item for item, _ in read], False


def _number(value: Any) -> NDArray[Any]:
    """Turn a number, or a flat list of them, into an array."""
    try:
        array = np.asarray(value)
        return array if array.dtype.kind in "biuf" else np.asarray(value, dtype=np.float64)
    except OverflowError:  # an int beyond any float
        raise UnreadableError("int too large") from None


def _key(key: Any) -> str:
    if isinstance(key, str | int | np.integer):
        return str(key)
    raise UnreadableError("dict with keys of type " + type(key).__name__)


def _array(value: Any) -> NDArray[Any]:
    # A tensor can only exist where torch has been imported.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        tensor = value.detach()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        if tensor.is_complex():
            raise UnreadableError("complex tensor")
        if tensor.dtype == torch.bfloat16 or tensor.is_quantized:
            tensor = tensor.dequantize() if tensor.is_quantized else tensor.float()
        return np.asarray(tensor.cpu().resolve_neg().numpy())
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return np.asarray(value)
    raise UnreadableError(type(value).__name__)

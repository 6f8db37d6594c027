"""The same answer in other types: what a student may write instead of an array or a list."""

from __future__ import annotations

import contextlib
import fractions
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from autograde.authoring.once import remembered_by_arguments
from autograde.tasks import Task, Value

Change = Callable[[Any], Any]


def _list(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | torch.Tensor) else list(value)


def _array(value: Any) -> Any:
    return np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)


def _nested_tuple(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray | torch.Tensor) and np.ndim(value):
        return tuple(_nested_tuple(each) for each in value)
    return value.item() if isinstance(value, np.ndarray | torch.Tensor) else value


_SEVERAL: dict[str, Change] = {
    "a list": _list,
    "tuples": _nested_tuple,
    "a set": lambda value: set(_list(value)),
    "an array": _array,
    "a tensor": lambda value: torch.as_tensor(_array(value)),
    "a tensor with gradient": lambda value: torch.tensor(_list(value), requires_grad=True),
    "a column": lambda value: _array(value)[:, None],
    "a dictionary by place": lambda value: dict(enumerate(_list(value))),
    "a list of tensors": lambda value: [torch.as_tensor(_array(each)) for each in value],
}
_ONE: dict[str, Change] = {
    "a numpy number": lambda value: np.float64(value),
    "a float": float,
    "an array of no dimension": lambda value: np.array(float(value)),
    "an array of one": lambda value: np.array([float(value)]),
    "a tensor": lambda value: torch.tensor(float(value)),
    "a list of one": lambda value: [float(value)],
    "a fraction": lambda value: fractions.Fraction(float(value)),
    "an int": lambda value: int(value) if float(value).is_integer() else None,
    "a truth value": lambda value: bool(value) if float(value) in (0, 1) else None,
    "a numpy truth value": lambda value: np.bool_(value) if float(value) in (0, 1) else None,
    "text": lambda value: str(value),
}
_WORD: dict[str, Change] = {
    "a numpy word": np.str_,
    "a list of one": lambda value: [value],
    "an array": np.array,
    "capitals": str.upper,
    "spaces": lambda value: f" {value} ",
}
_DICTIONARY: dict[str, Change] = {
    "in order": OrderedDict,
    "pairs": lambda value: list(value.items()),
    "values": lambda value: list(value.values()),
    "an array of the values": lambda value: np.array(list(value.values())),
    "reversed": lambda value: dict(reversed(value.items())),
    "more entries": lambda value: {**value, "more": next(iter(value.values()))},
}


def _kind(value: Any) -> dict[str, Change]:
    if isinstance(value, dict):
        return _DICTIONARY
    if isinstance(value, str):
        return _WORD
    if isinstance(value, list | tuple | set):  # perhaps of tensors of several shapes
        return _SEVERAL
    if np.ndim(value.detach() if isinstance(value, torch.Tensor) else value):
        return _SEVERAL
    return _ONE


def in_other_types(value: Any, deep: int = 2) -> Iterator[tuple[str, Any]]:
    """Yield a value in other types: itself, then all entries of a dictionary at a time."""
    inside = {
        label for each in _entries(value, deep) for label, _ in in_other_types(each, deep - 1)
    }
    for label in (*_kind(value), *(f"{_ENTRIES}{label}" for label in sorted(inside))):
        with contextlib.suppress(NoSuchTypeError):
            yield label, in_type(value, label, deep)


_ENTRIES = "entries as "


def _entries(value: Any, deep: int) -> list[Any]:
    """Return what is inside a value whose entries are changed, too."""
    if isinstance(value, dict):
        return list(value.values()) if deep else []
    several = isinstance(value, list | tuple) and len(value) <= 3 and deep == 2
    return list(value) if several else []


def in_type(value: Any, label: str, deep: int = 2) -> Any:
    """Return a value in the type of that label.

    Raises
    ------
    NoSuchTypeError
        If there is no such thing of this value.
    """
    if label.startswith(_ENTRIES):
        changed = [
            _in_type_or(each, label[len(_ENTRIES) :], deep) for each in _entries(value, deep)
        ]
        if isinstance(value, dict):
            return dict(zip(value, changed, strict=True))
        if not changed:
            raise NoSuchTypeError(label)
        return type(value)(changed)
    try:
        other = _kind(value)[label](value)
    except Exception:
        raise NoSuchTypeError(label) from None
    if other is None:
        raise NoSuchTypeError(label)
    return other


def _in_type_or(value: Any, label: str, deep: int) -> Any:
    try:
        return in_type(value, label, deep - 1)
    except NoSuchTypeError:
        return value


def answers_in_other_types(
    task: Task, space: dict[str, Any], arguments: tuple[Any, ...] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a notebook holds after an answer of other types.

    ``arguments`` are those of one call of the answer's function: what it returns tells its types.
    """
    if isinstance(task.answer, Value):
        for name in task.answer.names:
            for label, other in in_other_types(space[name]):
                yield f"{name} as {label}", {**space, name: other}
        return
    function = remembered_by_arguments(space[task.answer.function])
    for label, _ in in_other_types(function(*arguments)):
        yield f"returns {label}", {**space, task.answer.function: _returning(function, label)}


class NoSuchTypeError(Exception):
    """This value cannot be had in that type."""


def _returning(function: Callable[..., Any], label: str) -> Callable[..., Any]:
    def other(*arguments: Any, **named: Any) -> Any:
        return in_type(function(*arguments, **named), label)

    return other

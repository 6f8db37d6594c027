"""What an option may be: read from the signature that takes it, and checked before it is used.

The annotation says it all: ``int`` is a whole number of at least 1, ``float`` a finite number,
``Literal`` a choice, ``Tensor``, ``nn.Module`` and the like an object of that class, and a union
any of its members. ``Annotated`` adds the bounds of a number, or the words for an object.
Numbers of NumPy are as good as Python's, which is what the method gets.
"""

from __future__ import annotations

import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import numpy as np
from torch import Tensor

ROUNDING = 1e-5
"""How far computing may take a number out of [0, 1]."""

_UNFIT = object()
Function = TypeVar("Function", bound=Callable[..., Any])


class Number(NamedTuple):
    """Bounds of a number, for ``Annotated[float, Number(…)]``."""

    least: float = -math.inf
    finite: bool = True


class Whole(NamedTuple):
    """Bounds of a whole number from 0 on, for ``Annotated[int, Whole(…)]``."""

    below: float
    words: str


NonNegative = Annotated[float, Number(least=0)]
"""A finite number of at least 0."""
OrInfinity = Annotated[float, Number(finite=False)]
"""A number, infinity included."""
Seed = Annotated[int, Whole(2**32, "a whole number from 0 to 2**32 - 1")]
"""What every generator takes: torch's, NumPy's and scikit-learn's."""


def options_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's options: its keyword-only parameters."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(each.name for each in parameters if each.kind is each.KEYWORD_ONLY)


@functools.cache
def kinds_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the annotation of each parameter that has one."""
    return typing.get_type_hints(function, include_extras=True)


def known_options(
    method: str,
    taken: Iterable[str],
    options: Iterable[str],
    common: Iterable[str] = ("seed", "chunk"),
) -> None:
    """Fail if the method of that name does not take one of these options.

    ``common`` are the options that the call takes itself, for every method.
    """
    taken = tuple(taken)
    if unknown := [name for name in options if name not in taken]:
        listed = ", ".join((*taken, *common))
        has = f"its options are {listed}" if listed else "it has none"
        raise TypeError(f"{method} takes no option {unknown[0]!r}: {has}.")


def accepted(value: Any, kind: Any, name: str) -> Any:
    """Return the value as the method gets it, if it is of the kind, else say what it has to be.

    Parameters
    ----------
    value
        What the caller gave.
    kind
        The annotation of the parameter.
    name
        The parameter's, for the message.

    Raises
    ------
    ValueError, TypeError
        In one sentence; a TypeError where nothing but an object of some class will do.
    """
    members = _members(kind)
    for member in members:
        if (found := _fitting(value, *member)) is not _UNFIT:
            return found
    members = [member for member in members if member[0] is not types.NoneType]
    words = [_words(*member, value) for member in members]
    classes = [_class(kind) for kind, _ in members]
    has = "have" if Tensor in classes and name.endswith("s") else "has"
    array = isinstance(value, list | tuple | np.ndarray)
    hint = f": use torch.as_tensor({name})" if Tensor in classes and array else ""
    objects = not any(each in _SCALARS for each in classes)
    sentence = f"{name} {has} to be {_joined(words)}, not {shown(value, objects)}{hint}."
    raise (TypeError if objects else ValueError)(sentence)


def share(value: Any, name: str) -> float:
    """Return a number in [0, 1]; what rounding took out of it is clamped."""
    bare = plain(value)
    real = float(bare) if isinstance(bare, Real) and not isinstance(bare, bool) else math.nan
    if not -ROUNDING <= real <= 1 + ROUNDING:
        raise ValueError(f"{name} has to lie in [0, 1], not {shown(value)}.")
    return min(max(real, 0.0), 1.0)


def shown(value: Any, by_class: bool = False) -> str:
    """Return how a message shows a value: on one short line, if need be by its class alone."""
    text = "" if by_class else repr(value)
    return text if 0 < len(text) <= 60 and "\n" not in text else type(value).__name__


def plain(value: Any) -> Any:
    """Return a scalar of NumPy or PyTorch as Python's, and all else as it is."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray | Tensor) and not value.ndim):
        return value.item()
    return value


def plain_numbers(function: Function) -> Function:
    """Give a function Python's numbers where it is called with NumPy's or torch's (a decorator).

    For functions whose arguments go to torch as they are, which takes no others.
    """

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*map(plain, args), **{name: plain(each) for name, each in kwargs.items()})

    return called  # type: ignore[return-value]


def _members(kind: Any) -> list[tuple[Any, Any]]:
    """Return the members of a union, or the one kind itself, each with what annotates it."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [member for each in typing.get_args(kind) for member in _members(each)]
    if typing.get_origin(kind) is Annotated:
        inner, note = typing.get_args(kind)[:2]
        return [(member, note) for member, _ in _members(inner)]
    return [(kind, None)]


def _fitting(value: Any, kind: Any, note: Any) -> Any:
    """Return the value as one of this kind, or ``_UNFIT``."""
    origin, bare = _class(kind), plain(value)
    if kind is bool:
        return bare if isinstance(bare, bool) else _UNFIT
    if kind is int:
        least, below = (0, note.below) if note else (1, math.inf)
        return bare if _is_whole(bare) and least <= bare < below else _UNFIT
    if kind is float:
        return _number(bare, note or Number())
    if origin is Literal:
        return value if isinstance(value, str) and value in typing.get_args(kind) else _UNFIT
    if origin is tuple:
        return _pair(value)
    if kind is not Any and inspect.isclass(origin):
        text = isinstance(value, str) and origin is Sequence
        return value if isinstance(value, origin) and not text else _UNFIT
    return value


def _class(kind: Any) -> Any:
    """Return the class of an annotation without what stands in brackets."""
    origin = typing.get_origin(kind) or kind
    # A name for an annotation, as NumPy's NDArray is from Python 3.12 on.
    return _class(origin.__value__) if hasattr(origin, "__value__") else origin


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any, bounds: Number) -> Any:
    if isinstance(value, bool) or not isinstance(value, Real):
        return _UNFIT
    try:
        real = float(value)
    except OverflowError:
        return _UNFIT
    fits = real >= bounds.least and (math.isfinite(real) or not bounds.finite)
    return (value if _is_whole(value) else real) if fits else _UNFIT


def _pair(value: Any) -> Any:
    try:
        pair = tuple(plain(each) for each in value)
    except TypeError:
        return _UNFIT
    return pair if len(pair) == 2 and all(map(_is_whole, pair)) else _UNFIT


def _words(kind: Any, note: Any, instead: Any) -> str:
    """Return what a value of this kind is called in a message, where another was given instead."""
    if isinstance(note, str):
        return note
    if isinstance(note, Whole):
        return note.words
    if isinstance(note, Number):
        if _number(plain(instead), Number()) is not _UNFIT:
            return f"a number of at least {note.least:g}"
        return "a finite number" if note.finite else "a number"
    if typing.get_origin(kind) is Literal:
        return _joined([f'"{each}"' for each in typing.get_args(kind)])
    origin = _class(kind)
    name = getattr(origin, "__name__", str(origin))
    return _WORDS.get(origin, f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}")


_SCALARS = (int, float, bool, str, Literal, tuple)
_WORDS: dict[Any, str] = {
    int: "a whole number of at least 1",
    float: "a finite number",
    bool: "True or False",
    str: "a name",
    Tensor: "a tensor",
    np.ndarray: "an array",
    Sequence: "a list",
    Mapping: "a mapping",
    Callable: "a function",
}


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"

"""Answers that cost no thought: constants, what given cells define, and a function's own arguments.

Everything here is plain data, as it leaves the sandbox. A candidate is cut and reshaped until it
has the form of the right answer, because that is what somebody does who tries names at random.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autograde.inside.read import plain
from autograde.tasks import Called

Pool = list[tuple[str, Any]]
Earn = Callable[[Any], float]
SIMPLE = (0.0, 1.0, 0.5)
_MANY = 40


def leaves(value: Any) -> Iterator[Any]:
    """Yield the arrays and words inside a plain value."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def filled(form: Any, number: float, word: str) -> Any:
    """Return a plain value of this form with one number and one word throughout."""
    if isinstance(form, dict):
        return {key: filled(item, number, word) for key, item in form.items()}
    if isinstance(form, list):
        return [filled(item, number, word) for item in form]
    return word if isinstance(form, str) else np.full(form.shape, number)


def entries(value: Any) -> list[float]:
    """Return the distinct numbers inside a plain value, unless they are very many."""
    arrays = [np.ravel(each) for each in leaves(value) if isinstance(each, np.ndarray)]
    distinct = np.unique(np.concatenate(arrays).astype(float)) if arrays else np.zeros(0)
    return [float(each) for each in distinct] if len(distinct) <= _MANY else []


def constants(form: Any) -> Iterator[tuple[str, Any]]:
    """Yield this form with the same entry everywhere: simple ones, and those of the right answer.

    A single number that is no whole one is not guessed: to know it is to have the answer.
    """
    several = sum(each.size for each in leaves(form) if isinstance(each, np.ndarray)) > 1
    numbers = [c for c in entries(form) if several or c == round(c)]
    words = sorted({each for each in leaves(form) if isinstance(each, str)}) or [""]
    for number, word in itertools.product(dict.fromkeys((*SIMPLE, *numbers)), words):
        yield f"{number:g} {word}".strip(), filled(form, number, word)


def pool(space: Mapping[str, Any]) -> Pool:
    """Return what these names hold, and what lies in them, as plain values."""
    found: Pool = []
    for name, value in space.items():
        if name.startswith("__") or isinstance(value, type):
            continue
        parts = {name: value}
        if hasattr(value, "state_dict"):
            parts[f"{name}.state_dict()"] = value.state_dict()
        if isinstance(value, Mapping):
            parts |= {f"{name}[{key!r}]": item for key, item in value.items()}
        elif not callable(value) and not isinstance(value, np.ndarray):
            inside = getattr(value, "__dict__", {})
            parts |= {f"{name}.{key}": item for key, item in inside.items()}
        for label, part in parts.items():
            try:
                found.append((label, plain(part)))
            except Exception:  # neither numbers nor words
                continue
    return found


def converted(value: Any, form: Any) -> Iterator[Any]:
    """Yield what this value gives in that form, where shapes fit."""
    if isinstance(form, dict):
        if isinstance(value, dict):
            if set(form) <= set(value):
                yield {key: value[key] for key in form}
        elif all(isinstance(each, np.ndarray) for each in leaves(form)):
            parts = {key: next(converted(value, item), None) for key, item in form.items()}
            if all(part is not None for part in parts.values()):
                yield parts
        return
    if isinstance(form, list):
        if isinstance(value, list) and len(value) >= len(form) > 0:
            yield value[: len(form)]
        return
    if isinstance(form, str) or isinstance(value, str):
        if isinstance(form, str) and isinstance(value, str):
            yield value
        return
    if not isinstance(value, np.ndarray):
        return
    shape = form.shape
    if value.shape == shape:
        yield value
    elif value.size == math.prod(shape):
        yield value.reshape(shape)
    longer = shape and value.ndim == len(shape) and len(value) > shape[0]
    if longer and value.shape[1:] == shape[1:]:
        yield value[: shape[0]]
        yield value[-shape[0] :]
    if value.ndim == len(shape) + 1:
        if value.shape[1:] == shape and len(value):
            yield value[0]
            yield value[-1]
        if value.shape[:-1] == shape and value.shape[-1]:
            yield value.argmax(-1)


def paid_values(right: dict[str, Any], space: Mapping[str, Any], earn: Earn) -> dict[str, float]:
    """Return the thoughtless answers to a task of variables that earn something.

    Each candidate stands for each variable by itself, for all of them, and the best for each
    variable stand together.
    """
    here = pool(space)
    paid: dict[str, float] = {}

    def tried(label: str, answer: dict[str, Any]) -> None:
        if (earned := earn(answer)) > 0:
            paid[label] = earned

    nothing = {name: filled(form, -7.25, "?") for name, form in right.items()}
    for label, answer in constants(right):
        tried(f"all: {label}", answer)
    best: dict[str, tuple[float, str, Any]] = {}
    for name, form in right.items():
        candidates = [*constants(form)]
        candidates += [(label, each) for label, v in here for each in converted(v, form)]
        for label, candidate in candidates:
            if len(right) > 1:
                tried(f"{name} = {label}", {**nothing, name: candidate})
            elif (earned := earn({name: candidate})) > 0:
                paid[f"{name} = {label}"] = earned
            if len(right) > 1:
                score = earn({**right, name: candidate})
                if name not in best or score > best[name][0]:
                    best[name] = (score, label, candidate)
    if len(best) > 1:
        label = ", ".join(f"{name} = {each[1]}" for name, each in best.items())
        tried(label, {name: each[2] for name, each in best.items()})
    return paid


def paid_functions(
    right: Sequence[Called], functions: Mapping[str, Callable[..., Any]], earn: Earn
) -> dict[str, float]:
    """Return the thoughtless functions that earn something on these calls.

    They return a constant, one of their arguments or two of them, or what a given function makes
    of the arguments.
    """
    forms = [call.returned for call in right]
    answers: dict[str, list[Any]] = {}
    several = {str(k): form for k, form in enumerate(forms)}
    for label, answer in constants(several):
        answers[label] = list(answer.values())
    given = [[_plain(each) for each in call.arguments] for call in right]
    for place in range(len(given[0])):
        answers[f"argument {place}"] = [
            next(converted(row[place], form), None) if place < len(row) else None
            for row, form in zip(given, forms, strict=True)
        ]
    places = range(len(given[0]))
    for pair in itertools.product(places, places):
        answers[f"arguments {pair}"] = [
            _pair(row, pair, form) for row, form in zip(given, forms, strict=True)
        ]
    for name, function in functions.items():
        answers[name] = [_called(function, call.arguments) for call in right]
    paid = {}
    for label, answer in answers.items():
        if any(each is None for each in answer):
            continue
        calls = [Called(c.arguments, each) for c, each in zip(right, answer, strict=True)]
        if (earned := earn(calls)) > 0:
            paid[label] = earned
    return paid


def _pair(row: list[Any], pair: tuple[int, int], form: Any) -> Any:
    if max(pair) >= len(row):
        return None
    if isinstance(form, np.ndarray) and form.ndim and len(form) == 2:
        form = list(form)
    if not isinstance(form, list) or len(form) != 2:
        return None
    both = [next(converted(row[k], part), None) for k, part in zip(pair, form, strict=True)]
    return None if any(each is None for each in both) else both


def _plain(value: Any) -> Any:
    try:
        return plain(value)
    except Exception:
        return {}


def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        return plain(function(*arguments))
    except Exception:
        return None

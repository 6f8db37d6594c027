"""What the hidden checks of several notebooks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from autograde.tasks import (
    entries,
    expect,
    expect_all,
    expect_array,
    expect_entry,
    lucky,
    says,
)

T = TypeVar("T")
Array = NDArray[np.float64]
Arguments = list[tuple[Any, ...]]
Slack = float | Callable[[float], float]
"""How far a number may be off: always as far, or depending on the right one."""

GIVEN = ("given-imports",)
"""The locked cell that functions by hand need, in every notebook."""


def drawn(draw: Callable[[], T], right: Callable[[T], object]) -> T:
    """Draw until a case shows what a task asks about, so that no seed leaves it out.

    Raises
    ------
    RuntimeError
        If a thousand cases do not: then the check's author has asked for too much.
    """
    for _ in range(1000):
        if right(case := draw()):
            return case
    raise RuntimeError("None of a thousand hidden cases shows what it should.")


def tensor(values: Any) -> torch.Tensor:
    """Return a hidden input in the precision that students compute in."""
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def expect_number(value: Any, name: str) -> float:
    """Return the value as a number, or raise."""
    return float(expect_array(value, (), name))


def expect_pair(value: Any, name: str) -> list[Any]:
    """Return the two things that a function returned, or raise."""
    pair = isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim > 0)
    expect(pair and len(value) == 2, f"`{name}` should return two things: a pair.")
    return list(value)


def all_said(value: Any, key: Mapping[str, str]) -> bool:
    """Say whether a dictionary's entries are the words of the key."""
    return isinstance(value, dict) and all(says(value.get(each), key[each]) for each in key)


def expect_said(value: Any, key: Mapping[str, str], name: str, hint: str) -> None:
    """Pay for a dictionary's entries that are the words of the key, beyond what one word gets."""
    if not any(label in _keys(value) for label in key):
        expect_entry(value, next(iter(key)), name)
    right = [label for label, wanted in key.items() if says(value.get(label), wanted)]
    expect_all(right, [label for label in key if label not in right], hint, lucky(key.values()))


def compared(
    value: Any, key: Mapping[str, Any], name: str, slack: Slack
) -> tuple[list[str], list[str]]:
    """Return the entries of a dictionary of numbers that are right, and those that are not.

    The key's entries are numbers, arrays, or dictionaries again. What is missing or no number is
    wrong, and nothing else is.
    """
    right: list[str] = []
    wrong: list[str] = []
    if not any(each in _keys(value) for each in key):
        expect_entry(value, next(iter(key)), name)
    for each, wanted in key.items():
        label, found = f"{name}[{each!r}]", value.get(each)
        if isinstance(wanted, Mapping):
            if not isinstance(found, dict) or not any(inner in found for inner in wanted):
                found = dict.fromkeys(wanted)
            pair = compared(found, wanted, label, slack)
            right += pair[0]
            wrong += pair[1]
            continue
        numbers = np.asarray(wanted, dtype=float)
        for near in np.ravel(_close(entries(found, numbers.shape), numbers, slack)):
            (right if near else wrong).append(label)
    return right, wrong


def expect_tables(
    answer: Mapping[str, Any],
    keys: Mapping[str, Mapping[str, Any]],
    slack: Slack | Mapping[str, Slack],
    hint: str,
) -> None:
    """Pay for the numbers of several tables beyond what one number throughout each would get."""
    right: list[str] = []
    wrong: list[str] = []
    luck = 0
    for name, key in keys.items():
        near = slack[name] if isinstance(slack, Mapping) else slack
        pair = compared(answer[name], key, name, near)
        right += pair[0]
        wrong += pair[1]
        luck += lucky(numbers_of(key), near)
    expect_all(right, wrong, hint, luck)


def numbers_of(key: Any) -> Iterator[Any]:
    """Yield the numbers of a key."""
    if isinstance(key, Mapping):
        for each in key.values():
            yield from numbers_of(each)
    else:
        yield key


def _close(found: Array, wanted: Array, slack: Slack) -> NDArray[np.bool_]:
    reach = np.vectorize(slack)(wanted) if callable(slack) else slack
    return np.abs(found - wanted) <= reach


def _keys(value: Any) -> Any:
    return value if isinstance(value, dict) else ()

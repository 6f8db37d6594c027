"""What the hidden checks of several notebooks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from autograde.tasks import expect, expect_all, expect_array, expect_entry, says

Array = NDArray[np.float64]
Arguments = list[tuple[Any, ...]]

GIVEN = ("given-imports",)
"""The locked cell that functions by hand need, in every notebook."""


def tensor(values: Any) -> torch.Tensor:
    """Return a hidden input in the precision that students compute in."""
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def expect_number(value: Any, name: str) -> float:
    """Return the value as a number, or raise."""
    return float(expect_array(value, (), name))


def expect_pair(value: Any, name: str) -> list[Any]:
    """Return the two things that a function returned, or raise."""
    expect(
        isinstance(value, list) and len(value) == 2, f"`{name}` should return two things: a pair."
    )
    return list(value)


def all_said(value: Any, key: Mapping[str, str]) -> bool:
    """Say whether a dictionary's entries are the words of the key."""
    return isinstance(value, dict) and all(says(value.get(each), key[each]) for each in key)


def expect_said(value: Any, key: Mapping[str, str], name: str, hint: str) -> None:
    """Pay for a dictionary's entries that are the words of the key, beyond what luck gives."""
    right, wrong = [], []
    for label, wanted in key.items():
        (right if says(expect_entry(value, label, name), wanted) else wrong).append(label)
    expect_all(right, wrong, hint)

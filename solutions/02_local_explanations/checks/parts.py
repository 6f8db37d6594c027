"""Checks of tensors with a number for each image: a part of the points for each of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograde.tasks import Wrong, entries, lucky

from ...shared.checks import Slack

Numbers = NDArray[Any]


def share_of(value: Any, wanted: Numbers, slack: Slack) -> float:
    """Return which share of the numbers is right, beyond what one number throughout would get."""
    reach: Callable[[float], float] = slack if callable(slack) else lambda _: slack
    far = np.abs(entries(value, wanted.shape) - wanted)
    right = int((far <= np.vectorize(reach)(wanted)).sum())
    free = lucky(wanted.ravel(), reach)
    return max(0.0, (right - free) / (wanted.size - free))


def expect_parts(parts: Mapping[str, tuple[float, float]], hint: str) -> None:
    """Pay for the parts of an answer by their weights: name to (share that is right, weight)."""
    wrong = [name for name, (share, _) in parts.items() if share < 1]
    if wrong:
        whole = sum(weight for _, weight in parts.values())
        earned = sum(share * weight for share, weight in parts.values()) / whole
        raise Wrong(f"{hint} Look again at: {', '.join(wrong)}.", earned)


def interval(values: Numbers) -> tuple[Numbers, Numbers]:
    """Return the means over twelve images and half their 95 % intervals, as the notebook does."""
    assert values.shape[-1] == 12
    return values.mean(-1), 2.2 * values.std(-1, ddof=1) / 12**0.5


def names_said(value: Any) -> set[str]:
    """Return the names of a list, whatever else stands there."""
    return {str(each) for each in value} if isinstance(value, list) else set()

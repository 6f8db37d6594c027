"""Checks: dormant channels, by their means after the ReLU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, drawn, tensor

_RIVALS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda v: v.mean((0, 2, 3)),  # before the ReLU
    lambda v: v.max((0, 2, 3)),
    lambda v: (v > 0).mean((0, 2, 3)),
    lambda v: np.abs(v).mean((0, 2, 3)),
    lambda v: (np.maximum(v, 0) ** 2).mean((0, 2, 3)),
    lambda v: np.maximum(v, 0)[0].mean((1, 2)),  # the first image
    lambda v: np.maximum(v, 0)[..., 0, 0].mean(0),  # the first place
    lambda v: np.maximum(v.mean((2, 3)), 0).mean(0),  # the ReLU of the mean
    lambda v: np.median(np.maximum(v, 0), (0, 2, 3)),
    lambda v: np.maximum(v, 1).mean((0, 2, 3)),
    lambda v: np.maximum(v, -1).mean((0, 2, 3)),
    lambda v: np.arange(v.shape[1], dtype=float),
    lambda v: -_activity(v),
)
"""Other rules: each orders the channels otherwise in every hidden case."""


def _activity(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0).mean((0, 2, 3))


def _channels(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return outputs of a convolution, and shares that round down, up, and to all channels."""
    problems = []
    for channels, share in ((8, 0.29), (12, 0.39), (10, 1.0)):

        def draw(channels: int = channels) -> np.ndarray:
            level = rng.permutation(np.linspace(-1.5, 1.5, channels))
            # No channel is inactive altogether: nothing says which of two such comes first.
            spread = rng.permutation(np.linspace(1.2, 3, channels))
            noise = rng.normal(size=(6, channels, 4, 5))
            return level[:, None, None] + spread[:, None, None] * noise

        def right(values: np.ndarray, number: int = round(share * channels)) -> bool:
            means = _activity(values)
            if np.diff(np.sort(means)).min() < 1e-3:
                return False
            chosen = means.argsort()[:number].tolist()
            return all(rule(values).argsort()[:number].tolist() != chosen for rule in _RIVALS)

        problems.append((tensor(drawn(draw, right)), share))
    return problems


@task(
    "dormant", Call("dormant", _channels, GIVEN), read="section {{ section }} and Liu et al. 2018"
)
def dormant(calls: list[Called]) -> None:
    """Compare the order of the means after the ReLU."""
    for call in calls:
        values, share = np.asarray(call.arguments[0], dtype=float), call.arguments[1]
        means = [float(np.maximum(values[:, c], 0).mean()) for c in range(values.shape[1])]
        wanted = sorted(range(len(means)), key=means.__getitem__)[: round(share * len(means))]
        expect_close(
            call.returned,
            wanted,
            "dormant(…)",
            "First the ReLU, then the mean over images and places; the least active channel comes "
            "first.",
        )

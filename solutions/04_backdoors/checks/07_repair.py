"""Checks of section 7: sleeping channels, by their means after the ReLU."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, tensor


def _channels(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for channels, share in ((8, 0.5), (12, 0.25), (10, 0.33)):
        level = rng.permutation(np.linspace(-1.5, 1.5, channels))
        # Spread enough that no channel is silent altogether, and that the ReLU changes the order.
        spread = rng.permutation(np.linspace(1.2, 3, channels))
        values = level[None, :, None, None] + spread[None, :, None, None] * rng.normal(
            size=(6, channels, 4, 4)
        )
        problems.append((tensor(values), share))
    return problems


@task("asleep", Call("asleep", _channels, GIVEN), read="section 7 and Liu et al. 2018")
def asleep(calls: list[Called]) -> None:
    """Compare the order of the means after the ReLU."""
    for call in calls:
        values, share = np.asarray(call.arguments[0], dtype=float), call.arguments[1]
        means = [float(np.maximum(values[:, c], 0).mean()) for c in range(values.shape[1])]
        wanted = sorted(range(len(means)), key=means.__getitem__)[: round(share * len(means))]
        expect_close(
            call.returned,
            wanted,
            "asleep(…)",
            "First the ReLU, then the mean over images and places; the sleepiest channel comes first.",
        )

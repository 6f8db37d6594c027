"""Checks: both losses, summed by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.tasks import Call, Called, Value, Wrong, expect_array, expect_close, task

from ...shared.checks import GIVEN, all_said, tensor


def _batches(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    cases = []
    for size, width, alpha in ((4, 3, 0.5), (9, 6, 2.0)):
        predicted, targets = rng.integers(3, size=(2, size))
        predicted[0] = targets[0]
        predicted[1] = (targets[1] + 1) % 3
        value, now = rng.normal(size=(2, size))
        x, rebuilt = rng.uniform(size=(2, size, width))
        cases.append(
            (
                tensor(value),
                torch.from_numpy(predicted),
                torch.from_numpy(targets),
                tensor(now),
                tensor(x),
                tensor(rebuilt),
                alpha,
            )
        )
    return cases


@task("ddpg", Call("losses", _batches, GIVEN), read="section {{ section }}")
def ddpg(calls: list[Called]) -> None:
    """Sum over the batch by hand."""
    for call in calls:
        value, predicted, targets, now, x, rebuilt, alpha = (
            each.double().tolist() if isinstance(each, Tensor) else each for each in call.arguments
        )
        n = len(value)
        critic = (
            sum((v - (p == t)) ** 2 for v, p, t in zip(value, predicted, targets, strict=True)) / n
        )
        distance = (
            sum(
                math.dist([a], [b])
                for u, v in zip(x, rebuilt, strict=True)
                for a, b in zip(u, v, strict=True)
            )
            / n
        )
        got = [np.asarray(each) for each in expect_array(call.returned, (2,), "losses(…)")]
        expect_close(
            got[0],
            critic,
            "the critic's loss",
            "The mean squared difference of the stored values and the rewards, which are one or zero.",
        )
        expect_close(
            got[1],
            -sum(now) / n + alpha * distance,
            "the actor's loss",
            "Less the critic's mean value of the present actions, and alpha times the mean distance.",
        )


@task(
    "needs",
    Value("needs", "cost"),
    read="{{ if section.wachter and section.prototypes }}sections {{ section.wachter }} to {{ section }}"
    "{{ else }}section {{ section }}{{ end }}",
)
def needs(values: dict[str, Any]) -> None:
    """Half for either table."""
    right = {
        "needs": {"wachter": "gradient", "prototype": "gradient", "rl": "predictions"},
        "cost": {"wachter": "search", "prototype": "search", "rl": "one pass"},
    }
    good = [name for name, key in right.items() if all_said(values[name], key)]
    if len(good) < 2:
        raise Wrong(
            "Which losses are differentiated through the model? And which method has done its work "
            "before it sees the image?",
            len(good) / 2,
        )

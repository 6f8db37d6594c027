"""Checks: ridge regression, fitted again with other weights of its examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array


def _regressions(rng: np.random.Generator) -> Arguments:
    """Return training sets with a point of high leverage that lies off the line of the others."""
    cases: Arguments = []
    for number, size, asked, decay in ((6, 2, 3, 0.5), (9, 3, 2, 0.1), (14, 4, 1, 0.02)):
        features = rng.normal(size=(number, size))
        features[-1] *= 6 / np.linalg.norm(features[-1])
        targets = features @ rng.uniform(0.5, 1.5, size=size) + rng.normal(size=number)
        targets[-1] += rng.choice((-1, 1)) * rng.uniform(3, 5)
        order = rng.permutation(number)
        news = rng.normal(size=(asked, size))
        # Off by one at least, so that no asked loss is near its minimum.
        wanted = news @ _fit(features, targets, decay, np.ones(number))
        wanted += rng.choice((-1, 1), size=asked) * rng.uniform(1, 2, size=asked)
        arrays = (features[order], targets[order], news, wanted)
        first, second, third, fourth = map(torch.from_numpy, arrays)
        cases.append((first, second, decay, third, fourth))
    return cases


def _fit(features: Array, targets: Array, decay: float, counts: Array) -> Array:
    """Return ridge regression with a weight for each example, as least squares on longer data."""
    number, size = features.shape
    root = np.sqrt(counts)
    rows = np.concatenate([features * root[:, None], np.sqrt(number * decay) * np.eye(size)])
    goal = np.concatenate([targets * root, np.zeros(size)])
    return np.asarray(np.linalg.lstsq(rows, goal, rcond=None)[0])


def _losses(case: tuple[Any, ...], example: int, count: float) -> Array:
    """Return the asked examples' losses if one training example has another weight."""
    features, targets, decay, asked, wanted = case
    counts = np.ones(len(features))
    counts[example] = count
    theta = _fit(features.numpy(), targets.numpy(), decay, counts)
    return np.asarray((asked.numpy() @ theta - wanted.numpy()) ** 2 / 2)


@task("ridge-influence", Call("ridge_influence", _regressions, GIVEN), read="section {{ section }}")
def ridge_influence(calls: list[Called]) -> None:
    """The slope of the loss by an example's weight, by central differences."""
    for call in calls:
        case, step = call.arguments, 1e-4
        number = len(case[0])
        slopes = [
            (_losses(case, k, 1 + step) - _losses(case, k, 1 - step)) / (2 * step)
            for k in range(number)
        ]
        expect_close(
            call.returned,
            -number * np.stack(slopes, axis=1),
            "ridge_influence(…)",
            "Each score is the asked example's gradient times the inverse Hessian times the training "
            "example's gradient; the Hessian is XᵀX/N plus λ on its diagonal.",
            rtol=1e-3,
            atol=1e-5,
        )


@task("left-out", Call("left_out_change", _regressions, GIVEN), read="section {{ section }}")
def left_out(calls: list[Called]) -> None:
    """Fit again without each example."""
    for call in calls:
        changes = [
            _losses(call.arguments, k, 0.0) - _losses(call.arguments, k, 1.0)
            for k in range(len(call.arguments[0]))
        ]
        expect_close(
            call.returned,
            np.stack(changes, axis=1),
            "left_out_change(…)",
            "Divide by one minus the leverage to get the weights without an example; then compute "
            "the loss with them, minus the loss before.",
        )

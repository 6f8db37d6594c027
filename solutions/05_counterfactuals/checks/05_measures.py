"""Checks: every measure, item by item."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect_array, expect_close, task

from ...shared.checks import GIVEN, tensor


def _found_images(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return batches of which half the items reach the target.

    Of these the first does so with a probability below one half; its features moved by nothing, by
    less than 0.001 in both directions, by 0.001 exactly, and far in both directions.
    """
    cases = []
    for count, width, classes in ((6, 7, 3), (10, 8, 4)):
        x = rng.uniform(0.1, 0.9, size=(count, width))
        moved = np.where(rng.random((count, width)) < 0.5, x, rng.uniform(size=(count, width)))
        targets = rng.integers(classes, size=count)
        scores = rng.normal(size=(count, classes))
        scores[np.arange(count // 2), targets[: count // 2]] = 9  # half of them hit
        scores[np.arange(count // 2, count), targets[count // 2 :]] = -9
        scores[0] = 0
        scores[0, targets[0]] = 0.5
        x[0, :3] = 0, 0.5, 0.5
        moved[0] = x[0]
        moved[0, :5] += 0.001, 0.0005, -0.0005, -0.3, 0.2
        order = rng.permutation(count)
        probabilities = torch.softmax(tensor(scores[order]), 1)
        cases.append(
            (
                tensor(x[order]),
                tensor(moved[order]),
                probabilities,
                torch.from_numpy(targets[order]),
            )
        )
    return cases


def _rebuilt(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return images, and in the second case features of both signs."""
    images = [rng.uniform(size=(3, 4)) for _ in range(4)]
    features = [rng.normal(size=(6, 9)) for _ in range(4)]
    return [(*map(tensor, images), 0.0), (*map(tensor, features), 0.1)]


@task("qualities", Call("qualities", _found_images, GIVEN), read="section {{ section }}")
def qualities(calls: list[Called]) -> None:
    """Go through the items one by one."""
    for call in calls:
        x, changed, probabilities, targets = (each.double().tolist() for each in call.arguments)
        valid, l1, l2, still = 0, [], [], []
        for row, new, said, target in zip(x, changed, probabilities, targets, strict=True):
            if said.index(max(said)) != target:
                continue
            valid += 1
            moves = [abs(a - b) for a, b in zip(row, new, strict=True)]
            l1.append(sum(moves))
            l2.append(math.hypot(*moves))
            still.append(sum(move < 1e-3 for move in moves) / len(moves))
        got = expect_array(call.returned, (4,), "qualities(…)")
        words = (
            (
                valid / len(x),
                "validity",
                "The share of items whose most likely class is the target.",
            ),
            (
                statistics.mean(l1),
                "L1",
                "Sum over features, then the mean over the valid items only.",
            ),
            (
                statistics.mean(l2),
                "L2",
                "The Euclidean length of the change, mean over valid items.",
            ),
            (
                statistics.mean(still),
                "sparsity",
                "The share of features that moved by less than 0.001.",
            ),
        )
        for value, (wanted, name, hint) in zip(got, words, strict=True):
            expect_close(
                np.asarray(value), wanted, f"qualities(…): {name}", hint, rtol=1e-3, atol=1e-4
            )


@task(
    "im", Call("im", _rebuilt, GIVEN), read="section {{ section }} and Van Looveren and Klaise 2019"
)
def im(calls: list[Called]) -> None:
    """Sum squares by hand."""
    for call in calls:
        *arguments, epsilon = call.arguments
        changed, target, original, whole = (each.double().tolist() for each in arguments)
        one, two = [], []
        for x, t, o, a in zip(changed, target, original, whole, strict=True):
            one.append(math.dist(x, t) ** 2 / (math.dist(x, o) ** 2 + epsilon))
            two.append(math.dist(t, a) ** 2 / (sum(abs(v) for v in x) + epsilon))
        got = expect_array(call.returned, (2, len(one)), "im(…)")
        expect_close(
            got[0],
            one,
            "IM1",
            "The squared error of the target's autoencoder over that of the old class's, plus ε.",
            rtol=1e-3,
        )
        expect_close(
            got[1],
            two,
            "IM2",
            "The squared distance of two rebuilt images over the sum of the counterfactual, plus ε.",
            rtol=1e-3,
        )

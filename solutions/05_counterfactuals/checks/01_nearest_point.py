"""Checks: closed forms, by loops in double precision."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect_close, expect_unchanged, task

from ...shared.checks import GIVEN, drawn, tensor


def _lines(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return points on both sides of planes (x, weight, bias, margin).

    No weight is near zero or of length one.
    """
    cases = []
    for size, margin, side in ((2, 0.0, -1), (5, 0.1, 1), (9, 0.5, -1)):
        weight = rng.choice((-1, 1), size=size) * rng.uniform(0.8, 2, size=size)
        cases.append((*_off_the_plane(rng, weight, side), margin))
    return cases


def _partly_free(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return planes of which the steepest coordinate may change, and some of which it may not.

    Some feature that may not change stands before the steepest of the others, so that a place among
    the free features is another place among all. In the last one all slopes are small, those of
    features that may not change, too.
    """
    cases = []
    for size, blocked, slope, side in (
        (4, 0, 0.7, -1),
        (5, 1, 0.7, 1),
        (8, 3, 0.7, -1),
        (6, 2, 0.02, 1),
    ):

        def draw(size: int = size) -> np.ndarray:
            return rng.permutation(np.arange(1, size + 1))

        def moved(ranks: np.ndarray, best: int = size - blocked) -> bool:
            before = ranks[: int((ranks == best).argmax())]
            return bool(best == len(ranks) or (before > best).any())

        steep = drawn(draw, moved) * rng.choice((-1, 1), size=size) * slope
        order = np.abs(steep).argsort()
        free = np.ones(size, dtype=bool)
        free[order[size - blocked :]] = False
        best = order[size - blocked - 1]  # negative, so that a maximum without abs finds another
        steep[best] = -abs(steep[best])
        cases.append((*_off_the_plane(rng, steep, side, free), torch.from_numpy(free)))
    return cases


def _off_the_plane(
    rng: np.random.Generator, weight: Any, side: int, free: Any = True
) -> tuple[Any, Any, float]:
    """Return a point on one side of the plane, the weight, and a bias that matters.

    Of the free features the steepest is not the one that contributes most.
    """

    def draw() -> tuple[Any, float]:
        return rng.normal(size=len(weight)), float(rng.normal())

    def right(pair: tuple[Any, float]) -> bool:
        if not side * (weight @ pair[0] + pair[1]) > 0.1 < abs(pair[1]):
            return False
        shares, slopes = (np.where(free, abs(each), 0) for each in (weight * pair[0], weight))
        return bool(shares.argmax() != slopes.argmax())

    x, bias = drawn(draw, right)
    return tensor(x), tensor(weight), bias


def _tables(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    cases = []
    for rows, columns in ((5, 2), (9, 4), (31, 3)):
        scale = rng.uniform(0.1, 100, size=columns)
        data = rng.normal(size=(rows, columns)) * scale + rng.normal(size=columns) * scale
        data[0] += 50 * scale  # an outlier, which a standard deviation would follow
        size = rng.uniform(0.2, 2, size=columns)
        x, rises = rng.normal(size=columns), rng.permutation(np.arange(columns) % 2 * 2 - 1)
        changed = (x + rises * size) * scale  # some features rise, others fall
        cases.append((tensor(x * scale), tensor(changed), tensor(data)))
    return cases


@task("nearest-l2", Call("nearest_l2", _lines, GIVEN), read="section {{ section }}")
def nearest_l2(calls: list[Called]) -> None:
    """Project, and go on by the margin."""
    for call in calls:
        x, weight, bias, margin = call.arguments
        x, weight = x.double().tolist(), weight.double().tolist()
        value = sum(a * b for a, b in zip(x, weight, strict=True)) + bias
        square = sum(a * a for a in weight)
        wanted = [a - (1 + margin) * value / square * b for a, b in zip(x, weight, strict=True)]
        expect_close(
            call.returned,
            wanted,
            "nearest_l2(…)",
            "Subtract (w·x + b) / (w·w) times w, all of it times one plus the margin.",
        )


@task("nearest-l1", Call("nearest_l1", _partly_free, GIVEN), read="section {{ section }}")
def nearest_l1(calls: list[Called]) -> None:
    """Try every free coordinate alone, and take the cheapest."""
    for call in calls:
        x, weight, bias, free = call.arguments
        x, weight = x.double().numpy(), weight.double().numpy()
        value = float(weight @ x + bias)
        costs = {k: abs(value / weight[k]) for k in range(len(x)) if free[k]}
        best = min(costs, key=costs.__getitem__)
        wanted = x.copy()
        wanted[best] -= value / weight[best]
        expect_close(
            call.returned,
            wanted,
            "nearest_l1(…)",
            "Only the free feature with the largest weight, in absolute value, moves, and just far "
            "enough to reach the plane.",
            atol=1e-5,
        )
    expect_unchanged(calls, 0, "x")


@task(
    "mad",
    Call("mad_distance", _tables, GIVEN),
    read="section {{ section }} and Wachter et al. 2017",
)
def mad(calls: list[Called]) -> None:
    """Take medians column by column."""
    for call in calls:
        x, changed, data = (each.double().tolist() for each in call.arguments)
        wanted = 0.0
        for k, column in enumerate(zip(*data, strict=True)):
            middle = statistics.median(column)
            spread = statistics.median(abs(each - middle) for each in column)
            wanted += abs(x[k] - changed[k]) / spread
        expect_close(
            call.returned,
            wanted,
            "mad_distance(…)",
            "Divide each feature's change by the median distance of its column to the column's "
            "median; then sum.",
            rtol=1e-3,
        )

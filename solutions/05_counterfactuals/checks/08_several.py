"""Checks: a determinant by its definition, and ratios neighbour by neighbour."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, Array, drawn, tensor


def _sets(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return sets of counterfactuals with features of different scales; in the last, two are equal."""
    cases = []
    for k, width in ((2, 3), (3, 5), (4, 6), (3, 4)):
        spread = rng.permutation(np.geomspace(0.2, 20, width))
        changed = rng.normal(size=(k, width)) * spread * 1.5 + 3 * spread
        cases.append([changed, spread])
    cases[-1][0][2] = cases[-1][0][0]
    return [(tensor(changed), tensor(spread)) for changed, spread in cases]


def _ratios(x: Array, near: Array, made: Array, made_near: Array) -> list[tuple[float, float]]:
    """Return by how much each neighbour's counterfactual moved, and by how much the neighbour."""
    return [
        (math.dist(after, made), math.dist(before, x))
        for before, after in zip(near.tolist(), made_near.tolist(), strict=True)
    ]


def _shows(case: tuple[Any, ...]) -> bool:
    """Say whether other choices of a neighbour give another ratio than the right one does."""
    *inputs, found = case
    moves = _ratios(*inputs)
    ratio = [far / near for far, near in moves]
    some = [k for k in range(len(ratio)) if found[k]]
    best = max(some, key=ratio.__getitem__)
    others = {
        max(range(len(ratio)), key=ratio.__getitem__),  # also where none was found
        max(some, key=lambda k: moves[k][0]),  # the counterfactual that moved farthest
        min(some, key=lambda k: moves[k][1]),  # the nearest neighbour
        some[0],
    }
    return best not in others


def _largest(case: tuple[Any, ...]) -> float:
    *inputs, found = case
    return max(far / near for (far, near), ok in zip(_ratios(*inputs), found, strict=True) if ok)


def _between(case: tuple[Any, ...]) -> float:
    """Return the largest ratio of two neighbours that were found, x not among them."""
    _, near, _, after, found = case
    return max(
        math.dist(after[i], after[j]) / math.dist(near[i], near[j])
        for i, j in itertools.combinations(np.flatnonzero(found), 2)
    )


def _neighbours(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return inputs with neighbours; in the last all ratios are below 1.

    The ratios of two neighbours, which nobody asks about, are larger there and in the second.
    """
    cases = []
    for count, width, scale, pairs in ((6, 3, 1, False), (8, 5, 1, True), (7, 4, 0.05, True)):

        def draw(count: int = count, width: int = width, scale: float = scale) -> tuple[Any, ...]:
            x, made = rng.normal(size=(2, width)) + 1
            near = x + rng.normal(size=(count, width)) * rng.uniform(0.1, 0.5, size=(count, 1))
            reach = scale * rng.uniform(0.2, 1, size=(count, 1))
            after = made + rng.normal(size=(count, width)) * reach
            return x, near, made, after, rng.random(count) < 0.7

        def right(case: tuple[Any, ...], scale: float = scale, pairs: bool = pairs) -> bool:
            if case[-1].sum() < 2 or not _shows(case):
                return False
            largest = _largest(case)
            return (not pairs or _between(case) > 1.1 * largest) and (scale == 1 or largest < 0.9)

        case = drawn(draw, right)
        cases.append((*map(tensor, case[:-1]), torch.from_numpy(case[-1])))
    return cases


@task(
    "diversity",
    Call("diversity", _sets, GIVEN),
    read="section {{ section }} and Mothilal et al. 2020",
)
def diversity(calls: list[Called]) -> None:
    """Expand the determinant over all permutations."""
    for call in calls:
        changed, spread = (each.double().tolist() for each in call.arguments)
        k, width = len(changed), len(spread)
        kernel = [
            [
                1 / (1 + sum(abs(a - b) / s for a, b, s in zip(u, v, spread, strict=True)) / width)
                for v in changed
            ]
            for u in changed
        ]
        wanted = 0.0
        for order in itertools.permutations(range(k)):
            turned = sum(order[i] > order[j] for i, j in itertools.combinations(range(k), 2))
            wanted += (-1) ** turned * math.prod(kernel[i][order[i]] for i in range(k))
        expect_close(
            call.returned,
            wanted,
            "diversity(…)",
            "K holds 1 / (1 + d) for every pair, d is the mean over the features of the absolute "
            "difference divided by the feature's scale; return the determinant of K.",
            rtol=1e-3,
            atol=1e-5,
        )


@task("stability", Call("instability", _neighbours, GIVEN), read="section {{ section }}")
def stability(calls: list[Called]) -> None:
    """Go through the neighbours one by one."""
    for call in calls:
        *inputs, found = call.arguments
        expect_close(
            call.returned,
            _largest((*(each.double().numpy() for each in inputs), found.tolist())),
            "instability(…)",
            "Divide how far each neighbour's counterfactual is from that of x by how far the "
            "neighbour is from x, in L2; return the largest ratio of those that were found.",
            rtol=1e-3,
        )

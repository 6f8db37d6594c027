"""Checks: the nearest point beyond a plane."""

from __future__ import annotations

import math

import numpy as np

from autograde.tasks import Call, Called, expect, expect_array, task

from ...shared.checks import GIVEN, Arguments


def linear_classifiers(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    while len(cases) < 6:
        size = int(rng.integers(2, 6))
        x, w, b = 2 * rng.normal(size=size), 3 * rng.normal(size=size), float(rng.normal())
        side = 1 if len(cases) % 2 else -1  # both classes
        if side * (w @ x + b) > 0.5:
            cases.append((x, w, b, 0.0 if len(cases) < 2 else float(rng.uniform(0.1, 1))))
    return cases


@task(
    "linear-counterfactual",
    Call("linear_counterfactual", linear_classifiers, GIVEN),
    read="Section {{ section }}, the projection onto the boundary",
)
def linear_counterfactual(calls: list[Called]) -> None:
    right = {True: True, False: True}
    for call in calls:
        x, w, b, margin = call.arguments
        found = expect_array(call.returned, x.shape, "linear_counterfactual")
        # Right if it lies where it should, and the way there is parallel to w: no shorter way.
        unit = w / math.sqrt((w**2).sum())
        before, after = x @ unit + b / math.sqrt((w**2).sum()), found @ unit
        after += b / math.sqrt((w**2).sum())
        way = found - x
        good = abs(after + math.copysign(margin, before)) < 1e-5 and (
            np.abs(way - (way @ unit) * unit).max() < 1e-5
        )
        right[margin == 0] &= bool(good)
    expect(
        right[True],
        "For margin 0 the result is not the boundary point nearest to x: go along w, and divide "
        "by wᵀw.",
        0.5 if right[False] else 0,
    )
    expect(
        right[False],
        "The boundary point is right, the counterfactual beyond it is not: `margin` is a "
        "distance (w need not have length 1), on the other side than x, whichever that is.",
        0.5,
    )

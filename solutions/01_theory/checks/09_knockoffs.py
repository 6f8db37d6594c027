"""Checks: the statistic and the selection, by their definitions."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from autograde.tasks import Call, Called, expect, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array


def trained_filters(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for sizes in ((4, 1), (5, 6, 1), (6, 5, 4, 1)):
        matrices = [rng.normal(size=(m, n)) for n, m in itertools.pairwise(sizes)]
        cases.append((rng.normal(size=sizes[0]), rng.normal(size=sizes[0]), matrices))
    return cases


@task(
    "knockoff-statistic",
    Call("knockoff_statistics", trained_filters, GIVEN),
    read="Section {{ section }}; Lu 2018, equations for Z and W",
)
def knockoff_statistic(calls: list[Called]) -> None:
    for call in calls:
        z, knockoff, matrices = call.arguments
        # Without ReLUs the network is linear: its response to one filter's unit signal.
        reference = np.zeros(len(z))
        for j in range(len(z)):
            signal = np.eye(len(z))[j]
            for matrix in matrices:
                signal = matrix @ signal
            reference[j] = (z[j] * signal[0]) ** 2 - (knockoff[j] * signal[0]) ** 2
        found = expect_array(call.returned, reference.shape, "knockoff_statistics")
        hint = "W_j = (z_j u_j)² − (z̃_j u_j)², where u is the product of all matrices."
        if np.allclose(found, z**2 - knockoff**2):
            hint = "Only the filters are compared: multiply by u, the product of the matrices that follow."
        expect_close(found, reference, "knockoff_statistics", hint)


def drawn_statistics(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for q, shift, c in (
        # No ratio of two numbers up to 40 equals one of these q: rounding decides nothing.
        (0.11, 3.0, 1),
        (0.21, 2.0, 0),
        (0.31, 1.5, 1),
        (0.19, 1.5, 0),
        (0.51, 1.0, 1),
        (0.06, 0.0, 1),
    ):
        drawn = rng.normal(size=40) + np.where(np.arange(40) < 15, shift, 0)
        drawn[rng.integers(15, 40)] = 0.0  # 0 is no threshold
        cases.append((rng.permutation(drawn), q, c))
    small = [
        ([3, 2, 2, -2, 4, 5], 0.18, 0),  # at t = 2 its own count decides
        ([-3, 1, 2], 0.1, 1),  # nothing passes
        ([3, 0, 2, 4, 5], 0.3, 0),  # t = 0 would pass
        ([1, 2, -0.5], 0.5, 1),  # t = 1 passes with equality
        ([3, -2, -1], 0.6, 1),  # one feature alone does not pass
    ]
    for values, q, c in small:
        scale = float(rng.choice([0.25, 0.5, 1, 2, 4]))  # exact: what is equal stays equal
        cases.append((scale * rng.permutation(np.array(values, dtype=float)), q, c))
    cases.append((rng.permutation([0.25, 0.5, -0.125]), 0.5, 1))  # a threshold lies below 1
    return cases


def select_by_definition(statistics: Array, q: float, c: int) -> NDArray[np.bool_]:
    """Try every threshold, literally."""
    passing = []
    for t in {abs(w) for w in statistics if w != 0}:
        against = sum(1 for w in statistics if w <= -t)
        for_it = sum(1 for w in statistics if w >= t)
        if (c + against) / max(1, for_it) <= q:
            passing.append(t)
    return np.array([bool(passing) and w >= min(passing) for w in statistics])


@task(
    "knockoff-selection",
    Call("select_features", drawn_statistics, GIVEN),
    read="Section {{ section }}, the threshold; Barber and Candès 2015",
)
def knockoff_selection(calls: list[Called]) -> None:
    right: dict[int, list[bool]] = {0: [], 1: []}
    for call in calls:
        statistics, q, c = call.arguments
        reference = select_by_definition(statistics, q, c)
        found = expect_array(call.returned, reference.shape, "select_features")
        right[c].append(np.array_equal(found, reference))
    for c in (0, 1):
        expect(
            all(right[c]),
            f"The selection is not right for c = {c}: the smallest passing t among all |W_j| > 0 "
            "counts, both comparisons include equality, and without one nothing is selected.",
            0.5 if all(right[1 - c]) else 0,
        )

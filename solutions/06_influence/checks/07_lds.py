"""Checks: rank correlations pair by pair, and percentiles by sorting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array, drawn, tensor


def spearman(a: list[float], b: list[float]) -> float:
    """Return 1 − 6 Σ d² / (n (n² − 1)), where d is the difference of two ranks."""
    n = len(a)

    def rank(values: list[float], place: int) -> int:
        return sum(other < values[place] for other in values)

    total = sum((rank(a, i) - rank(b, i)) ** 2 for i in range(n))
    return 1 - 6 * total / (n * (n * n - 1))


def _each(scores: Array, subsets: Array, outputs: Array) -> list[float]:
    """Return each image's correlation; sums are taken in loops."""
    found = []
    for m, row in enumerate(scores.tolist()):
        sums = [
            math.fsum(value for value, inside in zip(row, subset, strict=True) if inside)
            for subset in subsets.tolist()
        ]
        found.append(spearman(sums, outputs[:, m].tolist()))
    return found


def _percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    place = percent / 100 * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def expected(
    scores: Array,
    subsets: Array,
    outputs: Array,
    draws: Array,
    percents: tuple[float, float] = (2.5, 97.5),
) -> list[float]:
    """Return the mean and its interval."""
    each = _each(scores, subsets, outputs)
    means = [math.fsum(each[m] for m in row) / len(row) for row in draws.astype(int).tolist()]
    mean = math.fsum(each) / len(each)
    return [mean, *(_percentile(means, percent) for percent in percents)]


def _cases(rng: np.random.Generator) -> Arguments:
    """Return outputs that follow the sums, but not linearly, for subsets of different sizes."""
    cases: Arguments = []
    for m, n, s, b in ((6, 6, 7, 40), (8, 8, 12, 60)):

        def draw(m: int = m, n: int = n, s: int = s, b: int = b) -> tuple[Any, ...]:
            scores = rng.normal(size=(m, n)) + 0.5
            subsets = rng.random((s, n)) < rng.uniform(0.3, 0.8, size=(s, 1))
            sums = subsets @ scores.T
            outputs = np.exp(sums + rng.normal(size=sums.shape))
            outputs[:, 0] = -outputs[:, 0]  # a method may be wrong about an image
            return scores, subsets, outputs, rng.integers(m, size=(b, m))

        def shows(case: tuple[Any, ...]) -> bool:
            """Say whether equal sums, means instead of sums, Pearson and other percentiles show."""
            scores, subsets, outputs, draws = case
            sizes = subsets.sum(1)
            sums = subsets @ scores.T
            if sizes.min() == 0 or np.diff(np.sort(sums, axis=0), axis=0).min() < 1e-3:
                return False
            if np.diff(np.sort(outputs, axis=0), axis=0).min() < 1e-4:
                return False
            if min(_each(scores, subsets, outputs)) > -0.1:
                return False
            right = expected(scores, subsets, outputs, draws)
            means = [
                spearman(list(a), list(b)) for a, b in zip(sums.T / sizes, outputs.T, strict=True)
            ]
            pearson = [np.corrcoef(a, b)[0, 1] for a, b in zip(sums.T, outputs.T, strict=True)]
            others = (float(np.mean(means)), float(np.mean(pearson)))
            inside = right[1] < right[0] - 0.02 and right[2] > right[0] + 0.02
            for near in ((1.5, 96.5), (3.5, 98.5)):
                moved = expected(scores, subsets, outputs, draws, near)
                if min(abs(a - b) for a, b in zip(moved[1:], right[1:], strict=True)) < 0.003:
                    return False
            return inside and all(abs(other - right[0]) > 0.02 for other in others)

        scores, subsets, outputs, draws = drawn(draw, shows)
        cases.append(
            (tensor(scores), torch.from_numpy(subsets), tensor(outputs), torch.from_numpy(draws))
        )
    return cases


@task(
    "lds",
    Call("datamodelling_score", _cases, GIVEN),
    read="section {{ section }} and Park et al. 2023",
)
def lds(calls: list[Called]) -> None:
    """Half for the mean, half for the interval."""
    for part, name, hint, worth in (
        (
            slice(0, 1),
            "the mean",
            "Sum the scores of each subset's training examples; take the ranks of these sums and of the "
            "outputs over the subsets; correlate the ranks; then take the mean over the images.",
            0.0,
        ),
        (
            slice(1, 3),
            "the interval",
            "Each row of `draws` gives one mean of the images' correlations; take the 2.5th and the "
            "97.5th percentile of these means.",
            0.5,
        ),
    ):
        for call in calls:
            scores, subsets, outputs, draws = (each.double().numpy() for each in call.arguments)
            got = expect_array(call.returned, (3,), "datamodelling_score(…)")
            wanted = expected(scores, subsets, outputs, draws)
            expect_close(got[part], wanted[part], name, hint, 1e-3, 1e-4, fraction=worth)

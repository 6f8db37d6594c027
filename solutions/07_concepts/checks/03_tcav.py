"""Checks: p-values by the incomplete beta function, Holm's by loops, paper pixel by pixel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.special import betainc

from autograde.tasks import Call, Called, expect, expect_array, expect_close, expect_unchanged, task

from ...shared.checks import GIVEN, Arguments, drawn, tensor


def beyond(t: float, freedom: int) -> float:
    """Return the probability that a t-distributed number is at least as far from zero."""
    return float(betainc(freedom / 2, 0.5, freedom / (freedom + t * t)))


def moments(values: list[float]) -> tuple[float, float]:
    """Return the mean and the variance, with the number minus 1."""
    mean = sum(values) / len(values)
    return mean, sum((each - mean) ** 2 for each in values) / (len(values) - 1)


def both_tests(runs: list[float], random: list[float]) -> tuple[float, float]:
    """Return the p-values of the runs against one half, and of one new observation."""
    mean, spread = moments(runs)
    middle, variance = moments(random)
    first = (mean - 0.5) / math.sqrt(spread / len(runs))
    second = (mean - middle) / math.sqrt(variance + variance / len(random))
    return beyond(first, len(runs) - 1), beyond(second, len(random) - 1)


def _scores(rng: np.random.Generator) -> Arguments:
    """Return runs above or below one half, beside fewer or more random scores, off one half."""

    def draw(number: int, many: int, middle: float, side: float) -> tuple[Any, ...]:
        runs = 0.5 + side * rng.uniform(0.05, 0.2) + 0.15 * rng.normal(size=number)
        random = middle + 0.12 * rng.normal(size=many)
        return torch.from_numpy(runs), torch.from_numpy(random)

    def shows(case: tuple[Any, ...], side: float) -> bool:
        runs, random = (each.tolist() for each in case)
        first, second = both_tests(runs, random)
        signs = side * (moments(runs)[0] - 0.5) > 0 and side * (np.mean(runs) - np.mean(random)) > 0
        return bool(signs and 0.01 < first < 0.6 and 0.01 < second < 0.6)

    return [
        drawn(
            lambda case=(number, many, middle, side): draw(*case),
            lambda case, side=side: shows(case, side),
        )
        for number, many, middle, side in ((6, 9, 0.42, 1), (12, 5, 0.58, -1), (4, 4, 0.45, 1))
    ]


@task(
    "two-tests",
    Call("two_tests", _scores, GIVEN),
    read="section {{ section }} and Kim et al. 2018",
)
def two_tests(calls: list[Called]) -> None:
    """Half of the points for each test."""
    for place, (name, hint) in enumerate(
        (
            (
                "the p-value of the runs",
                "It compares the mean of the runs with ½, in units of σ/√R, with R − 1 degrees of freedom, on both "
                "sides.",
            ),
            (
                "the p-value of one new observation",
                "It compares the mean of the runs with that of the random scores, in units of their σ times "
                "√(1 + 1/m), with m − 1 degrees of freedom, on both sides.",
            ),
        )
    ):
        for call in calls:
            runs, random = (each.tolist() for each in call.arguments)
            pair = expect_array(call.returned, (2,), "two_tests(…)")
            wanted = both_tests(runs, random)[place]
            expect_close(pair[[place]], [wanted], name, hint, rtol=1e-3, fraction=place / 2)


def corrected(values: list[float]) -> list[float]:
    """Return Holm's correction: each value's factor is how many are at least as large."""
    found = []
    for each in values:
        smaller = [other for other in values if other <= each]
        products = [sum(more >= other for more in values) * other for other in smaller]
        found.append(min(1.0, max(products)))
    return found


def _p_values(rng: np.random.Generator) -> Arguments:
    """Return tables in which the running maximum and the limit of 1 count, in no order.

    In the last one the two smallest are equal.
    """

    def draw(shape: tuple[int, ...]) -> tuple[Any, ...]:
        values = rng.uniform(0.001, 0.2, size=math.prod(shape))
        values[0], values[1] = 0.03, 0.0301  # (m − k) · 0.03 is more than (m − k − 1) · 0.0301
        values[-1], values[-2] = 0.7, 0.6
        if shape == (7,):
            values[2] = values[3] = 0.0008
        return (torch.from_numpy(rng.permutation(values).reshape(shape)),)

    def shows(case: tuple[Any, ...]) -> bool:
        flat = case[0].flatten().tolist()
        ordered = sorted(flat)
        return flat != ordered and len({*flat}) == len(flat) - (len(flat) == 7)

    return [drawn(lambda shape=shape: draw(shape), shows) for shape in ((3, 4), (2, 3, 2), (7,))]


@task("holm", Call("holm", _p_values, GIVEN), read="section {{ section }} and Holm 1979")
def holm(calls: list[Called]) -> None:
    """Each value by a loop over all others."""
    for call in calls:
        table = call.arguments[0]
        expect_close(
            call.returned,
            np.reshape(corrected(table.flatten().tolist()), tuple(table.shape)),
            "holm(…)",
            "Sort all values of the table together, multiply the smallest by their number, the next one by one "
            "less, take the running maximum, then the minimum with 1, and put each back into its place.",
        )


def _papers(rng: np.random.Generator) -> Arguments:
    """Return concepts of which one image shows the paper, and sets of unequal sizes."""
    cases: Arguments = []
    for images, sizes in ((3, (2, 4)), (4, (3, 1, 2))):
        paper = rng.uniform(0.2, 0.4)
        concept = rng.uniform(paper + 0.1, 1, size=(images, 1, 3, 4))
        concept[:, 0, 0, 0] = concept[0, 0, 0, 0]  # the most frequent brightness is no paper
        concept[rng.integers(1, images), 0, 1, 2] = paper
        sets = []
        for size in sizes:
            pixels = rng.uniform(size=(size, 1, 3, 4))
            pixels[rng.random(pixels.shape) < 0.3] = 0
            pixels[0, 0, 0] = (0.0, paper / 2, paper + 0.05, 1.0)
            sets.append(tensor(pixels))
        cases.append((tensor(concept), sets))
    return cases


@task("fair-control", Call("fair_control", _papers, GIVEN), read="section {{ section }}")
def fair_control(calls: list[Called]) -> None:
    """Each pixel by itself."""
    for call in calls:
        concept, sets = call.arguments
        paper = min(concept.flatten().tolist())
        returned = call.returned
        several = isinstance(returned, list) or (isinstance(returned, np.ndarray) and returned.ndim)
        expect(
            several and len(returned) == len(sets),
            "`fair_control` should return a list with one tensor for each random set.",
        )
        for found, each in zip(returned, sets, strict=True):
            pixels = [max(value, paper) for value in each.flatten().tolist()]
            expect_close(
                found,
                np.reshape(pixels, tuple(each.shape)),
                "fair_control(…)",
                "The paper is the darkest pixel of all concept images together; only what is darker changes, to "
                "the brightness of the paper.",
            )
    expect_unchanged(calls, 1, "random_sets")
    expect_unchanged(calls, 0, "concept")

"""Checks of section 3: the nearest prototype, by sorting the codes of each class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect, expect_close, task

from ...shared.checks import GIVEN, tensor


def _code_tables(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    cases = []
    for count, width, k, labels in ((12, 2, 2, 3), (40, 5, 3, 4), (30, 3, 1, 5)):
        own = rng.permutation(np.arange(count) % labels)
        centres = rng.normal(size=(labels, width)) * 3
        codes = centres[own] + rng.normal(size=(count, width))
        original = int(rng.integers(labels))
        code = centres[original] + rng.normal(size=width)
        cases.append((tensor(code), tensor(codes), torch.from_numpy(own), k, original))
    return cases


@task("prototype", Call("nearest_prototype", _code_tables, GIVEN), read="section 3")
def prototype(calls: list[Called]) -> None:
    """Sort the codes of each class by distance."""
    for call in calls:
        code, codes, labels, k, original = call.arguments
        point = code.double().tolist()
        best: tuple[float, int, list[float]] = (math.inf, -1, [])
        for label in sorted(set(labels.tolist()) - {original}):
            own = [
                c
                for c, each in zip(codes.double().tolist(), labels.tolist(), strict=True)
                if each == label
            ]
            own.sort(key=lambda c: math.dist(c, point))
            mean = [sum(column) / k for column in zip(*own[:k], strict=True)]
            best = min(best, (math.dist(mean, point), label, mean))
        got = call.returned
        expect(
            isinstance(got, list) and len(got) == 2,
            "`nearest_prototype(…)` should return a class and its prototype.",
        )
        expect_close(
            got[1],
            best[2],
            "the prototype",
            "It is the mean of the k codes of a class that are nearest to the input's code; compare "
            "the prototypes, not single codes, and leave the input's own class out.",
            rtol=1e-3,
            atol=1e-4,
        )
        expect_close(got[0], best[1], "the class", "Return the class of the nearest prototype.")

"""Checks: the nearest prototype, by sorting the codes of each class."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect, expect_close, task

from ...shared.checks import GIVEN, Array, drawn, tensor


Distance = Callable[[Array], Any]
_EUCLIDEAN: Distance = lambda apart: np.linalg.norm(apart, axis=-1)  # noqa: E731
_CITY: Distance = lambda apart: np.abs(apart).sum(axis=-1)  # noqa: E731


def _answer(
    code: Array,
    codes: Array,
    labels: Array,
    k: int,
    original: int,
    by: Distance = _EUCLIDEAN,
    among: Distance = _EUCLIDEAN,
) -> tuple[int, Array]:
    """Return the class and prototype by a rule: how to pick the k codes, how to compare classes."""
    prototypes = {
        int(label): codes[labels == label][by(codes[labels == label] - code).argsort()[:k]].mean(0)
        for label in sorted(set(labels.tolist()) - {original})
    }
    nearest = min(prototypes, key=lambda label: float(among(prototypes[label] - code)))
    return nearest, prototypes[nearest]


def _classes(code: Array, codes: Array, labels: Array, k: int, original: int) -> dict[str, Any]:
    """Return the classes that other rules call nearest, by the rule."""
    apart = {label: codes[labels == label] - code for label in sorted({*labels} - {original})}
    other = labels != original
    near = labels[other][_EUCLIDEAN(codes[other] - code).argsort()[:k]].tolist()
    return {
        "the nearest single code": [min(apart, key=lambda c: float(_EUCLIDEAN(apart[c]).min()))],
        "means of whole classes": [min(apart, key=lambda c: float(_EUCLIDEAN(apart[c].mean(0))))],
        "the mean of the k distances": [
            min(apart, key=lambda c: float(np.sort(_EUCLIDEAN(apart[c]))[:k].mean()))
        ],
        "most of the k nearest": [c for c in near if near.count(c) == max(map(near.count, near))],
    }


_OTHER_RULES: dict[str, Callable[..., tuple[int, Array]]] = {
    "classes compared in L1": lambda *case: _answer(*case, among=_CITY),
    "the first class": lambda *case: _answer(*case, among=lambda _: np.float64(0)),
    "codes picked in L1": lambda *case: _answer(*case, by=_CITY),
    "codes nearest to the origin": lambda c, *rest: _answer(0 * c, *rest),
    "the largest product": lambda c, *rest: _answer(c, *rest, among=lambda apart: -(apart + c) @ c),
    "classes below ten": lambda c, cs, ls, *rest: _answer(c, cs[ls < 10], ls[ls < 10], *rest),
    "all but the last class": lambda c, cs, ls, *rest: _answer(
        c, cs[ls < ls.max()], ls[ls < ls.max()], *rest
    ),
    "the input's own class, too": lambda c, cs, ls, k, o: _answer(c, cs, ls, k, -1),
}
"""What a table's answer would be by rules that are not the task's."""


def _tells(case: Any, rules: tuple[str, ...]) -> bool:
    """Say whether each of these rules gives another answer to a table than the task's rule."""
    right, prototype = _answer(*case)
    for rule in rules:
        if rule in _OTHER_RULES:
            label, mean = _OTHER_RULES[rule](*case)
            if label == right and np.abs(mean - prototype).max() < 0.05:
                return False
        elif right in _classes(*case)[rule]:
            return False
    return True


def _code_tables(rng: np.random.Generator) -> list[Any]:
    """Return tables without some class numbers, drawn until each other rule gives another answer.

    The rules share the tables between them. In the last table, k is 1.
    """
    cases = []
    for count, width, k, classes, rules in (
        (
            20,
            2,
            3,
            4,
            ("the nearest single code", "codes nearest to the origin", "all but the last class"),
        ),
        (32, 4, 4, 4, ("means of whole classes", "codes picked in L1")),
        (24, 3, 2, 4, ("classes compared in L1", "the first class", "classes below ten")),
        (36, 3, 5, 4, ("most of the k nearest", "the mean of the k distances")),
        (30, 3, 1, 5, ("the input's own class, too", "the largest product")),
    ):

        def draw(size: tuple[int, int] = (count, width), k: int = k, classes: int = classes) -> Any:
            labels = rng.choice(12, size=classes, replace=False)
            own = labels[rng.permutation(np.arange(size[0]) % classes)]
            code, codes = rng.normal(size=size[1]) + 1, rng.normal(size=size) * 1.5
            return code, codes, own, k, int(rng.choice(labels))

        case = drawn(draw, lambda case, rules=rules: _tells(case, rules))
        cases.append((tensor(case[0]), tensor(case[1]), torch.from_numpy(case[2]), *case[3:]))
    return cases


@task("prototype", Call("nearest_prototype", _code_tables, GIVEN), read="section {{ section }}")
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

"""Checks: LIME, SHAP and neighbours by textbook formulas."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, Value, expect, expect_array, expect_close, task
from xaikit import tree_shap

from ...shared.checks import GIVEN, drawn, tensor
from .world import shrunk, world


def _lime_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    cases = ((40, 6, 0.25, 0.0), (60, 12, 0.6, 1.0), (200, 20, 1.5, 5.0))
    for samples, size, width, penalty in cases:
        masks = (rng.random((samples, size)) < 0.6).astype(np.float32)
        masks[0], masks[1] = 1, 0
        pair = masks[:, 0] * masks[:, 1]
        outputs = 3 + masks @ rng.normal(size=size) + pair + rng.normal(size=samples) * 0.2
        problems.append((torch.from_numpy(masks), tensor(outputs), width, penalty))
    # Few masks, three of which hide everything: their distance counts.
    few = rng.permutation(
        [(0, 0, 0)] * 3 + [(1, 1, 1)] + [m for m in itertools.product((0, 1), repeat=3) if any(m)]
    ).astype(np.float32)
    worth = tensor(few @ rng.uniform(1, 2, size=3) + 2 * few.all(1) + rng.normal(size=len(few)))
    return [*problems, (torch.from_numpy(few), worth, 0.7, 0.3)]


def _coalition_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return two games with all coalitions, and one with a sample of them.

    Where all are there, least squares that are shifted to add up are the constrained ones.
    """

    def game(size: int, kept: int | None) -> tuple[Any, ...]:
        masks = np.array(list(itertools.product((0, 1), repeat=size)), dtype=np.float32)
        pairs = np.triu(rng.normal(size=(size, size)), 1)
        worth = 1.5 + masks @ rng.normal(size=size) * 2 + ((masks @ pairs) * masks).sum(1)
        worth += 2.0 * masks[:, 0] * masks[:, 1] * masks[:, 2]
        order = 1 + rng.permutation(len(masks) - 2)[:kept]
        return tensor(masks[order]), tensor(worth[order]), float(worth[0]), float(worth[-1])

    return [game(4, None), game(5, None), drawn(lambda: game(8, 90), _shifting_matters)]


def _shifting_matters(problem: tuple[Any, ...]) -> bool:
    masks, outputs = (np.asarray(each, dtype=float) for each in problem[:2])
    empty, full = problem[2:]
    root = np.sqrt(_kernel(masks))
    free = np.linalg.lstsq(masks * root[:, None], (outputs - empty) * root, rcond=None)[0]
    shifted = free + (full - empty - free.sum()) / len(free)
    return float(np.abs(shifted - _constrained(masks, outputs, empty, full)).max()) > 0.02


def _feature_tables(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    tables = []
    for count, width, classes in ((30, 4, 5), (200, 16, 10), (12, 3, 2)):

        def table(
            count: int = count, width: int = width, classes: int = classes
        ) -> tuple[Any, ...]:
            labels = rng.permutation(np.arange(count) % classes)
            features = rng.normal(size=(count, width)) * rng.uniform(0.3, 3, size=(count, 1))
            query = rng.normal(size=width)
            return tensor(query), tensor(features), torch.from_numpy(labels), classes

        tables.append(drawn(table, _distance_matters) if classes > 2 else table())
    return tables


def _distance_matters(table: tuple[Any, ...]) -> bool:
    """Whether other ideas of what is near choose other images."""
    query, features, labels, classes = (np.asarray(each, dtype=float) for each in table)
    away = features - query
    lengths = np.linalg.norm(features, axis=1)
    euclidean = np.linalg.norm(away, axis=1)
    rivals = (
        np.abs(away).sum(1),
        np.abs(away).max(1),
        np.abs(away.sum(1)),
        -(features @ query),
        -(features @ query) / lengths,
        np.abs(lengths - np.linalg.norm(query)),
    )
    groups = [np.flatnonzero(labels == each) for each in range(int(classes))]
    right = [group[euclidean[group].argmin()] for group in groups]
    second = min(np.sort(euclidean[group])[1] - euclidean[group].min() for group in groups)
    others = [[group[each[group].argmin()] for group in groups] for each in rivals]
    return second > 1e-3 and all(other != right for other in others)


def _shapley(worth: dict[tuple[int, ...], float], size: int) -> np.ndarray:
    """Return the Shapley values: the mean over all orders of what each player adds."""
    total = np.zeros(size)
    for order in itertools.permutations(range(size)):
        present = [0] * size
        for player in order:
            before = worth[tuple(present)]
            present[player] = 1
            total[player] += worth[tuple(present)] - before
    return total / math.factorial(size)


def _kernel(masks: np.ndarray) -> np.ndarray:
    """Return the Shapley kernel's weights."""
    size = masks.shape[1]
    return np.array([(size - 1) / (math.comb(size, int(n)) * n * (size - n)) for n in masks.sum(1)])


def _constrained(masks: np.ndarray, outputs: np.ndarray, empty: float, full: float) -> np.ndarray:
    """Return the constrained least squares by its Lagrange multiplier."""
    size, weights = masks.shape[1], _kernel(masks)
    matrix = np.zeros((size + 1, size + 1))
    matrix[:size, :size] = 2 * masks.T @ (weights[:, None] * masks)
    matrix[:size, size] = matrix[size, :size] = 1
    right = np.append(2 * masks.T @ (weights * (outputs - empty)), full - empty)
    return np.linalg.solve(matrix, right)[:size]


@task(
    "lime",
    Call("lime", _lime_problems, GIVEN),
    read="section {{ section }} and Ribeiro et al. 2016",
)
def lime(calls: list[Called]) -> None:
    """Compare with least squares: the penalty as extra rows, which leave the intercept alone."""
    for call in calls:
        masks, outputs = (np.asarray(a, dtype=float) for a in call.arguments[:2])
        width, penalty = call.arguments[2:]
        weights = []
        for mask in masks:
            length = np.linalg.norm(mask)
            cosine = mask.sum() / (length * np.sqrt(len(mask))) if length else 0.0
            weights.append(np.exp(-((1 - cosine) ** 2) / width**2))
        root, size = np.sqrt(weights), masks.shape[1]
        rows = np.hstack([np.ones((len(masks), 1)), masks]) * root[:, None]
        extra = np.hstack([np.zeros((size, 1)), np.sqrt(penalty) * np.eye(size)])
        wanted = np.linalg.lstsq(
            np.vstack([rows, extra]), np.concatenate([outputs * root, np.zeros(size)]), rcond=None
        )[0][1:]
        expect_close(
            call.returned,
            wanted,
            "lime(…)",
            "The distance is one minus the cosine, squared and divided by the squared width. Weigh "
            "each squared error once, fit the intercept, and penalise all but the intercept.",
            rtol=2e-3,
            atol=2e-3,
        )


@task(
    "kernel-shap",
    Call("kernel_shap", _coalition_problems, GIVEN),
    read="section {{ section }} and Lundberg and Lee 2017",
)
def kernel_shap(calls: list[Called]) -> None:
    """Compare with enumeration where all masks are there, else with a Lagrange multiplier."""
    for call in calls:
        masks, outputs = (np.asarray(a, dtype=float) for a in call.arguments[:2])
        empty, full = call.arguments[2:]
        size = masks.shape[1]
        if len(masks) == 2**size - 2:
            worth = dict(zip((tuple(m.astype(int)) for m in masks), outputs, strict=True))
            worth |= {(0,) * size: empty, (1,) * size: full}
            wanted = _shapley(worth, size)
        else:
            wanted = _constrained(masks, outputs, empty, full)
        expect_close(
            call.returned,
            wanted,
            "kernel_shap(…)",
            "The weights are the Shapley kernel's, the output of the empty mask is subtracted, and "
            "the values add up to full − empty exactly.",
            rtol=2e-3,
            atol=2e-3,
        )


@task(
    "exemplars",
    Call("nearest_per_class", _feature_tables, GIVEN),
    read="section {{ section }}",
)
def exemplars(calls: list[Called]) -> None:
    """Accept an index if it has the class, and nobody of the class is nearer."""
    for call in calls:
        query, features, labels, classes = (np.asarray(each) for each in call.arguments)
        found = expect_array(call.returned, (int(classes),), "nearest_per_class(…)")
        for each, index in enumerate(found):
            members = np.flatnonzero(labels == each)
            distances = [math.dist(features[m], query) for m in members]
            expect(
                index in members and math.dist(features[int(index)], query) < min(distances) + 1e-5,
                "`nearest_per_class(…)` should return, for each class, the index among *all* "
                "training images of the one of that class with the smallest Euclidean distance.",
            )


@functools.cache
def _tree_values() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    here = world()
    chance = here.forest.predict_proba(here.rows)
    background = shrunk(here.background)
    values, bases = {}, {}
    for name, more in (("by_path", {}), ("by_background", {"background": background})):
        maps = tree_shap(here.forest, here.rows, here.targets, **more).attributions.numpy()
        own = np.take_along_axis(chance, here.targets.numpy(), axis=1)
        values[name], bases[f"base_{name}"] = maps, own - maps.sum(2)
    return values, bases


@task(
    "tree-shap",
    Value("by_path", "by_background", "base_by_path", "base_by_background"),
    read="section {{ section }} and Lundberg et al. 2020",
)
def trees(answer: dict[str, Any]) -> None:
    """Compare with the same call, and with local accuracy."""
    values, bases = _tree_values()
    for name, wanted in (*values.items(), *bases.items()):
        expect_close(
            answer[name],
            wanted,
            name,
            "Without a background TreeSHAP is path dependent, with one interventional; rows are "
            "the two examples, columns their four targets; a base value is the probability minus "
            "the sum.",
            rtol=1e-3,
            atol=1e-4,
        )

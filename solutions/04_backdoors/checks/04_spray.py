"""Checks: the eigengap, by the eigenvalues of a random walk."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, drawn, expect_pair, tensor


def _graphs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return graphs of 1 to 5 groups whose largest gap is clear.

    The largest gap is the first that counts in one, the last in another, in one a larger one
    follows after those that count, and one has no further eigenvalue. Diagonals are not zero, and
    groups differ in how strongly their members are connected, so that normalising matters.
    """
    problems: list[tuple[Any, ...]] = []
    for sizes, most, wanted in (
        ((9, 7), 5, 2),
        ((6, 8, 5), 3, 3),
        ((12,), 5, 1),
        ((5, 6, 4, 7), 2, None),
        ((3, 4), 6, 2),
        ((4, 3, 5, 4, 4), 7, 5),
    ):
        groups = np.repeat(np.arange(len(sizes)), sizes)
        same = groups[:, None] == groups

        def draw(groups: np.ndarray = groups, same: np.ndarray = same) -> np.ndarray:
            strength = rng.uniform(0.3, 3, groups.max() + 1)[groups]
            within = rng.uniform(0.5, 2, same.shape) * strength
            # Unlike connections between the groups: the gaps before the large one differ.
            pairs = 0.1 * rng.random((groups.max() + 1,) * 2)
            weights = np.triu(np.where(same, within, pairs[groups][:, groups]))
            return weights + np.triu(weights, 1).T

        def clear(weights: np.ndarray, most: int = most, wanted: int | None = wanted) -> bool:
            gaps = np.diff(_eigenvalues(weights))
            order = np.sort(gaps[:most])
            best = int(gaps[:most].argmax()) + 1
            beyond = gaps[most:].max(initial=0) > order[-1] + 0.02
            return order[-1] - order[-2] > 0.02 and (best == wanted or (wanted is None and beyond))

        problems.append((tensor(drawn(draw, clear)), most))
    return problems


def _eigenvalues(weights: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the Laplacian from those of the random walk, which are real."""
    walk = weights / weights.sum(1, keepdims=True)
    return np.sort(1 - np.linalg.eigvals(walk).real)


@task(
    "eigengap", Call("eigengap", _graphs, GIVEN), read="section {{ section }} and von Luxburg 2007"
)
def eigengap(calls: list[Called]) -> None:
    """Compare with the eigenvalues of the random walk."""
    for call in calls:
        weights, most = np.asarray(call.arguments[0], dtype=float), call.arguments[1]
        found = expect_pair(call.returned, "eigengap(…)")
        values = _eigenvalues(weights)[: most + 1]
        expect_close(
            found[0],
            values,
            "the eigenvalues",
            "Those of I − D^(−½) W D^(−½), the smallest ones, rising.",
            rtol=1e-3,
            atol=1e-3,
        )
        expect_close(
            found[1],
            int(np.diff(values).argmax()) + 1,
            "the number of clusters",
            "It is the number of eigenvalues before the largest gap, of those that are returned.",
            fraction=0.6,
        )

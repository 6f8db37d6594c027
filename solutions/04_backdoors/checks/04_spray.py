"""Checks of section 4: the eigengap, by the eigenvalues of a random walk."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, expect_pair, tensor


def _graphs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return graphs of 1 to 3 groups whose largest gap is clear."""
    problems: list[tuple[Any, ...]] = []
    for sizes in ((9, 7), (6, 8, 5), (12,)):
        groups = np.repeat(np.arange(len(sizes)), sizes)
        same = groups[:, None] == groups
        while True:
            weights = np.where(same, rng.uniform(0.5, 2, same.shape), 0.05 * rng.random(same.shape))
            weights = np.triu(weights, 1)
            weights += weights.T
            gaps = np.sort(np.diff(_eigenvalues(weights)[:6]))
            if gaps[-1] - gaps[-2] > 0.02:
                break
        problems.append((tensor(weights), 5))
    return problems


def _eigenvalues(weights: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the Laplacian from those of the random walk, which are real."""
    walk = weights / weights.sum(1, keepdims=True)
    return np.sort(1 - np.linalg.eigvals(walk).real)


@task("eigengap", Call("eigengap", _graphs, GIVEN), read="section 4 and von Luxburg 2007")
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
            "It is the number of eigenvalues before the largest gap.",
            fraction=0.6,
        )

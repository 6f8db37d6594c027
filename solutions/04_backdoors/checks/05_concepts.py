"""Checks: the concept vector by least squares, sensitivities by central differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, drawn, tensor


def _concepts(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for with_it, without, width, ridge in ((12, 20, 4, 0.5), (30, 30, 8, 5.0), (8, 25, 12, 1.0)):
        shift = rng.normal(size=width)
        problems.append(
            (
                tensor(rng.normal(size=(with_it, width)) + shift + 1),
                tensor(rng.normal(size=(without, width)) + 1),
                ridge,
            )
        )
    return problems


def _heads(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return heads of which at least one example's sensitivity is clearly negative."""
    problems: list[tuple[Any, ...]] = []
    for sizes in ((5, 4), (6, 9, 3), (4, 8, 8, 5)):

        def draw(sizes: tuple[int, ...] = sizes) -> tuple[Any, ...]:
            vector = rng.normal(size=sizes[0])
            return (
                Network.random(rng, sizes, "tanh"),
                tensor(rng.normal(size=(7, sizes[0]))),
                tensor(vector / np.linalg.norm(vector)),
                int(rng.integers(sizes[-1])),
            )

        problems.append(drawn(draw, lambda case: _slopes(*case).min() < -0.05))
    return problems


def _slopes(head: Network, activations: Tensor, vector: Tensor, target: int) -> np.ndarray:
    """Return central differences of the target's logit along the vector."""
    module, point, step = head.module().double(), activations.double(), 1e-5 * vector.double()
    with torch.no_grad():
        found: Tensor = (module(point + step) - module(point - step))[:, target] / 2e-5
    return found.numpy()


@task(
    "concept-vector",
    Call("concept_vector", _concepts, GIVEN),
    read="section {{ section }} and Kim et al. 2018",
)
def concept_vector(calls: list[Called]) -> None:
    """Compare with least squares on stacked rows."""
    for call in calls:
        concept, others = (np.asarray(each, dtype=float) for each in call.arguments[:2])
        ridge = call.arguments[2]
        rows = np.concatenate([concept, others])
        wanted = np.array([1.0] * len(concept) + [-1.0] * len(others))
        rows = rows - rows.mean(0)
        width = rows.shape[1]
        stacked = np.vstack([rows, math.sqrt(ridge) * np.eye(width)])
        weights = np.linalg.lstsq(stacked, np.concatenate([wanted, np.zeros(width)]), rcond=None)[0]
        expect_close(
            call.returned,
            weights / np.linalg.norm(weights),
            "concept_vector(…)",
            "Centre the rows by the mean of both groups together, add the ridge to the diagonal; unit "
            "length at the end.",
            rtol=2e-3,
            atol=1e-3,
        )


@task(
    "sensitivity",
    Call("sensitivities", _heads, GIVEN),
    read="section {{ section }} and Kim et al. 2018",
)
def sensitivity(calls: list[Called]) -> None:
    """Compare with central differences along the vector."""
    for call in calls:
        expect_close(
            call.returned,
            _slopes(*call.arguments),
            "sensitivities(…)",
            "The gradient of the target's logit by the activations, times the vector, an example "
            "each; keep the sign.",
            rtol=2e-3,
            atol=1e-4,
        )

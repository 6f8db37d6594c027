"""Checks of section 5: the concept vector by least squares, sensitivities by central differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, tensor


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
    problems = []
    for sizes in ((5, 4), (6, 9, 3), (4, 8, 8, 5)):
        head = Network.random(rng, sizes, "tanh")
        vector = rng.normal(size=sizes[0])
        problems.append(
            (
                head,
                tensor(rng.normal(size=(7, sizes[0]))),
                tensor(vector / np.linalg.norm(vector)),
                int(rng.integers(sizes[-1])),
            )
        )
    return problems


@task(
    "concept-vector",
    Call("concept_vector", _concepts, GIVEN),
    read="section 5 and Kim et al. 2018",
)
def concept_vector(calls: list[Called]) -> None:
    """Compare with least squares on stacked rows."""
    for call in calls:
        concept, others = (np.asarray(each, dtype=float) for each in call.arguments[:2])
        ridge = call.arguments[2]
        rows = np.concatenate([concept, others])
        wanted = np.array([1.0] * len(concept) + [-1.0] * len(others))
        rows, wanted = rows - rows.mean(0), wanted - wanted.mean()
        width = rows.shape[1]
        stacked = np.vstack([rows, math.sqrt(ridge) * np.eye(width)])
        weights = np.linalg.lstsq(stacked, np.concatenate([wanted, np.zeros(width)]), rcond=None)[0]
        expect_close(
            call.returned,
            weights / np.linalg.norm(weights),
            "concept_vector(…)",
            "Centre rows and values by the means of both groups together; unit length at the end.",
            rtol=2e-3,
            atol=1e-3,
        )


@task("sensitivity", Call("sensitivities", _heads, GIVEN), read="section 5 and Kim et al. 2018")
def sensitivity(calls: list[Called]) -> None:
    """Compare with central differences along the vector."""
    for call in calls:
        head, activations, vector, target = call.arguments
        module, point, step = head.module().double(), activations.double(), 1e-5 * vector.double()
        with torch.no_grad():
            wanted = (module(point + step) - module(point - step))[:, target] / 2e-5
        expect_close(
            call.returned,
            wanted.numpy(),
            "sensitivities(…)",
            "The gradient of the target's logit by the activations, times the vector, an example "
            "each; keep the sign.",
            rtol=2e-3,
            atol=1e-4,
        )

"""Checks: PGD by a walk along finite differences."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, task

from ...shared.checks import GIVEN, Array, drawn, tensor
from .by_hand import expect_near, least_slope, loss_slopes, signs
from .networks import attack_problem, steady


def _pgd_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    def make(rng: np.random.Generator, image: bool, steps: int) -> tuple[Any, ...]:
        network, inputs, labels, _ = attack_problem(rng, image)
        epsilon = float(rng.uniform(0.1, 0.3))
        start = tensor(rng.uniform(-epsilon, epsilon, size=inputs.shape))
        return network, inputs, labels, epsilon, 0.45 * epsilon, steps, start

    def leaves(_: Any, inputs: Tensor, *more: Any) -> bool:
        """Say whether the start is to be clipped, below and above."""
        first = inputs + more[-1]
        return float(first.min()) < -0.02 and float(first.max()) > 1.02

    return [
        steady(rng, functools.partial(make, image=image, steps=steps), _pgd, leaves)
        for image, steps in ((False, 0), (False, 1), (False, 6), (True, 4))
    ]


def _repair_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    def make(image: bool, steps: int, reach: float) -> tuple[Any, ...]:
        network, inputs, _, targets = attack_problem(rng, image)
        step = float(rng.uniform(0.1, 0.2))
        return network, inputs, targets, reach * step, step, steps

    def bites(problem: tuple[Any, ...]) -> bool:
        """Say whether it makes a difference to clip below, and above."""
        wanted = _targeted_l2(*problem)
        others = (_targeted_l2(*problem, *bounds) for bounds in ((-9, 1), (0, 9)))
        return all(np.abs(each - wanted).max() > 0.01 for each in others)

    return [
        drawn(functools.partial(make, image, steps, reach), bites)
        for image, steps, reach in ((False, 1, 3.0), (False, 6, 1.8), (True, 5, 1.8))
    ]


def _project_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems: list[tuple[Any, ...]] = []
    for shape, norm in (((5, 4), "inf"), ((5, 4), "2"), ((6, 2, 3, 3), "2"), ((4, 1, 5, 5), "inf")):
        images = rng.uniform(size=shape)
        change = rng.normal(size=shape)
        flat = change.reshape(len(change), -1)
        length = np.abs(flat).max(1) if norm == "inf" else np.linalg.norm(flat, axis=1)
        epsilon = float(rng.uniform(0.2, 0.5))
        # One is just inside, one has not moved, the others are outside.
        scale = epsilon * rng.uniform(1.2, 3, size=len(change)) / length
        scale[0], scale[1] = 0.8 * epsilon / length[0], 0
        change *= scale.reshape(-1, *[1] * (len(shape) - 1))
        problems.append((tensor(images + change), tensor(images), epsilon, norm))
    return problems


def _pgd(
    network: Network,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    step: float,
    steps: int,
    start: Tensor,
) -> tuple[Array, float]:
    x, least = images.double().numpy(), math.inf
    now = np.clip(x + start.double().numpy(), 0, 1)
    for _ in range(steps):
        slope = loss_slopes(network, now, labels.numpy())
        least = min(least, least_slope(slope))
        now = np.minimum(np.maximum(now + step * signs(slope), x - epsilon), x + epsilon)
        now = np.clip(now, 0, 1)
    return now, least


def _targeted_l2(
    network: Network,
    images: Tensor,
    targets: Tensor,
    epsilon: float,
    step: float,
    steps: int,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> Array:
    original = images.double().numpy()
    now = original.copy()
    for _ in range(steps):
        slope = loss_slopes(network, now, targets.numpy())
        for index in range(len(now)):
            moved = now[index] - step * slope[index] / np.linalg.norm(slope[index])
            change = moved - original[index]
            length = np.linalg.norm(change)
            if length > epsilon:
                change = change * epsilon / length
            now[index] = np.clip(original[index] + change, lowest, highest)
    return now


@task(
    "project",
    Call("project", _project_inputs, GIVEN),
    read="section {{ section }} and Madry et al. 2018",
)
def project(calls: list[Called]) -> None:
    """Compare with walking back, input by input."""
    for call in calls:
        moved, images, epsilon, norm = call.arguments
        wanted = []
        for point, centre in zip(moved.double().numpy(), images.double().numpy(), strict=True):
            if norm == "inf":
                wanted.append(np.minimum(np.maximum(point, centre - epsilon), centre + epsilon))
                continue
            length = math.sqrt(((point - centre) ** 2).sum())
            wanted.append(centre + (point - centre) * (epsilon / length if length > epsilon else 1))
        expect_near(
            call,
            np.array(wanted),
            f"project(…, {norm!r})",
            "The nearest point of the ball around each input's own original; inside nothing moves, "
            "and the Euclidean length is that of one whole input.",
        )


@task("pgd", Call("pgd", _pgd_inputs, GIVEN), read="section {{ section }} and Madry et al. 2018")
def pgd(calls: list[Called]) -> None:
    """Compare with a walk along the signs of finite differences."""
    for call in calls:
        expect_near(
            call,
            _pgd(*call.arguments)[0],
            "pgd(…)",
            "Begin at the clipped start; each step takes a new gradient, goes `step` along its sign, "
            "comes back into the ball around the original, then into [0, 1].",
        )


@task("repair", Call("targeted_pgd", _repair_inputs, GIVEN), read="section {{ section }}")
def repair(calls: list[Called]) -> None:
    """Compare with a walk down finite differences, input by input."""
    for call in calls:
        expect_near(
            call,
            _targeted_l2(*call.arguments),
            "targeted_pgd(…)",
            "Look for three mistakes: which way a step goes, by what its gradient is divided, and "
            "around which point the ball lies.",
        )

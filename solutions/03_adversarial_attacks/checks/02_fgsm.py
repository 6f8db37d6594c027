"""Checks of section 2: exact distances by trying every class, FGSM by finite differences."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, Array, tensor
from .by_hand import expect_near, least_slope, loss_slopes
from .networks import attack_problem, steady


def _fgsm_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    def make(rng: np.random.Generator, image: bool, aimed: bool) -> tuple[Any, ...]:
        network, inputs, labels, targets = attack_problem(rng, image)
        epsilon = float(rng.uniform(0.05, 0.4))
        return (network, inputs, labels, epsilon, *((targets,) if aimed else ()))

    return [
        steady(rng, functools.partial(make, image=image, aimed=aimed), _fgsm)
        for image, aimed in itertools.product((False, True), repeat=2)
    ]


def _linear_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return linear models and inputs, at most of which another class than the second is nearest."""
    problems: list[tuple[Any, ...]] = []
    while len(problems) < 5:
        classes, size = (2, 5) if not problems else (6, 9)
        weight = rng.normal(size=(classes, size)) * rng.uniform(0.2, 3, size=(classes, 1))
        bias, x = rng.normal(size=classes), rng.uniform(size=size)
        scores = weight @ x + bias
        order = np.argsort(-scores)
        label = int(order[0])
        if scores[order[0]] - scores[order[1]] < 0.1:
            continue
        ratios = [_ratios(weight, bias, x, label, p) for p in (1, 2)]
        first = {min(each, key=each.__getitem__) for each in ratios}
        if classes == 2 or int(order[1]) not in first:
            problems.append((tensor(weight), tensor(bias), tensor(x), label))
    return problems


def _fgsm(
    network: Network, images: Tensor, labels: Tensor, epsilon: float, targets: Tensor | None = None
) -> tuple[Array, float]:
    x = images.double().numpy()
    slope = loss_slopes(network, x, (labels if targets is None else targets).numpy())
    uphill = 1 if targets is None else -1
    return np.clip(x + epsilon * uphill * np.sign(slope), 0, 1), least_slope(slope)


def _ratios(weight: Array, bias: Array, x: Array, label: int, p: int) -> dict[int, float]:
    """Return how far each other class is: the margin divided by the norm of the difference."""
    scores = weight @ x + bias
    return {
        j: float((scores[label] - scores[j]) / np.linalg.norm(weight[label] - weight[j], ord=p))
        for j in range(len(weight))
        if j != label
    }


@task("linear", Call("flip_distances", _linear_inputs, GIVEN), read="section 2")
def linear(calls: list[Called]) -> None:
    """Compare with trying every class."""
    for call in calls:
        weight, bias, x = (each.double().numpy() for each in call.arguments[:3])
        label = call.arguments[3]
        expect_close(
            call.returned,
            [min(_ratios(weight, bias, x, label, p).values()) for p in (1, 2)],
            "flip_distances(…)",
            "For each other class divide the margin by the norm of the difference of the weights, "
            "the 1-norm for the maximum norm; the smallest ratio counts, whichever class has it.",
            rtol=1e-3,
        )


@task(
    "fgsm",
    Call("fgsm", _fgsm_inputs, GIVEN),
    read="section 2 and Goodfellow, Shlens and Szegedy 2015",
)
def fgsm(calls: list[Called]) -> None:
    """Compare with the sign of finite differences."""
    for call in calls:
        expect_near(
            call,
            _fgsm(*call.arguments)[0],
            "fgsm(…)",
            "Every input moves by ε along the sign of its own gradient: up the cross-entropy of the "
            "label, or down that of the target; then it is clipped to [0, 1].",
        )

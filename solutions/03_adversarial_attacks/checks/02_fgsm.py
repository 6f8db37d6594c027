"""Checks: exact distances by trying every class, FGSM by finite differences."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, expect, expect_array, task

from ...shared.checks import GIVEN, Array, drawn, tensor
from .by_hand import expect_near, least_slope, loss_slopes, signs
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
    """Return linear models and inputs: the first of two classes, the others of six."""

    def draw(classes: int, size: int) -> tuple[Any, ...]:
        weight = rng.normal(size=(classes, size)) * rng.uniform(0.2, 3, size=(classes, 1))
        # Of some classes one feature has nearly all of the weight: the norms differ most there.
        weight[:, 0] *= rng.choice((1, 8), size=classes)
        bias, x = 2 * rng.normal(size=classes), rng.uniform(size=size)
        return tensor(weight), tensor(bias), tensor(x), int((weight @ x + bias).argmax())

    return [
        drawn(lambda: draw(2, 5), _clear),
        *(drawn(lambda: draw(6, 9), _three_nearest) for _ in range(3)),
    ]


def _clear(problem: tuple[Any, ...]) -> bool:
    """Say whether the margin is no matter of rounding."""
    return bool(min(_ratios(*problem, 2).values()) > 0.02)


def _three_nearest(problem: tuple[Any, ...]) -> bool:
    """Say whether the second class, the nearest in one norm and in the other are three classes."""
    by_inf, by_two = (_ratios(*problem, p) for p in (1, 2))
    weight, bias, x, _ = problem
    nearest = [min(each, key=each.__getitem__) for each in (by_inf, by_two)]
    second = int((weight @ x + bias).argsort(descending=True)[1])
    swapped = by_inf[nearest[1]] / by_inf[nearest[0]], by_two[nearest[0]] / by_two[nearest[1]]
    return _clear(problem) and second not in nearest and min(swapped) > 1.02


def _fgsm(
    network: Network, images: Tensor, labels: Tensor, epsilon: float, targets: Tensor | None = None
) -> tuple[Array, float]:
    x = images.double().numpy()
    slope = loss_slopes(network, x, (labels if targets is None else targets).numpy())
    uphill = 1 if targets is None else -1
    return np.clip(x + epsilon * uphill * signs(slope), 0, 1), least_slope(slope)


def _ratios(weight: Any, bias: Any, x: Any, label: int, p: int) -> dict[int, float]:
    """Return how far each other class is: the margin divided by the norm of the difference."""
    weight, bias, x = (each.double().numpy() for each in (weight, bias, x))
    scores = weight @ x + bias
    return {
        j: float((scores[label] - scores[j]) / np.linalg.norm(weight[label] - weight[j], ord=p))
        for j in range(len(weight))
        if j != label
    }


@task("linear", Call("flip_distances", _linear_inputs, GIVEN), read="section {{ section }}")
def linear(calls: list[Called]) -> None:
    """Compare with trying every class; a norm that is always right is half of it."""
    right = [True, True]
    for call in calls:
        wanted = [min(_ratios(*call.arguments, p).values()) for p in (1, 2)]
        found = expect_array(call.returned, (2,), "flip_distances(…)")
        right = [a and b for a, b in zip(right, np.isclose(found, wanted, rtol=1e-3), strict=True)]
    expect(
        all(right),
        "`flip_distances(…)`: for each other class divide the margin by the norm of the difference of "
        "the weights, the 1-norm for the maximum norm. The smallest ratio counts, in each norm for "
        "itself: it may be another class's.",
        0.5 if any(right) else 0,
    )


@task(
    "fgsm",
    Call("fgsm", _fgsm_inputs, GIVEN),
    read="section {{ section }} and Goodfellow, Shlens and Szegedy 2015",
)
def fgsm(calls: list[Called]) -> None:
    """Compare with the sign of finite differences."""
    for call in calls:
        expect_near(
            call,
            _fgsm(*call.arguments)[0],
            "fgsm(…)",
            "Every input moves by ε along the sign of its own gradient: up the cross-entropy of the "
            "label, or down that of the target; what makes no difference stays; then all is clipped "
            "to [0, 1].",
        )

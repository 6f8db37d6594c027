"""Checks of section 2: gradients by central differences, guided backpropagation unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, task

from ...shared.checks import GIVEN, tensor
from .by_hand import expect_near, linear_layers, logit_of, slope_at
from .networks import smooth_problems


def _noisy_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        (network, image, target, tensor(rng.normal(scale=0.5, size=(5, *image.shape))))
        for network, image, target in smooth_problems(rng)
    ]


def _guided_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return ReLU networks and inputs at which no mask is a matter of rounding."""
    problems: list[tuple[Any, ...]] = []
    while len(problems) < 5:
        sizes = (5, 9, 4) if len(problems) < 2 else (5, 9, 8, 4)
        network, x = Network.random(rng, sizes), tensor(rng.normal(size=5))
        target = int(rng.integers(4))
        _, signals, values = _guided(network, x, target)
        if min(np.abs(each).min() for each in (*signals, *values)) > 1e-3:
            problems.append((network, x, target))
    return problems


def _guided(
    network: Network, x: Tensor, target: int
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Return guided backpropagation's map, and what both masks look at."""
    layers, value = linear_layers(network), x.double().numpy()
    before = []
    for weight, bias in layers:
        before.append(weight @ value + bias)
        value = np.maximum(before[-1], 0)
    signal = layers[-1][0][target]
    signals = []
    for (weight, _), z in zip(layers[-2::-1], before[-2::-1], strict=True):
        signals.append(signal)
        passed = [r if r > 0 and z[j] > 0 else 0.0 for j, r in enumerate(signal)]
        signal = np.array(passed) @ weight
    return signal, signals, before[:-1]


@task(
    "gradient",
    Call("gradient_maps", smooth_problems, GIVEN),
    read="section 2 and Simonyan et al. 2014",
)
def gradient(calls: list[Called]) -> None:
    """Compare with central differences."""
    for call in calls:
        network, image, target = call.arguments
        slope = slope_at(logit_of(network, target), image)
        expect_near(
            call,
            np.stack([slope, slope * image.double().numpy()]),
            "gradient_maps(…)",
            "It returns the derivative of the target's logit (no absolute value, no softmax), and "
            "that times the image.",
        )


@task(
    "smoothgrad",
    Call("smoothgrad", _noisy_problems, GIVEN),
    read="section 2 and Smilkov et al. 2017",
)
def smoothgrad(calls: list[Called]) -> None:
    """Compare with a loop over the copies and central differences."""
    for call in calls:
        network, image, target, noise = call.arguments
        function = logit_of(network, target)
        expect_near(
            call,
            np.mean([slope_at(function, image + each) for each in noise], axis=0),
            "smoothgrad(…)",
            "It is the mean of the signed gradients, each at its own noisy copy.",
        )


@task(
    "guided-backprop",
    Call("guided_backprop", _guided_problems, GIVEN),
    read="section 2 and Springenberg et al. 2015",
)
def guided_backprop(calls: list[Called]) -> None:
    """Compare with a walk back, unit by unit."""
    for call in calls:
        expect_near(
            call,
            _guided(*call.arguments)[0],
            "guided_backprop(…)",
            "A ReLU passes a signal back only if the unit was on in the forward pass *and* the "
            "signal is positive; linear layers pass it through their weights.",
        )

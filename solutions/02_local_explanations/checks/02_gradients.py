"""Checks: gradients by central differences, guided backpropagation unit by unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, task

from ...shared.checks import GIVEN, drawn, tensor
from .by_hand import expect_near, linear_layers, logit_of, slope_at
from .networks import (
    exact_inputs,
    other_class,
    relu_layers,
    relu_network,
    smooth_problems,
    stop_at_zero,
)


def _noisy_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        (network, image, target, tensor(rng.normal(scale=0.5, size=(5, *image.shape))))
        for network, image, target in smooth_problems(rng)
    ]


def _guided_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return ReLU networks in which both masks matter, and at which none is a matter of rounding.

    In the first layer one unit stands exactly at zero, and its signal is positive.
    """
    sizes = ((5, 9, 4), (5, 9, 4), (5, 9, 8, 4), (5, 9, 8, 4))
    return [drawn(lambda size=size: _guided_problem(rng, size), _masks_matter) for size in sizes]


def _guided_problem(
    rng: np.random.Generator, sizes: tuple[int, ...]
) -> tuple[Network, Tensor, int]:
    layers, x = relu_layers(rng, sizes), exact_inputs(rng, sizes[0])
    stop_at_zero(layers, x, int(rng.integers(sizes[1])))
    network = relu_network(layers)
    return network, tensor(x), other_class(rng, network, tensor(x))


def _masks_matter(problem: tuple[Network, Tensor, int]) -> bool:
    right, signals, values = _guided(*problem)
    sizes = np.abs(np.concatenate([*signals, *values]))
    rivals = (
        _guided(*problem, on=lambda z: z >= 0),
        _guided(*problem, on=lambda z: True),  # the deconvnet
        _guided(*problem, passes=lambda r: True),  # the gradient
        _guided(*problem, passes=lambda r: r < 0),
    )
    apart = min(float(np.abs(each - right).max()) for each, _, _ in rivals)
    return sizes[sizes > 0].min() > 1e-3 and apart > 0.05 * np.abs(right).max() > 1e-3


def _guided(
    network: Network,
    x: Tensor,
    target: int,
    on: Callable[[float], bool] = lambda z: z > 0,
    passes: Callable[[float], bool] = lambda r: r > 0,
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
        passed = [r if passes(r) and on(z[j]) else 0.0 for j, r in enumerate(signal)]
        signal = np.array(passed) @ weight
    return signal, signals, before[:-1]


@task(
    "gradient",
    Call("gradient_maps", smooth_problems, GIVEN),
    read="section {{ section }} and Simonyan et al. 2014",
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
    read="section {{ section }} and Smilkov et al. 2017",
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
    read="section {{ section }} and Springenberg et al. 2015",
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

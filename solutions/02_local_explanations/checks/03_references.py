"""Checks: path methods by loops over central differences, DeepLIFT unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from autograde.inside.networks import Layer, Network
from autograde.tasks import Call, Called, Wrong, task

from ...shared.checks import GIVEN, tensor
from .by_hand import expect_near, logit_of, slope_at
from .networks import other_class, smooth_problems


def _path_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        (network, image, target, tensor(rng.normal(size=image.shape)), steps)
        for (network, image, target), steps in zip(smooth_problems(rng), (3, 4, 7, 2), strict=True)
    ]


def _two_layers(network: Network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first layer's weight and bias and the second layer's weight, in double."""
    first, _, second = network.layers
    assert first.weight is not None and first.bias is not None and second.weight is not None
    weight, bias, outer = first.weight, first.bias, second.weight
    return weight.astype(float), bias.astype(float), outer.astype(float)


def _far_from_ties(network: Network, x: Tensor, references: Tensor) -> bool:
    """Whether no hidden unit has nearly the same value for x and a reference."""
    weight = _two_layers(network)[0]
    change = (references.double().numpy() - x.double().numpy()) @ weight.T
    return bool((np.abs(change) > 0.02).all())


def _lift_problems(rng: np.random.Generator, references: int) -> list[tuple[Any, ...]]:
    problems: list[tuple[Any, ...]] = []
    while len(problems) < 4:
        network = Network.random(rng, (5, 7, 3))
        x = tensor(rng.normal(size=5) * 1.5)
        others = tensor(rng.normal(size=(references, 5)) * 1.5)
        if _far_from_ties(network, x, others):
            problems.append((network, x, others, other_class(rng, network, x)))
    return problems


def _shap_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return ordinary cases with one and several references, and last one with still units.

    Of these one is on, one is off, and one stands exactly at zero; each counts.
    """
    # Quarters are exact in float32, so that equal really means equal.
    weight = np.round(rng.normal(size=(6, 3)) * 4) / 4
    size = rng.permutation([0.75, 1.0, 1.5]) * rng.choice((-1.0, 1.0))
    weight[:3, :2] = size[:, None]  # one weight for both features, which swap 1 below
    weight[:3, 2] = 0
    weight[3:, 2] = 2.0  # the other units do change
    bias = np.array([0.5, -0.5, 0.0, 0.5, -0.5, 0.25])
    x, reference = tensor([1.25, -0.5, 1.0]), tensor([[0.25, 0.5, -2.0]])
    bias[:3] -= size * 0.75  # what enters the still units: ½, −½ and 0
    outer = rng.normal(size=(2, 6))
    outer[:, :3] = rng.uniform(0.5, 1.5, size=(2, 3)) * rng.choice((-1.0, 1.0))
    still = Network([Layer.linear(weight, bias), Layer("relu"), Layer.linear(outer)])
    ordinary = [*_lift_problems(rng, 1)[:2], *_lift_problems(rng, 4)[:3]]
    return [*ordinary, (still, x, reference, 1)]


def _expectation_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        (
            network,
            image,
            target,
            tensor(rng.normal(size=(5, *image.shape))),
            tensor(rng.uniform(size=5)),
        )
        for network, image, target in smooth_problems(rng)
    ]


def _rescale(network: Network, x: Tensor, reference: Tensor, target: int) -> np.ndarray:
    """Return DeepLIFT's contributions, unit by unit."""
    weight, bias, outer = _two_layers(network)
    start, end = reference.double().numpy(), x.double().numpy()
    total = np.zeros(len(end))
    for unit in range(len(weight)):
        z, z0 = weight[unit] @ end + bias[unit], weight[unit] @ start + bias[unit]
        slope = (max(z, 0) - max(z0, 0)) / (z - z0) if abs(z - z0) > 1e-9 else float(z > 0)
        total += (end - start) * weight[unit] * slope * outer[target, unit]
    return total


@task(
    "integrated-gradients",
    Call("integrated_gradients", _path_problems, GIVEN),
    read="section {{ section }} and Sundararajan et al. 2017",
)
def integrated(calls: list[Called]) -> None:
    """Compare with a loop over the middles of the steps and central differences."""
    for call in calls:
        network, image, target, baseline, steps = call.arguments
        function, way = logit_of(network, target), image.double() - baseline.double()
        middles = [(k - 0.5) / steps for k in range(1, steps + 1)]
        slopes = [slope_at(function, baseline.double() + middle * way) for middle in middles]
        expect_near(
            call,
            way.numpy() * np.mean(slopes, axis=0),
            "integrated_gradients(…)",
            "Take the gradients at the middles of the steps, average, and multiply with "
            "image − baseline.",
        )


@task(
    "expected-gradients",
    Call("expected_gradients", _expectation_problems, GIVEN),
    read="section {{ section }} and Erion et al. 2021",
)
def expected_gradients(calls: list[Called]) -> None:
    """Compare with a loop over the draws and central differences."""
    for call in calls:
        network, image, target, references, alphas = call.arguments
        function, wanted = logit_of(network, target), np.zeros(tuple(image.shape))
        for reference, alpha in zip(references.double(), alphas.double(), strict=True):
            way = image.double() - reference
            wanted += way.numpy() * slope_at(function, reference + alpha * way) / len(alphas)
        expect_near(
            call,
            wanted,
            "expected_gradients(…)",
            "For each draw multiply its own way with the gradient at its own place, then average.",
        )


@task(
    "deep-shap",
    Call("deep_shap", _shap_problems, GIVEN),
    read="section {{ section }}, Shrikumar et al. 2017 and Lundberg and Lee 2017",
)
def deep_shap(calls: list[Called]) -> None:
    """Compare with the mean over the backgrounds of the Rescale rule; still units are a third."""
    for call in calls:
        network, x, backgrounds, target = call.arguments
        try:
            expect_near(
                call,
                np.mean([_rescale(network, x, each, target) for each in backgrounds], axis=0),
                "deep_shap(…)",
                "Explain against each background on its own, with the slope of the chord (where "
                "z = z′, the ReLU's derivative at z), and average the contributions.",
            )
        except Wrong as wrong:
            if call is not calls[-1]:
                raise
            raise Wrong(
                "The contributions are right where no hidden unit has z = z′. There they are not: "
                "such a unit passes its signal on like the derivative of the ReLU at z.",
                2 / 3,
            ) from wrong

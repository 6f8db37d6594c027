"""Checks: the integral by pencil, and by exact gradients one point at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import (
    Call,
    Called,
    Value,
    entries,
    expect,
    expect_array,
    expect_close,
    task,
)

from ...shared.checks import GIVEN, Arguments, Array, drawn
from .networks import normal_vector, other_class


def _gradient(network: Network, x: Any, target: int) -> Array:
    """Return the exact gradient in float64, by torch.autograd."""
    inputs = torch.as_tensor(x, dtype=torch.float64).clone().requires_grad_()
    network.module().double()(inputs[None])[0, target].backward()
    assert inputs.grad is not None
    return inputs.grad.numpy()


@task("ig-by-pencil", Value("ig", "gradient_input"), read="Section {{ section }}, the definition")
def ig_by_pencil(values: dict[str, Any]) -> None:
    # f = x₁ x₂² at (2, 3). A monomial of degree d gives each factor its exponent over d of f.
    product = entries(values["gradient_input"], (2,))
    expect_close(
        values["ig"],
        [18 / 3, 18 * 2 / 3],
        "ig",
        "On the path x₁ = 2α and x₂ = 3α: insert this into each partial derivative and integrate.",
        rtol=1e-2,
        fraction=0.5 * np.allclose(product, [18, 36], rtol=1e-2),
    )
    expect_close(
        values["gradient_input"],
        [18, 36],
        "gradient_input",
        "Each partial derivative at (2, 3), times its input.",
        rtol=1e-2,
        fraction=0.5,
    )


def paths(rng: np.random.Generator) -> Arguments:
    """Draw paths on which the gradient changes: the points at which it is taken matter."""

    def path(features: int, steps: int) -> tuple[Any, ...]:
        network = Network.random(rng, (features, 8, 3), "tanh")
        x, baseline = 1.5 * normal_vector(rng, features), normal_vector(rng, features)
        return network, x, baseline, other_class(rng, network, (x + baseline) / 2), steps

    def bends(case: tuple[Any, ...]) -> bool:
        start, middle, end = _collected(case, np.array([[0.0], [0.5], [1.0]]))
        return min(np.abs(start - middle).max(), np.abs(end - middle).max()) > 0.2

    shapes = ((3, 2), (5, 5), (6, 15))
    return [drawn(lambda shape=shape: path(*shape), bends) for shape in shapes]


def _collected(case: tuple[Any, ...], sets: Any) -> list[Array]:
    """Return input minus baseline times the mean gradient, for each set of places on the path."""
    network, x, baseline, target, _ = case
    start, way = baseline.double().numpy(), (x - baseline).double().numpy()
    return [
        way * np.mean([_gradient(network, start + place * way, target) for place in places], axis=0)
        for places in sets
    ]


@task(
    "integrated-gradients",
    Call("integrated_gradients", paths, GIVEN),
    read="Section {{ section }}; Sundararajan 2017, sections 3 and 5",
)
def integrated_gradients(calls: list[Called]) -> None:
    elsewhere = 0
    for call in calls:
        steps = call.arguments[-1]
        ends = np.linspace(0, 1, steps + 1)
        others = _collected(call.arguments, (ends[:-1], ends[1:], ends, np.linspace(0, 1, steps)))
        (reference,) = _collected(call.arguments, [(ends[:-1] + ends[1:]) / 2])
        found = expect_array(call.returned, reference.shape, "integrated_gradients")
        if any(np.allclose(found, other, rtol=1e-3, atol=1e-4) for other in others):
            elsewhere += 1
            continue
        expect_close(
            found,
            reference,
            "integrated_gradients",
            "Take the gradient of the output `target`, its mean over the points of the path for "
            "each input by itself, and the factor x − baseline.",
            rtol=1e-3,
            atol=1e-4,
        )
    expect(
        not elsewhere,
        "The gradients are collected on the path, but not at the midpoints of `steps` pieces of "
        "equal length.",
        0.5,
    )

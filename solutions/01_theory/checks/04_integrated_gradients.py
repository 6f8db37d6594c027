"""Checks of section 4: the integral by pencil and by a fine sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, Value, entries, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array
from .networks import normal_vector, outputs_of


def _gradient(network: Network, x: Any, target: int) -> Array:
    """Return the exact gradient in float64, by torch.autograd."""
    inputs = torch.as_tensor(x, dtype=torch.float64).clone().requires_grad_()
    network.module().double()(inputs[None])[0, target].backward()
    assert inputs.grad is not None
    return inputs.grad.numpy()


@task("ig-by-pencil", Value("ig", "gradient_input"), read="Section 4, the definition")
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
    cases: Arguments = []
    for features in (3, 5, 6):
        network = Network.random(rng, (features, 8, 3), "tanh")
        x, baseline = 1.5 * normal_vector(rng, features), normal_vector(rng, features)
        cases.append((network, x, baseline, int(rng.integers(3)), 300))
    return cases


@task(
    "integrated-gradients",
    Call("integrated_gradients", paths, GIVEN),
    read="Section 4; Sundararajan 2017, sections 3 and 5",
)
def integrated_gradients(calls: list[Called]) -> None:
    for call in calls:
        network, x, baseline, target, _ = call.arguments
        start, way = baseline.double().numpy(), (x - baseline).double().numpy()
        # Gauss-Legendre quadrature of exact gradients: no sum over equal steps.
        nodes, weights = np.polynomial.legendre.leggauss(40)
        points = start + (nodes[:, None] + 1) / 2 * way
        slopes = way * np.array([_gradient(network, point, target) for point in points])
        reference = weights / 2 @ slopes
        found = expect_array(call.returned, reference.shape, "integrated_gradients")
        size = np.abs(slopes).max()
        ends = outputs_of(network, np.stack([start, start + way]))[:, target]
        hint = (
            "They do add up as they should. Is it the gradient of the output `target`, averaged "
            "over the path for each input by itself?"
            if abs(found.sum() - (ends[1] - ends[0])) < 0.01 * size
            else "They do not add up to f(x) − f(baseline): check the factor and the path's ends."
        )
        # Loose enough for any sensible rule of 300 steps, end points included or not.
        expect_close(found, reference, "integrated_gradients", hint, rtol=0, atol=0.01 * size)

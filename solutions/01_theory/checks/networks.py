"""The hidden networks that several sections of notebook 01 ask about."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network

from ...shared.checks import Array, drawn


def outputs_of(network: Network, x: Array) -> Array:
    """Evaluate a network of linear and tanh or ReLU layers in float64: (N, features) in."""
    for layer in network.layers:
        if layer.kind == "linear":
            assert layer.weight is not None and layer.bias is not None
            x = x @ layer.weight.astype(np.float64).T + layer.bias
        else:
            x = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[layer.kind](x)
    return x


def normal_vector(rng: np.random.Generator, size: int) -> torch.Tensor:
    return torch.tensor(rng.normal(size=size), dtype=torch.float32)


def other_class(rng: np.random.Generator, network: Network, x: torch.Tensor) -> int:
    """Draw a target that is not the class with the largest output: that is another question."""
    return int(rng.choice(np.argsort(outputs_of(network, x.double().numpy()[None])[0])[:-1]))


def two_layers(rng: np.random.Generator) -> tuple[Any, ...]:
    """Draw an input ≥ 0 and a network whose relevances have no denominator near 0."""

    def network() -> tuple[Any, ...]:
        features, hidden, classes = (int(n) for n in rng.integers((3, 4, 2), (6, 8, 5)))
        x = np.round(rng.uniform(0.2, 2, size=features), 2)
        W1, W2 = (rng.normal(size=s).round(2) for s in ((hidden, features), (classes, hidden)))
        b1, b2 = (rng.normal(scale=0.5, size=n).round(2) for n in (hidden, classes))
        return x, W1, b1, W2, b2, int(rng.integers(classes))

    def usable(case: tuple[Any, ...]) -> bool:
        x, W1, b1, W2, b2, target = case
        z = W1 @ x + b1
        a = np.maximum(z, 0)
        w = W2[target]
        sums = (z, W1 @ x, w @ a + b2[target], w @ a, np.maximum(w, 0) @ a)
        other = target != (W2 @ a + b2).argmax()
        return (
            other and 2 <= (z > 0).sum() < len(z) and all(np.abs(each).min() > 0.3 for each in sums)
        )

    return drawn(network, usable)


def whole_layer(rng: np.random.Generator, inputs: Array, sums: Array) -> Array:
    """Return weights (outputs, inputs), whole numbers, with these sums of weights times inputs.

    All numbers are whole, so that a sum that should be 0 is 0 in any order of adding. The last
    input is 1: its weight makes the sum what it should be.
    """
    assert inputs[-1] == 1
    size = (len(sums), len(inputs))
    W: Array = rng.integers(1, 4, size=size) * rng.choice([-1.0, 1.0], size=size)
    W[:, -1] += sums - W @ inputs
    return W


def whole_input(rng: np.random.Generator, features: int) -> Array:
    """Return an input of whole numbers above 0, the last of them 1."""
    return np.append(rng.integers(1, 4, size=features - 1), 1).astype(float)

"""The hidden networks that several sections of notebook 01 ask about."""

from __future__ import annotations

import numpy as np
import torch

from autograde.inside.networks import Network

from ...shared.checks import Arguments, Array


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


def two_layers(rng: np.random.Generator) -> Arguments:
    """Draw inputs ≥ 0 and networks whose relevances have no denominator near 0."""
    cases: Arguments = []
    while len(cases) < 4:
        features, hidden, classes = (int(n) for n in rng.integers((3, 4, 2), (6, 8, 5)))
        x = np.round(rng.uniform(0.2, 2, size=features), 2)
        W1, W2 = (rng.normal(size=s).round(2) for s in ((hidden, features), (classes, hidden)))
        b1, b2 = (rng.normal(scale=0.5, size=n).round(2) for n in (hidden, classes))
        target = int(rng.integers(classes))
        z = W1 @ x + b1
        a = np.maximum(z, 0)
        if 2 <= (z > 0).sum() < hidden and all(
            np.abs(values).min() > 0.4
            for values in (z, W1 @ x, W2 @ a + b2, W2 @ a, np.maximum(W2, 0) @ a)
        ):
            cases.append((x, W1, b1, W2, b2, target))
    return cases

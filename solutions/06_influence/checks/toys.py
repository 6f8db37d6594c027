"""What several sections' checks share: small networks, differentiated by hand in numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograde.inside.networks import Layer, Network

from ...shared.checks import Array

Weights = list[tuple[Array, Array]]
"""Of each linear layer its weight and bias, in double precision."""


def weights_of(network: Network) -> Weights:
    """Return the parameters of a network of linear layers."""
    return [
        (np.asarray(layer.weight, dtype=float), np.asarray(layer.bias, dtype=float))
        for layer in network.layers
        if layer.kind == "linear"
    ]


def flat(weights: Weights) -> Array:
    """Return all parameters in one row, in the order of ``network.parameters()``."""
    return np.concatenate([each.ravel() for pair in weights for each in pair])


def unflat(row: Array, like: Weights) -> Weights:
    """Return the parameters of one row."""
    made, start = [], 0
    for pair in like:
        parts = []
        for each in pair:
            parts.append(row[start : start + each.size].reshape(each.shape))
            start += each.size
        made.append((parts[0], parts[1]))
    return made


def activation_of(network: Network) -> str:
    """Return the kind of the network's activations."""
    kinds = [layer.kind for layer in network.layers if layer.kind != "linear"]
    return kinds[0] if kinds else "none"


def forward(weights: Weights, x: Array, kind: str) -> tuple[list[Array], list[Array]]:
    """Return what enters each linear layer and what leaves it, for one example."""
    entering, leaving = [x], []
    for number, (weight, bias) in enumerate(weights):
        leaving.append(weight @ entering[-1] + bias)
        if number < len(weights) - 1:
            entering.append(_VALUE[kind](leaving[-1]))
    return entering, leaving


def residual(logits: Array, label: int) -> Array:
    """Return the gradient of the cross-entropy by the logits."""
    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    chances[label] -= 1
    return chances


def gradient(weights: Weights, x: Array, label: int, kind: str) -> Array:
    """Return the gradient of one example's cross-entropy by all parameters, one row."""
    entering, leaving = forward(weights, x, kind)
    back = residual(leaving[-1], label)
    parts: Weights = []
    for number in reversed(range(len(weights))):
        parts.insert(0, (np.outer(back, entering[number]), back))
        if number:
            back = weights[number][0].T @ back * _SLOPE[kind](leaving[number - 1])
    return flat(parts)


def gradients(network: Network, inputs: Any, labels: Any) -> Array:
    """Return a row for each example."""
    weights, kind = weights_of(network), activation_of(network)
    pairs = zip(inputs.double().numpy(), labels.tolist(), strict=True)
    return np.stack([gradient(weights, x, label, kind) for x, label in pairs])


def linear_map(matrix: Any) -> Network:
    """Return a function of vectors that multiplies them by a matrix."""
    return Network([Layer.linear(matrix)])


def labels_of(rng: np.random.Generator, number: int, classes: int) -> NDArray[np.int64]:
    """Return labels among which each class is, if there are enough."""
    return rng.permutation(np.arange(number) % classes).astype(np.int64)


def with_state(network: Network, state: Mapping[str, Any]) -> Weights:
    """Return the parameters that a state dictionary has for this network."""
    places = [k for k, layer in enumerate(network.layers) if layer.kind == "linear"]
    return [
        (state[f"{k}.weight"].double().numpy(), state[f"{k}.bias"].double().numpy()) for k in places
    ]


def dots(first: Sequence[Array], second: Sequence[Array]) -> list[list[float]]:
    """Return the dot products of each row with each, by loops."""
    return [[float(sum(a * b for a, b in zip(u, v, strict=True))) for v in second] for u in first]


_VALUE = {
    "none": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "softplus": lambda z: np.log1p(np.exp(z)),
}
_SLOPE = {
    "none": np.ones_like,
    "relu": lambda z: (z > 0).astype(float),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "softplus": lambda z: 1 / (1 + np.exp(-z)),
}

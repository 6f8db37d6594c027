"""Hidden networks of notebook 03, and arguments at which no sign is a matter of rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Layer, Network

from ...shared.checks import Array, drawn, tensor


def vector_network(rng: np.random.Generator) -> Network:
    """Return a network for six features, of which one makes no difference, and four classes."""
    network = Network.random(rng, (6, 12, 4), "tanh")
    weight = network.layers[0].weight
    assert weight is not None
    weight[:, int(rng.integers(6))] = 0
    return network


def image_network(rng: np.random.Generator) -> Network:
    """Return a network for images (1, 6, 6), of which it sees (1, 5, 5), and four classes."""
    return Network(
        [
            Layer.conv2d(rng.normal(size=(3, 1, 3, 3)) * 0.5, rng.normal(size=3), stride=2),
            Layer("softplus"),
            Layer("flatten"),
            Layer.linear(rng.normal(size=(8, 12)) * 0.6, rng.normal(size=8)),
            Layer("tanh"),
            Layer.linear(rng.normal(size=(4, 8)), rng.normal(size=4)),
        ]
    )


def attack_problem(rng: np.random.Generator, image: bool) -> tuple[Network, Tensor, Tensor, Tensor]:
    """Return a network, four inputs, their labels and other classes to be aimed at.

    Of the inputs some values are 0 or 1, so that what leads out of [0, 1] is to be clipped.
    """
    network = image_network(rng) if image else vector_network(rng)
    inputs = tensor(rng.uniform(-0.3, 1.3, size=(4, 1, 6, 6) if image else (4, 6)).clip(0, 1))
    labels = rng.integers(4, size=4)
    targets = (labels + rng.integers(1, 4, size=4)) % 4
    return network, inputs, torch.from_numpy(labels), torch.from_numpy(targets)


def steady(
    rng: np.random.Generator,
    make: Callable[[np.random.Generator], tuple[Any, ...]],
    reference: Callable[..., tuple[Array, float]],
    shows: Callable[..., object] = lambda *_: True,
) -> tuple[Any, ...]:
    """Draw arguments until no slope that is followed is nearly zero, and they show something."""

    def right(arguments: tuple[Any, ...]) -> object:
        return shows(*arguments) and reference(*arguments)[1] > 3e-5

    return drawn(lambda: make(rng), right)

"""Hidden networks of notebook 03, and arguments at which no sign is a matter of rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Layer, Network

from ...shared.checks import Array, tensor


def vector_network(rng: np.random.Generator) -> Network:
    return Network.random(rng, (6, 12, 4), "tanh")


def image_network(rng: np.random.Generator) -> Network:
    """Return a network for images (1, 6, 6) and four classes."""
    return Network(
        [
            Layer.conv2d(rng.normal(size=(3, 1, 3, 3)) * 0.5, rng.normal(size=3), padding=1),
            Layer("softplus"),
            Layer.avgpool(2),
            Layer("flatten"),
            Layer.linear(rng.normal(size=(8, 27)) * 0.4, rng.normal(size=8)),
            Layer("tanh"),
            Layer.linear(rng.normal(size=(4, 8)), rng.normal(size=4)),
        ]
    )


def attack_problem(rng: np.random.Generator, image: bool) -> tuple[Network, Tensor, Tensor, Tensor]:
    """Return a network, three inputs in [0, 1], their labels and other classes to be aimed at."""
    network = image_network(rng) if image else vector_network(rng)
    inputs = tensor(rng.uniform(size=(3, 1, 6, 6) if image else (3, 6)))
    labels = rng.integers(4, size=3)
    targets = (labels + rng.integers(1, 4, size=3)) % 4
    return network, inputs, torch.from_numpy(labels), torch.from_numpy(targets)


def steady(
    rng: np.random.Generator,
    make: Callable[[np.random.Generator], tuple[Any, ...]],
    reference: Callable[..., tuple[Array, float]],
) -> tuple[Any, ...]:
    """Draw arguments until no slope that the attack follows is nearly zero."""
    while True:
        arguments = make(rng)
        if reference(*arguments)[1] > 3e-5:
            return arguments

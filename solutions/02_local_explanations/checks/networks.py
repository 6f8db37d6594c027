"""Hidden networks of notebook 02 that are differentiated."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from autograde.inside.networks import Layer, Network

from ...shared.checks import tensor

# Networks that are differentiated are smooth (tanh, softplus): at a ReLU's kink float32 and double
# precision may fall on different sides, and a right answer would fail by chance.


def vector_network(rng: np.random.Generator) -> tuple[Network, Tensor]:
    return Network.random(rng, (6, 12, 9, 4), "tanh"), tensor(rng.normal(size=6))


def image_parts(rng: np.random.Generator, channels: int = 2) -> tuple[list[Layer], list[Layer]]:
    """Return layers (channels, 8, 8) → (5, 4, 4) activations, and (5, 4, 4) → 4 logits."""
    features = [
        Layer.conv2d(rng.normal(size=(4, channels, 3, 3)) * 0.4, rng.normal(size=4), padding=1),
        Layer("softplus"),
        Layer.avgpool(2),
        Layer.conv2d(rng.normal(size=(5, 4, 3, 3)) * 0.3, rng.normal(size=5) * 0.3, padding=1),
    ]
    head = [
        Layer("softplus"),
        Layer("flatten"),
        Layer.linear(rng.normal(size=(8, 80)) * 0.2, rng.normal(size=8)),
        Layer("tanh"),
        Layer.linear(rng.normal(size=(4, 8)), rng.normal(size=4)),
    ]
    return features, head


def image_network(rng: np.random.Generator) -> tuple[Network, Tensor]:
    features, head = image_parts(rng)
    return Network([*features, *head]), tensor(rng.uniform(size=(2, 8, 8)))


def smooth_problems(rng: np.random.Generator) -> list[tuple[Network, Tensor, int]]:
    """Return networks on vectors and images, each with an input and a target class."""
    made = [vector_network(rng), image_network(rng), vector_network(rng), image_network(rng)]
    return [(network, image, int(rng.integers(4))) for network, image in made]

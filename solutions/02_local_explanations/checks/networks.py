"""Hidden networks of notebook 02 that are differentiated, or walked back layer by layer."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Layer, Network

from ...shared.checks import tensor

# Networks that are differentiated are smooth (tanh, softplus): at a ReLU's kink float32 and double
# precision may fall on different sides, and a right answer would fail by chance.


def other_class(rng: np.random.Generator, network: Network, x: Tensor) -> int:
    """Return a class to ask about that is neither the first nor the most likely one."""
    with torch.no_grad():
        logits = network.module()(x[None])[0]
    return int(rng.choice([c for c in range(1, len(logits)) if c != int(logits.argmax())]))


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
    return [(network, image, other_class(rng, network, image)) for network, image in made]


# Networks of ReLUs that are walked back have some units whose values are exact in float32: products
# of eighths and sixteenths, so that zero is zero in whatever order they are added.


def eighths(values: np.ndarray) -> np.ndarray:
    return np.round(np.asarray(values) * 8) / 8


def exact_inputs(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return inputs in (0, 1) that are sixteenths."""
    return rng.integers(2, 16, size=size) / 16


def relu_layers(
    rng: np.random.Generator, sizes: tuple[int, ...]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weights and biases of a network, to plant units in; biases matter in it."""
    return [
        (
            rng.normal(scale=np.sqrt(2 / inputs), size=(outputs, inputs)),
            rng.normal(scale=0.5, size=outputs),
        )
        for inputs, outputs in pairwise(sizes)
    ]


def relu_network(layers: list[tuple[np.ndarray, np.ndarray]]) -> Network:
    """Return the network of these weights and biases."""
    made = [each for w, b in layers for each in (Layer.linear(w, b), Layer("relu"))]
    return Network(made[:-1])


def stop_at_zero(layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray, unit: int) -> None:
    """Let what enters the ReLU of a unit of the first layer be exactly 0 at these inputs."""
    weight, bias = layers[0]
    weight[unit] = eighths(weight[unit])
    bias[unit] = -float(weight[unit] @ x)

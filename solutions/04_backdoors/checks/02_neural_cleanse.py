"""Checks of section 2: the loss as a sum over images, its step by central differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Layer, Network
from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, expect_pair, tensor


def _network(rng: np.random.Generator, channels: int) -> Network:
    """Return a smooth network (channels, 6, 6) → 4 logits: no kink for finite differences."""
    return Network(
        [
            Layer.conv2d(rng.normal(size=(3, channels, 3, 3)) * 0.4, rng.normal(size=3), padding=1),
            Layer("softplus"),
            Layer("flatten"),
            Layer.linear(rng.normal(size=(4, 108)) * 0.2, rng.normal(size=4)),
        ]
    )


def _inversions(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for channels in (1, 3, 2):
        problems.append(
            (
                _network(rng, channels),
                tensor(rng.uniform(size=(4, channels, 6, 6))),
                tensor(rng.uniform(size=(1, 6, 6))),
                tensor(rng.uniform(size=(channels, 6, 6))),
                int(rng.integers(4)),
                float(rng.uniform(0.05, 0.5)),
            )
        )
    return problems


def _inversion_steps(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for network, images, mask, pattern, target, weight in _inversions(rng):
        a, b = 2 * mask - 1, 3 * pattern - 1.5
        problems.append((network, images, a, b, target, weight, float(rng.uniform(0.5, 2))))
    return problems


def _sizes(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for number in (10, 7, 2, 4):
        sizes = rng.uniform(20, 90, number)
        sizes[int(rng.integers(number))] = rng.uniform(2, 9)
        problems.append((tensor(sizes),))
    return problems


def _inversion_loss(
    module: torch.nn.Module, images: Tensor, mask: Tensor, pattern: Tensor, k: int, weight: float
) -> float:
    total = 0.0
    for image in images:
        with torch.no_grad():
            scores = module((image * (1 - mask) + mask * pattern)[None])[0]
        total += float(scores.exp().sum().log() - scores[k])
    return total / len(images) + weight * float(mask.sum())


@task(
    "inversion-loss",
    Call("inversion_loss", _inversions, GIVEN),
    read="section 2 and Wang et al. 2019",
)
def inversion_loss(calls: list[Called]) -> None:
    """Compare with a sum over images."""
    for call in calls:
        network, images, mask, pattern, target, weight = call.arguments
        wanted = _inversion_loss(
            network.module().double(),
            images.double(),
            mask.double(),
            pattern.double(),
            target,
            weight,
        )
        expect_close(
            call.returned,
            wanted,
            "inversion_loss(…)",
            "The cross-entropy is a mean over the images, the mask's norm a sum over its pixels, "
            "and where the mask is one, only the pattern is seen.",
            rtol=1e-3,
        )


@task(
    "inversion-step",
    Call("inversion_step", _inversion_steps, GIVEN),
    read="section 2 and Wang et al. 2019",
)
def inversion_step(calls: list[Called]) -> None:
    """Compare with central differences."""
    for call in calls:
        network, images, a, b, target, weight, rate = call.arguments
        module, images = network.module().double(), images.double()

        def loss(
            free: Tensor, other: Tensor, m: Any = module, x: Any = images, more: Any = None
        ) -> float:
            mask, pattern = (1 + free.tanh()) / 2, (1 + other.tanh()) / 2
            return _inversion_loss(m, x, mask, pattern, *more)

        found = expect_pair(call.returned, "inversion_step(…)")
        more, a, b = (target, weight), a.double(), b.double()
        for name, place in (("a", 0), ("b", 1)):
            wanted = (a, b)[place].clone()
            for index in np.ndindex(tuple(wanted.shape)):
                values = []
                for step in (1e-5, -1e-5):
                    moved = [a.clone(), b.clone()]
                    moved[place][index] += step
                    values.append(loss(*moved, more=more))
                wanted[index] -= rate * (values[0] - values[1]) / 2e-5
            expect_close(
                found[place],
                wanted.numpy(),
                f"the new {name}",
                "Mask and pattern are (tanh + 1) / 2 of the free numbers; the gradient is that of "
                "the whole loss by the free numbers, and the step goes down.",
                rtol=1e-3,
                atol=1e-4,
                fraction=0.5 * place,
            )


@task("anomaly-index", Call("anomaly_index", _sizes, GIVEN), read="section 2 and Wang et al. 2019")
def anomaly_index(calls: list[Called]) -> None:
    """Compare with NumPy's medians."""
    for call in calls:
        sizes = np.asarray(call.arguments[0], dtype=float)
        middle = np.median(sizes)
        spread = np.median(np.abs(sizes - middle))
        expect_close(
            call.returned,
            (middle - sizes) / (1.4826 * spread),
            "anomaly_index(…)",
            "A median of an even number is the mean of the two in the middle; large means small.",
            rtol=1e-3,
            atol=1e-4,
        )

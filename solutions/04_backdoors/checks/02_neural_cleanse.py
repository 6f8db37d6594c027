"""Checks: the loss as a sum over images, its step by central differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Layer, Network
from autograde.tasks import Call, Called, expect_close, expect_unchanged, task

from ...shared.checks import GIVEN, drawn, expect_pair, tensor


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
    """Return networks, images and triggers for which the images' losses differ.

    So that the logarithm of the mean probability is not the mean of the logarithms.
    """

    def draw(channels: int) -> tuple[Any, ...]:
        return (
            _network(rng, channels),
            tensor(rng.uniform(size=(4, channels, 6, 6))),
            tensor(rng.uniform(size=(1, 6, 6))),
            tensor(rng.uniform(size=(channels, 6, 6))),
            int(rng.integers(4)),
            float(rng.uniform(0.05, 0.5)),
        )

    def differ(case: tuple[Any, ...]) -> bool:
        network, images, mask, *rest = case
        module = network.module()
        each = [_inversion_loss(module, image[None], 0 * mask, *rest) for image in _mixed(*case)]
        right = _inversion_loss(module, images, mask, *rest)
        return bool(np.mean(each) + np.log(np.mean(np.exp(np.negative(each)))) > 0.006 * right)

    return [drawn(lambda channels=channels: draw(channels), differ) for channels in (1, 3, 2)]


def _mixed(_: Any, images: Tensor, mask: Tensor, pattern: Tensor, *__: Any) -> Tensor:
    return images * (1 - mask) + mask * pattern


def _inversion_steps(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for network, images, mask, pattern, target, weight in _inversions(rng):
        a, b = 2 * mask - 1, 3 * pattern - 1.5
        problems.append((network, images, a, b, target, weight, float(rng.uniform(0.5, 2))))
    return problems


def _sizes(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return sizes, in no order, for which it matters which value is in the middle."""
    problems = []
    for number in (10, 7, 2, 4):

        def draw(number: int = number) -> np.ndarray:
            sizes = rng.uniform(20, 90, number)
            sizes[int(rng.integers(number))] = rng.uniform(2, 9)
            return sizes

        problems.append((tensor(drawn(draw, _wide_in_the_middle)),))
    return problems


def _wide_in_the_middle(sizes: np.ndarray) -> bool:
    """Say whether neighbours of the medians, of sizes and of deviations, are clearly others."""
    if len(sizes) == 2:  # both deviate by the same
        return True
    deviations = np.abs(sizes - np.median(sizes))
    half = len(sizes) // 2
    return all(
        np.diff(np.sort(each))[half - 1 : half + 1].min() > 1 for each in (sizes, deviations)
    )


def _inversion_loss(
    module: torch.nn.Module, images: Tensor, mask: Tensor, pattern: Tensor, k: int, weight: float
) -> float:
    total = 0.0
    for image in images:
        with torch.no_grad():
            scores = module(_mixed(module, image, mask, pattern)[None])[0]
        total += float(scores.exp().sum().log() - scores[k])
    return total / len(images) + weight * float(mask.sum())


_STEP = 1e-5


def _around(values: Tensor) -> Tensor:
    """Return (2 · size, *shape): each number in turn a step larger, then a step smaller."""
    steps = _STEP * torch.eye(values.numel(), dtype=values.dtype).reshape(-1, *values.shape)
    return values + torch.stack([steps, -steps], 1).flatten(0, 1)


def _free_losses(arguments: tuple[Any, ...], a: Tensor, b: Tensor) -> Tensor:
    """Return (R,) the loss by the definition, for R rows of the free numbers, or one of them."""
    network, images, _, _, target, weight, _ = arguments
    mask, pattern = ((1 + each.tanh())[:, None] / 2 for each in (a, b))
    rows = images.double() * (1 - mask) + mask * pattern
    with torch.no_grad():
        scores = network.module().double()(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])
    missed = scores.exp().sum(2).log() - scores[:, :, target]
    return missed.mean(1) + weight * mask.sum((1, 2, 3, 4))


@task(
    "inversion-loss",
    Call("inversion_loss", _inversions, GIVEN),
    read="section {{ section }} and Wang et al. 2019",
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
    read="section {{ section }} and Wang et al. 2019",
)
def inversion_step(calls: list[Called]) -> None:
    """Compare with central differences."""
    for call in calls:
        found = expect_pair(call.returned, "inversion_step(…)")
        old = [each.double() for each in call.arguments[2:4]]
        for place, name in enumerate("ab"):
            moved = [_around(each) if k == place else each[None] for k, each in enumerate(old)]
            values = _free_losses(call.arguments, *moved)
            slope = ((values[0::2] - values[1::2]) / (2 * _STEP)).reshape(old[place].shape)
            expect_close(
                found[place],
                (old[place] - call.arguments[6] * slope).numpy(),
                f"the new {name}",
                "Mask and pattern are (tanh + 1) / 2 of the free numbers; the gradient is that of "
                "the whole loss by the free numbers, and the step goes down.",
                rtol=1e-3,
                atol=1e-4,
                fraction=0.5 * place,
            )
    for place, name in ((2, "a"), (3, "b")):
        expect_unchanged(calls, place, name)


@task(
    "anomaly-index",
    Call("anomaly_index", _sizes, GIVEN),
    read="section {{ section }} and Wang et al. 2019",
)
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

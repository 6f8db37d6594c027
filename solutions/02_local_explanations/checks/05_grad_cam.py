"""Checks: Grad-CAM by central differences of the activations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Layer, Network
from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, drawn, tensor
from .by_hand import logit_of, slope_at
from .networks import image_parts, other_class


def _cam_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return maps with places for and against the class, and last one with nothing for it."""
    shapes = (1, 2, 3)
    problems = [drawn(lambda each=each: _cam_problem(rng, each), _is_mixed) for each in shapes]
    # Positive maps, and a class to which none of them contributes.
    features = [Layer.conv2d(rng.normal(size=(5, 1, 3, 3)), padding=1), Layer("softplus")]
    weight = -rng.uniform(0.1, 1, size=(3, 320))
    weight[0] *= -1
    head = [Layer("flatten"), Layer.linear(weight)]
    image = tensor(rng.uniform(size=(1, 8, 8)))
    return [*problems, (Network(features), Network(head), image, 1)]


def _cam_problem(rng: np.random.Generator, channels: int) -> tuple[Network, Network, Tensor, int]:
    features, head = image_parts(rng, channels)
    image = tensor(rng.uniform(size=(channels, 8, 8)))
    target = other_class(rng, Network([*features, *head]), image)
    return Network(features), Network(head), image, target


def _weighted(
    features: Network, head: Network, image: Tensor, target: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return each activation times the mean of its map's gradients, and the maps."""
    with torch.no_grad():
        maps = features.module().double()(image.double()[None])[0]
    weights = slope_at(logit_of(head, target), maps).mean((1, 2))
    return weights[:, None, None] * maps.numpy(), maps.numpy()


def _is_mixed(problem: tuple[Network, Network, Tensor, int]) -> bool:
    """Whether cutting at zero matters, and where it is done: before the sum over the maps or after."""
    weighted, maps = _weighted(*problem)
    whole, scale = weighted.sum(0), np.abs(weighted).max()
    early = np.maximum(weighted, 0).sum(0)
    rectified = (weighted / maps * np.maximum(maps, 0)).sum(0)
    apart = min(np.abs(each - whole)[whole > 0].max(initial=0) for each in (early, rectified))
    return bool(whole.min() < -0.05 * scale and whole.max() > 0.05 * scale and apart > 0.05 * scale)


@task(
    "grad-cam",
    Call("grad_cam", _cam_problems, GIVEN),
    read="section {{ section }} and Selvaraju et al. 2017",
)
def grad_cam(calls: list[Called]) -> None:
    """Compare with central differences in the activations."""
    for call in calls:
        weighted, _ = _weighted(*call.arguments)
        # The scale of what is summed: a class without evidence has an empty map.
        scale = float(np.abs(weighted).max())
        expect_close(
            call.returned,
            np.maximum(weighted.sum(0), 0),
            "grad_cam(…)",
            "Weigh each map by the mean of its gradients, sum over the maps, then cut at zero.",
            rtol=1e-3,
            atol=1e-3 * scale,
        )

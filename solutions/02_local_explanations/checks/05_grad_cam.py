"""Checks of section 5: Grad-CAM by central differences of the activations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, tensor
from .by_hand import logit_of, slope_at
from .networks import image_parts


def _cam_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for channels in (1, 2, 3):
        features, head = image_parts(rng, channels)
        image = tensor(rng.uniform(size=(channels, 8, 8)))
        problems.append((Network(features), Network(head), image, int(rng.integers(4))))
    return problems


@task(
    "grad-cam", Call("grad_cam", _cam_problems, GIVEN), read="section 5 and Selvaraju et al. 2017"
)
def grad_cam(calls: list[Called]) -> None:
    """Compare with central differences in the activations."""
    for call in calls:
        features, head, image, target = call.arguments
        with torch.no_grad():
            maps = features.module().double()(image.double()[None])[0]
        weights = slope_at(logit_of(head, target), maps).mean((1, 2))
        wanted = np.maximum(sum(w * a for w, a in zip(weights, maps.numpy(), strict=True)), 0)
        # The scale of what is summed: a class without evidence has an empty map.
        scale = float(np.abs(weights[:, None, None] * maps.numpy()).max())
        expect_close(
            call.returned,
            wanted,
            "grad_cam(…)",
            "Weigh each map by the mean of its gradients, sum over the maps, then cut at zero.",
            rtol=1e-3,
            atol=1e-3 * scale,
        )

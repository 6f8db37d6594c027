"""What the attacks by hand of notebook 03 share: double precision, finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import Called, expect_close

from ...shared.checks import Array


@torch.no_grad()
def loss_slopes(network: Network, x: Array, classes: Array) -> Array:
    """Return the gradients (n, *shape) of the cross-entropy by central differences."""
    module = network.module().double()
    result = np.zeros_like(x)
    for index, (point, label) in enumerate(zip(x, classes, strict=True)):
        step = 1e-5 * np.eye(point.size).reshape(-1, *point.shape)
        batch = torch.from_numpy(np.concatenate([point + step, point - step]))
        scores = module(batch).numpy()
        loss = np.log(np.exp(scores).sum(1)) - scores[:, int(label)]
        half = point.size
        result[index] = ((loss[:half] - loss[half:]) / 2e-5).reshape(point.shape)
    return result


def least_slope(slope: Array, moving: Any = True) -> float:
    """Return the smallest slope that is followed, relative to the largest of its input."""
    ratios = []
    for each in slope:
        sizes = np.abs(each[np.broadcast_to(moving, each.shape)])
        ratios.append(sizes.min() / sizes.max())
    return float(min(ratios))


def expect_near(call: Called, wanted: Array, name: str, hint: str) -> None:
    expect_close(call.returned, wanted, name, hint, rtol=1e-3, atol=1e-3)

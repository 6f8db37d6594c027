"""What the attacks by hand of notebook 03 share: double precision, finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

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


def signs(slope: Array) -> Array:
    """Return the signs of slopes: zero where an input makes no difference, but for rounding."""
    return np.sign(slope) * ~_flat(slope)


def least_slope(slope: Array, moving: Any = True) -> float:
    """Return the smallest slope that is followed, relative to the largest of its input."""
    sizes = np.abs(slope)
    largest = sizes.reshape(len(sizes), -1).max(1).reshape(-1, *[1] * (slope.ndim - 1))
    followed = ~_flat(slope) & np.broadcast_to(moving, slope.shape)
    return float(np.min((sizes / largest)[followed]))


def _flat(slope: Array) -> NDArray[np.bool_]:
    sizes = np.abs(slope)
    largest = sizes.reshape(len(sizes), -1).max(1).reshape(-1, *[1] * (slope.ndim - 1))
    return sizes < 1e-7 * largest


def expect_near(call: Called, wanted: Array, name: str, hint: str) -> None:
    expect_close(call.returned, wanted, name, hint, rtol=1e-3, atol=1e-3)

"""What the references by hand of notebook 02 share: double precision, finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Called, expect_close

Function = Callable[[Tensor], Tensor]

LIBRARIES = ("given-imports", "given-libraries")
"""The locked cells that functions need which call a library."""


def logit_of(network: Network, target: int) -> Function:
    """Return the batch function x → logit of the target, in double precision."""
    module = network.module().double()
    return lambda batch: module(batch)[:, target]


@torch.no_grad()
def slope_at(function: Function, point: Tensor) -> np.ndarray:
    """Return the gradient at the point by central differences."""
    point = point.double()
    step = 1e-5 * torch.eye(point.numel(), dtype=torch.float64).view(-1, *point.shape)
    slopes = (function(point + step) - function(point - step)) / 2e-5
    return slopes.view(point.shape).numpy()


def linear_layers(network: Network) -> list[tuple[np.ndarray, np.ndarray]]:
    layers = []
    for layer in network.layers:
        if layer.weight is not None:
            bias = np.zeros(len(layer.weight)) if layer.bias is None else layer.bias.astype(float)
            layers.append((layer.weight.astype(float), bias))
    return layers


def expect_near(call: Called, reference: Any, name: str, hint: str) -> None:
    scale = float(np.abs(reference).max())
    expect_close(call.returned, reference, name, hint, rtol=1e-3, atol=2e-4 * scale + 1e-6)

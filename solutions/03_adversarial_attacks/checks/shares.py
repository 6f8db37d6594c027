"""What networks say to images."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def said(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the classes that a network says to inputs."""
    return torch.cat([network(part).argmax(1) for part in inputs.split(250)])


def share_of(network: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Return the share of inputs that a network puts into these classes."""
    return float((said(network, inputs) == labels).double().mean())

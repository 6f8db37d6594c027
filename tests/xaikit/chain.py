"""Small networks: one of modules, one whose activations are whatever a test chooses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Chain(nn.Module):
    """Runs the layers of a module chain, the activations by a function of one's choice."""

    def __init__(self, layers: nn.Sequential, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers, self.activation = layers, activation

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.activation(x) if isinstance(layer, nn.ReLU) else layer(x)
        return x


def convolutional(pool: type[nn.Module]) -> nn.Sequential:
    """Return a small random classifier of (N, 1, 12, 12) images into 5 classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.ReLU(),
            pool(2),
            nn.Conv2d(4, 6, 3, padding=1),
            nn.ReLU(),
            pool(2),
            nn.Flatten(),
            nn.Linear(54, 16),
            nn.ReLU(),
            nn.Linear(16, 5),
        ).eval()

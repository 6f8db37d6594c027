"""A network whose activations are functions, reused modules or whatever a test chooses."""

from __future__ import annotations

from collections.abc import Callable

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

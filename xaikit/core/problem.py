"""What a method is asked about: inputs and target classes, with the model borrowed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Problem:
    """What is explained: checked, and with the model borrowed (eval mode, parameters frozen).

    Attributes
    ----------
    model
        Maps (N, *shape) to (N, classes).
    inputs
        (N, *shape), without gradient.
    targets
        (N, T), each in 0 … classes − 1, on the inputs' device.
    seed
        Of every random choice.
    chunk
        How many rows may pass the model at once.
    """

    model: nn.Module
    inputs: Tensor
    targets: Tensor
    seed: int
    chunk: int

    def generator(self) -> torch.Generator:
        """Return a fresh generator on the CPU, so that every device sees the same numbers."""
        return torch.Generator().manual_seed(self.seed)

"""What a method is asked about: a model that is frozen, and inputs that were checked."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Question:
    """What every family of methods is asked about, with a frozen model.

    Frozen: in evaluation mode, without gradients for its parameters. A family adds only what is its
    own: the classes to explain, to attack, to look for.

    Attributes
    ----------
    model
        Maps (N, *shape) to (N, classes).
    inputs
        (N, *shape), without gradient, on the model's device.
    seed
        Of every random choice.
    chunk
        How many rows may pass the model at once.
    """

    model: nn.Module
    inputs: Tensor
    seed: int = field(kw_only=True)
    chunk: int = field(kw_only=True)

    def generator(self) -> torch.Generator:
        """Return a fresh generator on the CPU, so that every device sees the same numbers."""
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True)
class Problem(Question):
    """What is asked about some classes of every input: to explain them, or to reach them.

    Attributes
    ----------
    targets
        (N, T), each in 0 … classes − 1, on the inputs' device.
    """

    targets: Tensor

"""What networks say to images, and how tables of shares are paid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from autograde.tasks import Wrong, lucky

from ...shared.checks import Array


@torch.no_grad()
def said(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the classes that a network says to inputs."""
    return torch.cat([network(part).argmax(1) for part in inputs.split(250)])


def share_of(network: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Return the share of inputs that a network puts into these classes."""
    return float((said(network, inputs) == labels).double().mean())


@dataclass(frozen=True)
class Part:
    """Some numbers of an answer, and what they count for.

    Parameters
    ----------
    name
        What the student reads if one of them is wrong.
    weight
        The share of the task's points.
    found, wanted
        Arrays of one shape; nan is no number of the student's.
    slack
        How far a number may be off.
    """

    name: str
    weight: float
    found: Array
    wanted: Array
    slack: float

    def earned(self) -> float:
        """Return the share of the numbers that are right beyond what one constant gets."""
        right = int((np.abs(self.found - self.wanted) <= self.slack).sum())
        luck = lucky(self.wanted.ravel(), self.slack)
        return max(0, right - luck) / (self.wanted.size - luck)


def expect_parts(parts: list[Part], hint: str) -> None:
    """Pay for each part by what it teaches, or raise."""
    wrong = [part.name for part in parts if part.earned() < 1]
    if wrong:
        total = sum(part.weight * part.earned() for part in parts)
        raise Wrong(f"{hint} Look again at: {', '.join(wrong)}.", total)

"""A classifier whose counterfactuals are known."""

from __future__ import annotations

import torch
from torch import nn


def linear(weights: list[float], bias: float = 0.0) -> nn.Module:
    """Two classes, the second one's lead over the first being w·x + b."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(len(weights), 2)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[0.0] * len(weights), weights]))
        model[1].bias.copy_(torch.tensor([0.0, bias]))
    return model

"""What networks say to images, and comparing shares of them with an answer's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from autograde.tasks import expect_array, expect_entry


@torch.no_grad()
def said(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the classes that a network says to inputs."""
    return torch.cat([network(part).argmax(1) for part in inputs.split(250)])


def share_of(network: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Return the share of inputs that a network puts into these classes."""
    return float((said(network, inputs) == labels).double().mean())


def compared(value: Any, wanted: Mapping[str, list[float]], name: str, slack: float) -> Any:
    """Return the entries of lists of shares that are right, and those that are not."""
    right, wrong = [], []
    for key, shares in wanted.items():
        found = expect_array(expect_entry(value, key, name), (len(shares),), f"{name}[{key!r}]")
        for measured, share in zip(found, shares, strict=True):
            (right if abs(measured - share) <= slack else wrong).append(key)
    return right, wrong

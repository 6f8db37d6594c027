"""Networks that work in place on what they are given, each beside a pure one of the same function.

``Keeping`` moreover keeps its input and answers with a tensor of its own, time and again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from chain import convolutional
from torch import Tensor, nn


class First(nn.Module):
    """What a network does to its input before its layers."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Keeping(nn.Module):
    """Keeps its input, changes it next time, and answers in one buffer again and again."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.kept: Tensor | None = None
        self.answer: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.kept is not None:
            self.kept.fill_(7.0)
        if self.answer is not None:
            self.answer.fill_(7.0)
        found: Tensor = self.layers(x)
        self.kept, self.answer = x.detach(), found.detach()
        return found


class Twins(NamedTuple):
    """The same function: without side effects, and in place."""

    pure: nn.Module
    in_place: nn.Module


def _halved(x: Tensor) -> Tensor:
    x -= 0.2
    return x.mul_(0.5).clamp_(-0.05, 0.3)


def _slice(x: Tensor) -> Tensor:
    x[..., :6] = 0.0
    return x


def _without_slice(x: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(x[..., :6]), x[..., 6:]], -1)


def _behind(first: Callable[[Tensor], Tensor], in_place: bool, classes: int = 5) -> nn.Sequential:
    layers = list(convolutional(nn.MaxPool2d))
    if in_place:
        layers = [nn.ReLU(inplace=True) if isinstance(x, nn.ReLU) else x for x in layers]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        last = nn.Linear(16, classes)
        # Far from one another, so that a network that reads a changed image predicts otherwise.
        nn.init.normal_(last.weight, std=2.0)
    return nn.Sequential(First(first), *layers[:-1], last).eval()


TWINS: dict[str, Twins] = {
    "slice": Twins(_behind(_without_slice, False), _behind(_slice, True)),
    "arithmetic": Twins(
        _behind(lambda x: ((x - 0.2) * 0.5).clamp(-0.05, 0.3), False), _behind(_halved, True)
    ),
    "keeping": Twins(_behind(torch.relu, False), Keeping(_behind(torch.relu, True)).eval()),
}

"""What the iterated attacks share: ascend, evaluate every point, stop inputs that succeed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xaikit.attacks.goal import Goal

Slopes = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Rows (n,) and inputs (n, *shape) in their place -> margins (n,) and the direction of ascent."""
Move = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Number of the step, rows (n,), inputs and slopes (n, *shape) -> the next inputs."""


class Best:
    """The best try at every input so far; before the first try, the input itself.

    Attributes
    ----------
    adversarial
        (N, *shape).
    margin
        (N,): positive where the goal is reached.
    attempt
        (N,) number of the try that it comes from.
    """

    def __init__(self, goal: Goal) -> None:
        rows = torch.arange(len(goal.inputs), device=goal.inputs.device)
        self.adversarial = goal.inputs.clone()
        self.margin = torch.cat(
            [goal.margins(part, goal.inputs[part]) for part in goal.parts(rows)]
        )
        self.attempt = torch.zeros_like(rows)

    def resisting(self) -> Tensor:
        """Return the rows (n,) of the inputs that are still to be attacked."""
        return (self.margin <= 0).nonzero().squeeze(1)

    def keep(self, rows: Tensor, now: Tensor, margin: Tensor, attempt: int) -> None:
        """Keep the points that are better than before."""
        better = margin > self.margin[rows]
        kept = rows[better]
        self.margin[kept] = margin[better]
        self.adversarial[kept] = now[better]
        self.attempt[kept] = attempt


def ascend(
    goal: Goal,
    best: Best,
    attempt: int,
    rows: Tensor,
    now: Tensor,
    steps: int,
    slopes: Slopes,
    move: Move,
) -> None:
    """Take ``steps`` steps from the inputs ``now`` (n, *shape) in place of ``rows``.

    An input that reaches the goal takes no further steps, which changes no verdict and saves
    most of the work: its adversarial input is the first one found.
    """
    for step in range(steps):
        margin, slope = slopes(rows, now)
        best.keep(rows, now, margin, attempt)
        left = margin <= 0
        rows, now, slope = rows[left], now[left], slope[left]
        if not len(rows):
            return
        now = move(step, rows, now, slope)
    best.keep(rows, now, goal.margins(rows, now), attempt)

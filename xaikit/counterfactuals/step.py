"""One step of a search: how a linear model of the classifier would solve it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_HALVINGS = 14
"""Of an interval of four decades: λ to a tenth of a per cent."""


@dataclass(frozen=True)
class Elastic:
    """The distance l1 · ‖d‖₁ + l2 · ‖d‖₂² of a change d."""

    l1: float
    l2: float

    def cost(self, change: Tensor) -> Tensor:
        """Return the distances (n,) of changes (n, D)."""
        return self.l1 * change.abs().sum(1) + self.l2 * change.square().sum(1)

    def nearest(self, change: Tensor, rate: Tensor) -> Tensor:
        """Return the proximal step: soft-thresholding, then shrinking. Exact zeros come from it."""
        return _soft(change, rate * self.l1) / (1 + 2 * self.l2 * rate)


def advance(
    change: Tensor,
    slope: Tensor,
    gain: Tensor,
    drift: Tensor,
    rate: Tensor,
    elastic: Elastic,
    box: tuple[Tensor, Tensor],
    keep: Tensor,
) -> Tensor:
    """Return the changes (n, D) that cost least and gain enough, were the margin linear.

    Minimises, over d in the box, distance(d) + ‖d − (change + drift)‖² / (2 rate) so that
    slope · (d − change) ≥ gain. With the multiplier μ of that condition, d is a proximal step from
    change + drift + rate · μ · slope, and what is gained grows with μ: halving intervals finds the
    smallest μ that gains enough. It takes no pass through the model.

    Parameters
    ----------
    change
        (n, D), where the search stands.
    slope
        (n, D), the margin's gradient there.
    gain
        (n,), how much the margin has to grow; it may shrink by that if negative.
    drift
        (n, D), where other terms of the loss pull.
    rate
        (n, 1), the longer the step, the more is left to the distance.
    elastic
        The distance.
    box
        Least and largest changes (n, D).
    keep
        (n,) boolean: here the distance is that of the step alone, which undoes nothing.
    """
    start = change + drift
    anchor = torch.where(keep.unsqueeze(1), start, 0)

    def at(multiplier: Tensor) -> Tensor:
        moved = start + rate * multiplier * slope
        moved = anchor + elastic.nearest(moved - anchor, rate)
        return torch.maximum(torch.minimum(moved, box[1]), box[0])

    def enough(d: Tensor) -> Tensor:
        return ((d - change) * slope).sum(1) >= gain

    return _least(at, enough, slope.abs().amax(1, keepdim=True), rate, elastic)


def _least(
    at: Callable[[Tensor], Tensor],
    enough: Callable[[Tensor], Tensor],
    top: Tensor,
    rate: Tensor,
    elastic: Elastic,
) -> Tensor:
    """Return ``at`` the smallest multiplier that gains enough, or the largest tried."""
    # In these units the largest entry of the slope moves by 1 for the elastic net's pull and for
    # a change of the whole range.
    unit = (elastic.l1 + 1e-2 * (1 + elastic.l2) / rate) / top.clamp_min(1e-30)
    low, high = torch.full_like(top, -5.0), torch.full_like(top, 9.0)  # of the logarithm
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        there = enough(at(middle.exp() * unit)).unsqueeze(1)
        low, high = torch.where(there, low, middle), torch.where(there, middle, high)
    none = at(torch.zeros_like(top))
    return torch.where(enough(none).unsqueeze(1), none, at(high.exp() * unit))


def _soft(values: Tensor, threshold: Tensor) -> Tensor:
    return values.sign() * (values.abs() - threshold).clamp_min(0)

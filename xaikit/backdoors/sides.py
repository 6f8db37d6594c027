"""Which of two parts of a class is the poison? The smaller, or the one of varied runners-up."""

from __future__ import annotations

import torch
from torch import Tensor

NEARLY_HALF = 0.4
"""A part of more than this share of both may be the poison though it is the larger one."""


def runners_up(scores: Tensor, labels: Tensor) -> Tensor:
    """Return (N,) which class has the highest of the scores (N, classes), the label's aside."""
    return scores.scatter(1, labels[:, None], -torch.inf).argmax(1)


def poisoned_part(part: Tensor, second: Tensor) -> bool:
    """Return which part of a class the poison would be: the one that is True in it, or False.

    The smaller one. But at ten classes and a poison rate of 10 % half of the target class is
    poisoned; where both parts have over 40 %, the poison is that whose runners-up are more diverse
    (in entropy): a shirt with a trigger, taken for a boot, is a shirt in the second place, and
    poison comes from all classes, while true boots resemble one or two.

    Parameters
    ----------
    part
        (n,) boolean.
    second
        (n,) the examples' runners-up.
    """
    share = float(part.double().mean())
    if min(share, 1 - share) <= NEARLY_HALF:
        return share < 0.5
    return _entropy(second[part]) > _entropy(second[~part])


def _entropy(classes: Tensor) -> float:
    counts = torch.unique(classes, return_counts=True)[1].double()
    return float(torch.special.entr(counts / counts.sum()).sum())

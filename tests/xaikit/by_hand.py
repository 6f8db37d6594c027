"""Explanations that no method made."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit import Explanation


def explained(attributions: Tensor, targets: Tensor | None = None) -> Explanation:
    """Return attributions (N, T, …) as an explanation, of class 0 unless told."""
    n, t = attributions.shape[:2]
    chosen = torch.zeros(n, t).long() if targets is None else targets
    return Explanation(attributions, chosen, None, "by hand", 0.0)

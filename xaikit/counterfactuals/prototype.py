"""Counterfactuals guided by prototypes: near, and like the class wanted."""

from __future__ import annotations

from torch import Tensor

from xaikit.counterfactuals.problem import Problem
from xaikit.counterfactuals.wachter import wachter


def prototype(problem: Problem, *, kappa: float = 0.9) -> tuple[Tensor, Tensor]:
    """Search (interface; the search follows)."""
    return wachter(problem, tolerance=1 - kappa)

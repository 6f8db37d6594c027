"""Counterfactuals guided by prototypes: near, and like the class wanted."""

from __future__ import annotations

from torch import Tensor

from xaikit.counterfactuals.problem import Problem
from xaikit.counterfactuals.wachter import wachter


def prototype(
    problem: Problem, *, probability: float = 1.0, tolerance: float = 0.05
) -> tuple[Tensor, Tensor]:
    """Search (interface; the search follows)."""
    return wachter(problem, probability=probability, tolerance=tolerance)

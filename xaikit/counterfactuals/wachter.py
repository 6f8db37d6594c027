"""Wachter's counterfactuals: as near as may be, with the probability wanted."""

from __future__ import annotations

from torch import Tensor

from xaikit.counterfactuals.problem import Problem


def wachter(
    problem: Problem, *, probability: float = 1.0, tolerance: float = 0.05
) -> tuple[Tensor, Tensor]:
    """Search (interface; the search follows)."""
    rows, targets = problem.items()
    x = problem.inputs[rows]
    p = problem.probabilities(x)
    own = p.gather(1, targets[:, None]).squeeze(1)
    return problem.grid(x), problem.grid((own - probability).abs() <= tolerance)

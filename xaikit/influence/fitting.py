"""Where is the loss smallest? Newton's method on all examples; L-BFGS for many weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from xaikit.core.passes import may_end

_FEW = 1000
"""Weights up to which the Hessian is made: with more, L-BFGS is faster."""

Objective = Callable[[Tensor], Tensor]


class Fitted(NamedTuple):
    """Where a search ended: the weights, the gradient's length there, a factor of the Hessian.

    The factor is that of Cholesky, of the Hessian there or where it was last needed; None if it
    was never made.
    """

    weights: Tensor
    gradient: Tensor
    factor: Tensor | None


def minimum(
    mean_loss: Objective,
    start: Tensor,
    damping: float,
    steps: int,
    factor: Tensor | None = None,
) -> Fitted:
    """Minimise mean_loss(w) + damping / 2 · |w|² from a start (P,), in the start's precision.

    Newton's method, which keeps a Hessian as long as it more than halves the gradient in a step: a
    search that begins where a similar one ended, with its ``factor``, costs a few gradients. Where
    the Hessian is not positive definite, or large, full-batch L-BFGS with a strong Wolfe line
    search takes over (Nocedal and Wright 2006, Numerical optimization, chapters 3 and 7).
    """

    def objective(weights: Tensor) -> Tensor:
        return mean_loss(weights) + damping / 2 * weights.square().sum()

    slope = torch.func.grad(objective)
    small = torch.finfo(start.dtype).eps ** (2 / 3)
    weights, now = start, slope(start)
    for _ in range(steps):
        may_end()
        length = torch.linalg.vector_norm(now)
        if length <= small:
            return Fitted(weights, length, factor)
        if factor is not None:
            further = weights - _solved(factor, now)
            then = slope(further)
            if torch.linalg.vector_norm(then) < length / 2:
                weights, now = further, then
                continue
        factor = _factor(slope, weights) if len(weights) <= _FEW else None
        if factor is None:
            return _by_lbfgs(objective, weights, steps, small)
        further = _backtracked(objective, weights, now, _solved(factor, now))
        if torch.equal(further, weights):
            break  # as far as rounding lets it come
        weights, now = further, slope(further)
    return Fitted(weights, torch.linalg.vector_norm(now), factor)


def _factor(slope: Objective, weights: Tensor) -> Tensor | None:
    """Return the Hessian's factor, or None where it is not positive definite."""
    try:
        hessian = torch.func.jacrev(slope, chunk_size=32)(weights)
    except RuntimeError:  # what vectorising does not know
        return None
    factor, failed = torch.linalg.cholesky_ex((hessian + hessian.T) / 2)
    return None if int(failed) or not factor.isfinite().all() else factor


def _solved(factor: Tensor, slope: Tensor) -> Tensor:
    return torch.cholesky_solve(slope.unsqueeze(1), factor).squeeze(1)


def _backtracked(objective: Objective, weights: Tensor, slope: Tensor, way: Tensor) -> Tensor:
    """Return the weights after the longest of some halved steps that lowers the objective."""
    value, fall = objective(weights), (slope * way).sum()
    for power in range(30):
        further: Tensor = weights - way / 2**power
        if objective(further) <= value - 1e-4 * fall / 2**power:
            return further
    return weights


def _by_lbfgs(objective: Objective, start: Tensor, steps: int, small: float) -> Fitted:
    weights = start.detach().clone().requires_grad_()
    descent = torch.optim.LBFGS(
        [weights],
        max_iter=steps,
        history_size=20,
        tolerance_grad=small,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def evaluated() -> Tensor:
        may_end()
        descent.zero_grad()
        value = objective(weights)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    descent.step(evaluated)  # type: ignore[no-untyped-call]
    evaluated()
    assert weights.grad is not None
    return Fitted(weights.detach(), torch.linalg.vector_norm(weights.grad), None)

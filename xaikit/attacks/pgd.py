"""Projected gradient descent: many small steps inside a ball around the input."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from xaikit.attacks.ascent import Best, ascend
from xaikit.attacks.goal import Goal
from xaikit.attacks.registry import attack_method
from xaikit.core.options import NonNegative
from xaikit.core.passes import per_input

Norm = Literal["inf", "2"]


@attack_method(
    "Projected gradient descent",
    needs=("gradients",),
    paper="Madry et al. 2018, Towards deep learning models resistant to adversarial attacks, "
    "arXiv:1706.06083",
)
def pgd(
    goal: Goal,
    *,
    epsilon: NonNegative,
    norm: Norm = "inf",
    steps: int = 40,
    restarts: int = 1,
) -> tuple[Tensor, Tensor]:
    """Raise the cross-entropy inside the ball of radius ``epsilon``, from random starts.

    (Measured here against the margin that :func:`patch` raises: inside a small ball the
    cross-entropy finds a little more.) A step is 2.5 ε / steps long: along the gradient's sign for
    ``norm="inf"``, along the gradient for ``"2"``. An input that reaches the goal takes no further
    steps.

    Parameters
    ----------
    goal
        What is attacked.
    epsilon
        The ball's radius in ``norm``.
    norm
        ``"inf"`` or ``"2"``.
    steps
        Of one start.
    restarts
        Starts of an input that resists: each at a random point of the ball.

    Returns
    -------
    tuple of torch.Tensor
        (N, *shape) adversarial inputs in [0, 1], for an input that resists its best try, and the
        mask: everywhere.
    """
    generator = goal.generator()
    best = Best(goal)

    def move(_: int, rows: Tensor, now: Tensor, slope: Tensor) -> Tensor:
        x = goal.inputs[rows]
        now = now + 2.5 * epsilon / steps * direction(slope, norm)
        return projected(now - x, epsilon, norm).add(x).clamp(0, 1)

    for attempt in range(restarts):
        # For all inputs, also those that are done: nobody's noise depends on the others.
        start_noise = noise(goal.inputs, norm, generator) * epsilon
        for rows in goal.parts(best.resisting()):
            start = (goal.inputs[rows] + start_noise[rows]).clamp(0, 1)
            ascend(goal, best, attempt, rows, start, steps, goal.loss_slopes, move)
    return best.adversarial, torch.ones_like(best.adversarial, dtype=torch.bool)


def noise(inputs: Tensor, norm: Norm, generator: torch.Generator) -> Tensor:
    """Return a point of the unit ball for each input, uniformly distributed."""
    if norm == "inf":
        noise = 2 * torch.rand(inputs.shape, generator=generator, dtype=inputs.dtype) - 1
        return noise.to(inputs.device)
    normal = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype)
    radius = torch.rand(len(inputs), generator=generator, dtype=inputs.dtype)
    scale = radius ** (1 / inputs[0].numel()) / normal.flatten(1).norm(dim=1)
    return (normal * per_input(scale, normal)).to(inputs.device)


def direction(slope: Tensor, norm: Norm) -> Tensor:
    """Return the unit step along which the slope rises most."""
    if norm == "inf":
        return slope.sign()
    length = slope.flatten(1).norm(dim=1).clamp_min(torch.finfo(slope.dtype).tiny)
    return slope / per_input(length, slope)


def projected(change: Tensor, epsilon: float, norm: Norm) -> Tensor:
    """Return the nearest point of the ball."""
    if norm == "inf":
        return change.clamp(-epsilon, epsilon)
    length = change.flatten(1).norm(dim=1)
    return change * per_input((epsilon / length.clamp_min(1e-12)).clamp(max=1), change)

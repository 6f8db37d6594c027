"""Auto-PGD: projected gradient descent whose steps get shorter where they stop helping."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xaikit.attacks.ascent import Best
from xaikit.attacks.goal import Goal
from xaikit.attacks.pgd import Norm, direction, noise, projected
from xaikit.attacks.registry import attack_method
from xaikit.core.options import NonNegative
from xaikit.core.passes import per_input

Loss = Callable[[Tensor, Tensor], Tensor]
"""Rows (n,) and scores (n, classes) -> what to raise, (n,)."""


@attack_method(
    "Auto-PGD",
    needs=("gradients",),
    paper="Croce & Hein 2020, Reliable evaluation of adversarial robustness with an ensemble of "
    "diverse parameter-free attacks, arXiv:2003.01690",
)
def apgd(
    goal: Goal,
    *,
    epsilon: NonNegative,
    norm: Norm = "inf",
    steps: int = 100,
    restarts: int = 4,
) -> tuple[Tensor, Tensor]:
    """Raise the cross-entropy, then towards one class after the other the margin.

    A first step is 2 ε long, and a quarter of the move before is added to each. At checkpoints an
    input's steps are halved, and it goes back to its best point, if fewer than three quarters of
    the last steps raised the loss, or neither step nor best loss changed since the checkpoint
    before. The first start raises the cross-entropy. Each other start raises the lead of the next
    class over the label: this succeeds for some inputs where the cross-entropy's slope vanishes or
    points elsewhere. The nearest class comes first, as if the network were linear: the label's lead
    divided by the dual norm of its gradient (Moosavi-Dezfooli et al. 2016, DeepFool,
    arXiv:1511.04599). Such a start ends for an input that is not halfway at the second checkpoint
    or later. Only inputs that still resist take part.

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
        Starts of an input that resists, each at a random point of the ball. With as many as there
        are classes, every class has been tried; of more than ten classes those with most output
        come into question. With a target all but the first raise its margin.

    Returns
    -------
    tuple of torch.Tensor
        (N, *shape) adversarial inputs in [0, 1], for an input that resists its best try, and the
        mask: everywhere.
    """
    generator = goal.generator()
    best = Best(goal)
    towards = goal.labels.unsqueeze(1)
    loss: Loss
    for attempt in range(restarts):
        # For all inputs, also those that are done: nobody's noise depends on the others.
        start = (goal.inputs + noise(goal.inputs, norm, generator) * epsilon).clamp(0, 1)
        loss, reached = goal.cross_entropy, -torch.inf
        if attempt > 0:
            if attempt == 1 and goal.targets is None:
                towards = _nearest(goal, best.resisting(), max(9, restarts - 1), norm)
            loss = _lead(goal, towards[:, (attempt - 1) % towards.shape[1]])
            reached = 0.0
        for rows in goal.parts(best.resisting()):
            _climb(goal, best, attempt, rows, start[rows], steps, epsilon, norm, loss, reached)
    return best.adversarial, torch.ones_like(best.adversarial, dtype=torch.bool)


def _nearest(goal: Goal, rows: Tensor, most: int, norm: Norm) -> Tensor:
    """Return classes (N, at most ``most``) but the label, for ``rows`` the nearest one first.

    A class is away by the label's lead over it, divided by the dual norm of that lead's gradient:
    exactly so in a linear network. Of all classes those with most output are asked.
    """
    ranking = goal.ranking()[:, :most]
    for some in goal.parts(rows):
        away = []
        for towards in ranking[some].T:
            ahead = _lead(goal, torch.zeros_like(goal.labels).index_copy(0, some, towards))
            _, height, slope = goal.raised(some, goal.inputs[some], ahead)
            steep = slope.flatten(1).norm(p=1 if norm == "inf" else 2, dim=1)
            away.append(-height / steep.clamp_min(torch.finfo(steep.dtype).tiny))
        order = torch.stack(away, dim=1).argsort(dim=1, stable=True)
        ranking[some] = ranking[some].gather(1, order)
    return ranking


def _lead(goal: Goal, towards: Tensor) -> Loss:
    def loss(rows: Tensor, scores: Tensor) -> Tensor:
        if goal.targets is not None:
            return goal.margin(rows, scores)
        pair = torch.stack([towards[rows], goal.labels[rows]], dim=1)
        ahead, own = scores.gather(1, pair).unbind(1)
        return ahead - own

    return loss


def _climb(
    goal: Goal,
    best: Best,
    attempt: int,
    rows: Tensor,
    now: Tensor,
    steps: int,
    epsilon: float,
    norm: Norm,
    loss: Loss,
    reached: float,
) -> None:
    """Take ``steps`` steps from the inputs ``now`` (n, *shape) in place of ``rows``.

    An input that reaches the goal takes no further steps. Nor does one that has not risen halfway
    to the loss ``reached``, with which it would, by the second checkpoint or later.
    """
    checkpoints = _checkpoints(steps)
    state = {
        "now": now,
        "before": now,
        "top": now,
        "length": now.new_full((len(rows),), 2 * epsilon),
        "raised": now.new_zeros(len(rows)),  # steps since the checkpoint that raised the loss
        "reduced": torch.ones(len(rows), dtype=torch.bool, device=now.device),
    }
    last = 0
    for step in range(steps):
        margin, height, slope = goal.raised(rows, state["now"], loss)
        best.keep(rows, state["now"], margin, attempt)
        if step == 0:
            state |= {"slope": slope, "height": height, "peak": height, "checked": height}
            state["first"] = height
        else:
            higher = height > state["peak"]
            state["raised"] += height > state["height"]
            state["top"] = torch.where(per_input(higher, slope), state["now"], state["top"])
            state["slope"] = torch.where(per_input(higher, slope), slope, state["slope"])
            state["peak"] = torch.maximum(height, state["peak"])
            state["height"] = height
        left = margin <= 0
        if step in checkpoints and last > 0:
            left &= reached - state["peak"] <= state["peak"] - state["first"]
        rows, slope = rows[left], slope[left]
        state = {name: each[left] for name, each in state.items()}
        if not len(rows):
            return
        if step in checkpoints:
            few = state["raised"] < 0.75 * (step - last)
            stuck = ~state["reduced"] & (state["peak"] <= state["checked"])
            halved = few | stuck
            state["length"] = torch.where(halved, state["length"] / 2, state["length"])
            back = per_input(halved, slope)
            state["now"] = torch.where(back, state["top"], state["now"])
            slope = torch.where(back, state["slope"], slope)
            state |= {"reduced": halved, "checked": state["peak"]}
            state["raised"] = torch.zeros_like(state["raised"])
            last = step
        x = goal.inputs[rows]

        def inside(point: Tensor, x: Tensor = x) -> Tensor:
            return projected(point - x, epsilon, norm).add(x).clamp(0, 1)

        here, before = state["now"], state["before"]
        there = inside(here + per_input(state["length"], slope) * direction(slope, norm))
        if step > 0:
            there = inside(here + 0.75 * (there - here) + 0.25 * (here - before))
        state |= {"before": here, "now": there}
    best.keep(rows, state["now"], goal.margins(rows, state["now"]), attempt)


def _checkpoints(steps: int) -> set[int]:
    """Return the steps at which an input's steps may get shorter: the paper's, p₁ = 0.22."""
    found, share, gap = set(), 0.0, 0.22
    while share + gap < 1:
        share += gap
        gap = max(gap - 0.03, 0.06)
        found.add(max(1, round(share * steps)))
    return found

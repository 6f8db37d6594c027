"""The search that Wachter's and the prototypes' counterfactuals share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from xaikit.core.autograd import followed, slope
from xaikit.core.passes import outputs, progress
from xaikit.counterfactuals.search import Search
from xaikit.counterfactuals.validity import Validity

Term = Callable[[Tensor, Tensor], Tensor]
"""Items (n,) and inputs x' (n, *shape) in their place -> a differentiable loss (n,)."""

_RATE = 0.02
"""Length of the first steps: by so much L1 pulls every feature back."""
_MOMENTUM = 0.9
_REACH = 0.05
"""The largest push of a feature in one step."""
_HEADWAY = 0.3
"""How much nearer, in log-odds, a step has to bring an item that was never valid yet."""
_DECAY = 0.97
"""From an item's first valid point on, every step is shorter than the one before."""
_SHORTEST = 0.1
"""Share of the first step's length at which an item is done."""
_PATIENCE = 25
"""Steps without a better point, by a hundredth, after which an item is done."""


@dataclass(frozen=True)
class Loss:
    """The cost l1 · ‖d‖₁ + l2 · ‖d‖₂² of a change d, and a smooth term or none."""

    l1: float
    l2: float
    term: Term | None = None

    def distance(self, change: Tensor) -> Tensor:
        """Return the elastic nets (n,) of changes (n, D)."""
        return self.l1 * change.abs().sum(1) + self.l2 * change.square().sum(1)

    def nearest(self, change: Tensor, rate: Tensor) -> Tensor:
        """Return the elastic net's proximal step: its soft-thresholding leaves exact zeros."""
        soft = change.sign() * (change.abs() - rate * self.l1).clamp_min(0)
        return soft / (1 + 2 * self.l2 * rate)


def descend(problem: Search, validity: Validity, loss: Loss, steps: int) -> tuple[Tensor, Tensor]:
    """Return the cheapest valid inputs (N, T, *shape), and where there is one (N, T).

    Proximal gradient steps with momentum: the loss pulls every item towards its input, the margin
    pushes it towards validity with a weight of its own. That weight, 1/λ, grows while the item
    is not valid and shrinks while it is, so that the item settles where it is just valid; the
    cheapest valid point on the way is kept. A step takes one forward and one backward pass, and
    an item stops by itself.
    """
    rows, targets = problem.items()
    made, found = [], []
    items = torch.arange(len(rows), device=rows.device)
    with progress(len(rows) * steps, "steps") as tell:
        for part in torch.split(items, problem.chunk):
            batch = _Batch(problem.inputs[rows[part]], part, targets[part], loss)
            before = int(part[0]) * steps
            for step in range(steps):
                left = len(batch.active) * (steps - step)  # finished items need no more
                tell(before + len(part) * steps - left)
                batch.step(problem, validity)
                if not len(batch.active):
                    break
            tell(before + len(part) * steps)
            made.append(batch.result())
            found.append(batch.cost < torch.inf)
    return problem.grid(torch.cat(made)), problem.grid(torch.cat(found))


class _Batch:
    """Items that search side by side; ``active`` are the numbers of those that still do."""

    def __init__(self, inputs: Tensor, items: Tensor, targets: Tensor, loss: Loss) -> None:
        self.shape, self.items, self.targets, self.loss = inputs.shape, items, targets, loss
        self.inputs = inputs.flatten(1)
        self.active = torch.arange(len(inputs), device=inputs.device)
        self.change, self.ahead = torch.zeros_like(self.inputs), torch.zeros_like(self.inputs)
        self.best = torch.zeros_like(self.inputs)
        self.cost = self.inputs.new_full((len(inputs),), torch.inf)
        self.weight = torch.ones_like(self.cost)
        self.rate = torch.full_like(self.cost, _RATE)
        self.margin = torch.full_like(self.cost, -torch.inf)
        self.idle = torch.zeros_like(self.active)

    def step(self, problem: Search, validity: Validity) -> None:
        """Note which points are better than before, and move all that are not done."""
        now = self.active
        ahead = self.ahead[now]
        margin, slopes, pull, cost = self._look(ahead, problem, validity)
        valid = margin >= 0.02 * validity.depth  # rounding shall not undo it
        much = valid & (cost < 0.99 * self.cost[now])
        kept = valid & (cost < self.cost[now])
        self.cost[now[kept]], self.best[now[kept]] = cost[kept], ahead[kept]
        started = self.cost[now] < torch.inf
        self.idle[now] = torch.where(much | ~started, 0, self.idle[now] + 1)

        short = ((validity.depth - margin) / validity.brake).clamp(0, 1)
        push = (short * self.weight[now]).unsqueeze(1) * slopes - pull
        rate = self.rate[now].unsqueeze(1)
        moved = self.loss.nearest(ahead + (rate * push).clamp(-_REACH, _REACH), rate)
        moved = self._boxed(now, moved)
        self.ahead[now] = self._boxed(now, moved + _MOMENTUM * (moved - self.change[now]))
        self.change[now] = moved
        # Until the first valid point, a weight that makes headway is left alone: more of it
        # would overshoot to where the model is flat.
        stuck = torch.where(margin - self.margin[now] < _HEADWAY, 1.2, 1.0)
        self.margin[now] = margin
        self.weight[now] *= torch.where(started, torch.where(valid, 0.9, 1.1), stuck).to(margin)
        self.rate[now] *= torch.where(started, _DECAY, 1.0).to(margin)
        done = (self.rate[now] < _SHORTEST * _RATE) | (self.idle[now] >= _PATIENCE)
        self.active = now[~done]

    def result(self) -> Tensor:
        """Return the best inputs (n, *shape), or the last ones where none was valid."""
        valid = (self.cost < torch.inf).unsqueeze(1)
        change = torch.where(valid, self.best, self.change)
        return (self.inputs + change).view(self.shape)

    def _look(
        self, change: Tensor, problem: Search, validity: Validity
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return margins (n,), their slopes, the smooth term's slopes (n, D), and costs (n,)."""
        now = self.active
        x = (self.inputs[now] + change).view(-1, *self.shape[1:]).requires_grad_()
        scores = followed(outputs(problem.model, x), "no search can follow its slopes")
        margin = validity.margins(scores, self.targets[now])
        slopes = slope(margin.sum(), x)
        cost, pull = self.loss.distance(change), torch.zeros_like(change)
        if self.loss.term is not None:
            term = self.loss.term(self.items[now], x)
            pull = slope(term.sum(), x).flatten(1)
            cost = cost + term.detach()
        return margin.detach(), slopes.flatten(1), pull, cost

    def _boxed(self, now: Tensor, change: Tensor) -> Tensor:
        """Return the nearest changes (n, D) that leave inputs in [0, 1]."""
        return torch.maximum(torch.minimum(change, 1 - self.inputs[now]), -self.inputs[now])

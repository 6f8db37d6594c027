"""The search that Wachter's and the prototypes' counterfactuals share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm.auto import tqdm

from xaikit.attribution.passes import outputs
from xaikit.counterfactuals.problem import Problem
from xaikit.counterfactuals.step import Elastic, advance
from xaikit.counterfactuals.validity import Validity

Term = Callable[[Tensor, Tensor], Tensor]
"""Items (n,) and inputs x' (n, *shape) in their place -> a differentiable loss (n,)."""

_CLIMB = 3.0
"""The margin, in log-odds, that one step may try to gain: linear models reach no further."""
_REACH = 0.3
"""The largest change of a feature in one step."""
_PATIENCE = 3
"""Steps without a better counterfactual after which an item goes back, to take shorter ones."""
_SHORTEST = 1 / 24
"""Share of the first rate at which an item is done."""


@dataclass(frozen=True)
class Loss:
    """What is to be minimised among the valid inputs: an elastic net, and a smooth term or none."""

    elastic: Elastic
    term: Term | None
    rate: float


def descend(
    problem: Problem, validity: Validity, loss: Loss, steps: int
) -> tuple[Tensor, Tensor]:
    """Return the best counterfactuals (N, T, *shape), and where a valid one was found (N, T).

    Each step costs an item one forward and one backward pass. An item stops by itself, once
    steps of a twentieth of the first ones find nothing better.
    """
    rows, targets = problem.items()
    made, found = [], []
    items = torch.arange(len(rows), device=rows.device)
    with tqdm(total=len(rows), desc="counterfactuals", delay=2, leave=False) as bar:
        for part in torch.split(items, problem.chunk):
            crowd = _Crowd(problem.inputs[rows[part]], part, targets[part], loss)
            for _ in range(steps):
                before = len(crowd.active)
                crowd.step(problem, validity)
                bar.update(before - len(crowd.active))
                if not len(crowd.active):
                    break
            bar.update(len(crowd.active))
            made.append(crowd.result())
            found.append(crowd.cost < torch.inf)
    return problem.grid(torch.cat(made)), problem.grid(torch.cat(found))


class _Crowd:
    """Items that search side by side; ``active`` are the numbers of those that still do."""

    def __init__(self, inputs: Tensor, items: Tensor, targets: Tensor, loss: Loss) -> None:
        self.shape, self.items, self.targets, self.loss = inputs.shape, items, targets, loss
        self.inputs = inputs.flatten(1)
        self.active = torch.arange(len(inputs), device=inputs.device)
        self.change = torch.zeros_like(self.inputs)
        # The best so far: cheapest of the valid ones, and what a linear model there needs.
        self.cost = self.inputs.new_full((len(inputs),), torch.inf)
        self.best = torch.zeros_like(self.inputs)
        self.slope, self.pull = torch.zeros_like(self.inputs), torch.zeros_like(self.inputs)
        self.margin = torch.zeros_like(self.cost)
        self.rate = torch.full_like(self.cost, loss.rate)
        self.reach = torch.full_like(self.cost, _REACH)
        self.last, self.hoped = torch.full_like(self.cost, -torch.inf), torch.zeros_like(self.cost)
        self.failures = torch.zeros_like(self.active)

    def step(self, problem: Problem, validity: Validity) -> None:
        """Look where everyone stands, note what is better, and move on those who are not done."""
        now, change = self.active, self.change[self.active]
        margin, slope, pull, cost = self._look(problem, validity)
        started = self.cost[now] < torch.inf
        better = (margin >= 0) & (cost < self.cost[now])
        much = better & (cost < 0.99 * self.cost[now])
        kept = now[better]
        self.cost[kept], self.best[kept], self.margin[kept] = (
            cost[better],
            change[better],
            margin[better],
        )
        self.slope[kept], self.pull[kept] = slope[better], pull[better]

        # On the way to the first valid point: where the linear model promised too much, go less far.
        poor = ~started & ~better & (margin - self.last[now] < 0.3 * self.hoped[now])
        self.reach[now] = torch.where(poor, 0.6 * self.reach[now], 1.1 * self.reach[now]).clamp(
            0.02, _REACH
        )
        # Afterwards: nothing better for some steps, so back to the best.
        self.failures[now] = torch.where(started & ~much, self.failures[now] + 1, 0)
        back = self.failures[now] >= _PATIENCE
        self.failures[now[back]] = 0
        self.rate[now[back]] *= 0.5
        column = back.unsqueeze(1)
        change = torch.where(column, self.best[now], change)
        slope = torch.where(column, self.slope[now], slope)
        pull = torch.where(column, self.pull[now], pull)
        margin = torch.where(back, self.margin[now], margin)

        left = self.rate[now] >= _SHORTEST * self.loss.rate
        self.active = now = now[left]
        gain = (validity.depth - margin[left]).clamp(max=_CLIMB)
        self.last[now], self.hoped[now] = margin[left], gain
        self._move(change[left], slope[left], pull[left], gain)

    def _look(
        self, problem: Problem, validity: Validity
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return margins (n,), their slopes, the smooth term's slopes (n, D), and costs (n,)."""
        now, change = self.active, self.change[self.active]
        x = (self.inputs[now] + change).view(-1, *self.shape[1:]).requires_grad_()
        margin = validity.margins(outputs(problem.model, x), self.targets[now])
        (slope,) = torch.autograd.grad(margin.sum(), x)
        cost, pull = self.loss.elastic.cost(change), torch.zeros_like(change)
        if self.loss.term is not None:
            term = self.loss.term(self.items[now], x)
            pull = torch.autograd.grad(term.sum(), x)[0].flatten(1)
            cost = cost + term.detach()
        return margin.detach(), slope.flatten(1), pull, cost

    def _move(self, change: Tensor, slope: Tensor, pull: Tensor, gain: Tensor) -> None:
        now = self.active
        rate, reach = self.rate[now].unsqueeze(1), self.reach[now].unsqueeze(1)
        box = (
            torch.maximum(-self.inputs[now], change - reach),
            torch.minimum(1 - self.inputs[now], change + reach),
        )
        searching = self.cost[now] == torch.inf
        elastic = self.loss.elastic
        self.change[now] = advance(
            change, slope, gain, -rate * pull, rate, elastic, box, searching
        )

    def result(self) -> Tensor:
        """Return the best inputs (n, *shape), or the last ones where none was valid."""
        valid = (self.cost < torch.inf).unsqueeze(1)
        change = torch.where(valid, self.best, self.change)
        return (self.inputs + change).clamp(0, 1).view(self.shape)

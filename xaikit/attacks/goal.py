"""The margin that an attack raises: it is positive when the attack succeeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from xaikit.core.autograd import followed, slope
from xaikit.core.passes import every_output, outputs
from xaikit.core.problem import Question


@dataclass(frozen=True)
class Goal(Question):
    """An attack's task; its inputs lie in [0, 1].

    Attributes
    ----------
    labels
        (N,) true classes.
    targets
        (N,) the classes wanted, or None: any but the label.
    """

    labels: Tensor
    targets: Tensor | None

    def parts(self, rows: Tensor) -> Iterator[Tensor]:
        """Cut indices of inputs into pieces of at most a chunk."""
        if len(rows):  # not every model takes an empty batch
            yield from torch.split(rows, self.chunk)

    def margins(self, rows: Tensor, x: Tensor) -> Tensor:
        """Return (n,) how far the inputs ``x`` (n, *shape) in place of ``rows`` (n,) lead.

        The wanted output less the largest of the others: positive once the goal is reached
        (Carlini and Wagner 2017, arXiv:1608.04644, f₆). Unlike the cross-entropy's, its gradient
        does not vanish where the network is sure.
        """
        with torch.no_grad():
            return self.margin(rows, outputs(self.model, x))

    def slopes(self, rows: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the margins (n,) and their gradients (n, *shape)."""
        x = x.detach().requires_grad_()
        margin = self.margin(rows, self._followed(x))
        return margin.detach(), slope(margin.sum(), x)

    def loss_slopes(self, rows: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the margins (n,) and the gradients (n, *shape) of the loss to raise.

        The cross-entropy of the label, or less the cross-entropy of the target.
        """
        margin, _, slopes = self.raised(rows, x, self.cross_entropy)
        return margin, slopes

    def cross_entropy(self, rows: Tensor, scores: Tensor) -> Tensor:
        """Return the loss to raise (n,) of scores (n, classes), see :meth:`loss_slopes`."""
        if self.targets is None:
            return functional.cross_entropy(scores, self.labels[rows], reduction="none")
        return -functional.cross_entropy(scores, self.targets[rows], reduction="none")

    def _followed(self, x: Tensor) -> Tensor:
        return followed(outputs(self.model, x), "no attack can follow its slopes")

    def raised(
        self, rows: Tensor, x: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the margins (n,), a loss of rows and scores (n,), its gradients (n, *shape)."""
        x = x.detach().requires_grad_()
        scores = self._followed(x)
        height = loss(rows, scores)
        return self.margin(rows, scores.detach()), height.detach(), slope(height.sum(), x)

    def ranking(self) -> Tensor:
        """Return the classes (N, classes − 1) but the label, the one with most output first."""
        scores = every_output(self.model, self.inputs, self.chunk)
        own = self.labels.unsqueeze(1)
        return scores.scatter(1, own, -torch.inf).argsort(dim=1, descending=True)[:, :-1]

    def margin(self, rows: Tensor, scores: Tensor) -> Tensor:
        """Return the margins (n,) of scores (n, classes), see :meth:`margins`."""
        wanted = (self.labels if self.targets is None else self.targets)[rows].unsqueeze(1)
        own = scores.gather(1, wanted).squeeze(1)
        others = scores.scatter(1, wanted, -torch.inf).amax(1)
        return others - own if self.targets is None else own - others

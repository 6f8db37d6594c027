"""What an attack is after: a margin that is positive once the prediction is where it should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit.core.passes import followed, outputs


@dataclass(frozen=True)
class Goal:
    """An attack's task: checked, and with the model borrowed (eval mode, parameters frozen).

    Attributes
    ----------
    model
        Maps (N, *shape) to (N, classes).
    inputs
        (N, *shape) in [0, 1], without gradient.
    labels
        (N,) true classes.
    targets
        (N,) the classes wanted, or None: any but the label.
    seed
        Of every random choice.
    chunk
        How many rows may pass the model at once.
    """

    model: nn.Module
    inputs: Tensor
    labels: Tensor
    targets: Tensor | None
    seed: int
    chunk: int

    def generator(self) -> torch.Generator:
        """Return a fresh generator on the CPU, so that every device sees the same numbers."""
        return torch.Generator().manual_seed(self.seed)

    def parts(self, rows: Tensor) -> Iterator[Tensor]:
        """Cut indices of inputs into pieces of at most a chunk."""
        yield from torch.split(rows, self.chunk)

    def margins(self, rows: Tensor, x: Tensor) -> Tensor:
        """Return (n,) how far the inputs ``x`` (n, *shape) in place of ``rows`` (n,) lead.

        The wanted output less the largest of the others: positive once the goal is reached
        (Carlini and Wagner 2017, arXiv:1608.04644, f₆). Unlike the cross-entropy's, its gradient
        does not vanish where the network is sure.
        """
        with torch.no_grad():
            return self._margin(rows, outputs(self.model, x))

    def slopes(self, rows: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the margins (n,) and their gradients (n, *shape)."""
        x = x.detach().requires_grad_()
        margin = self._margin(rows, self._followed(x))
        (slope,) = torch.autograd.grad(margin.sum(), x)
        return margin.detach(), slope

    def loss_slopes(self, rows: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the margins (n,) and the gradients (n, *shape) of the loss to be climbed.

        The cross-entropy of the label, or less the cross-entropy of the target.
        """
        x = x.detach().requires_grad_()
        scores = self._followed(x)
        if self.targets is None:
            loss = functional.cross_entropy(scores, self.labels[rows], reduction="sum")
        else:
            loss = -functional.cross_entropy(scores, self.targets[rows], reduction="sum")
        (slope,) = torch.autograd.grad(loss, x)
        return self._margin(rows, scores.detach()), slope

    def _followed(self, x: Tensor) -> Tensor:
        return followed(outputs(self.model, x), "no attack can follow its slopes")

    def _margin(self, rows: Tensor, scores: Tensor) -> Tensor:
        wanted = (self.labels if self.targets is None else self.targets)[rows].unsqueeze(1)
        own = scores.gather(1, wanted).squeeze(1)
        others = scores.scatter(1, wanted, -torch.inf).amax(1)
        return others - own if self.targets is None else own - others


def per_input(values: Tensor, like: Tensor) -> Tensor:
    """Return (n,) as (n, 1, …), to be multiplied with inputs."""
    return values.view(-1, *[1] * (like.ndim - 1))

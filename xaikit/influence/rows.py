"""Gradients of many examples' losses, one a row; those of a last layer as two thin factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_TILE = 2**20
"""Inner products that are computed at once, so that they stay in the processor's cache."""


@dataclass(frozen=True)
class Dense:
    """Gradients as they are, (n, P)."""

    values: Tensor

    def __len__(self) -> int:
        return len(self.values)

    @property
    def length(self) -> int:
        """How many numbers are held for one example."""
        return self.values.shape[1]

    def dense(self) -> Tensor:
        """Return the gradients (n, P)."""
        return self.values

    def cross(self, other: Rows) -> Tensor:
        """Return each inner product (m, n) with the rows of another."""
        return self.values @ other.dense().T

    def add_cross(self, other: Rows, rate: float, to: Tensor) -> None:
        """Add each inner product with the rows of another, times a rate, to numbers (m, n)."""
        to.addmm_(self.values, other.dense().T, alpha=rate)

    def each(self, other: Rows) -> Tensor:
        """Return the inner products (n,) row by row."""
        return (self.values * other.dense()).sum(1)

    def norms(self) -> Tensor:
        """Return the lengths (n,)."""
        found: Tensor = torch.linalg.vector_norm(self.values, dim=1)
        return found


@dataclass(frozen=True)
class Factors:
    """Gradients of a linear layer: residual times activation, never multiplied out for all.

    The gradient of an example's loss by the layer's weights (K, F) is the outer product of the
    residual, which is the loss's gradient by the layer's output, and the activation that enters
    the layer. So an inner product of two gradients is the product of two short ones.

    Attributes
    ----------
    activations
        (n, F), with a last column of ones where the layer has a bias.
    residuals
        (n, K).
    apart
        Whether the gradients by the biases stand behind those by the weights, as the parameters
        of a whole model do, or at the end of each output's weights.
    """

    activations: Tensor
    residuals: Tensor
    apart: bool = False

    def __len__(self) -> int:
        return len(self.residuals)

    @property
    def length(self) -> int:
        """How many numbers are held for one example."""
        return self.activations.shape[1] + self.residuals.shape[1]

    def dense(self) -> Tensor:
        """Return the gradients (n, K · F)."""
        if self.apart:
            weights = self.residuals.unsqueeze(2) * self.activations[:, None, :-1]
            return torch.cat([weights.flatten(1), self.residuals], 1)
        return (self.residuals.unsqueeze(2) * self.activations.unsqueeze(1)).flatten(1)

    def cross(self, other: Rows) -> Tensor:
        """Return each inner product (m, n) with the rows of another."""
        found = self.residuals.new_zeros(len(self), len(other))
        self.add_cross(other, 1.0, found)
        return found

    def add_cross(self, other: Rows, rate: float, to: Tensor) -> None:
        """Add each inner product with the rows of another, times a rate, to numbers (m, n)."""
        if not isinstance(other, Factors):
            return Dense(self.dense()).add_cross(other, rate, to)
        # As a batch of one: PyTorch shares such products out among threads with less waiting.
        ours, theirs = self.residuals * rate, (other.activations.T[None], other.residuals.T[None])
        most = max(1, _TILE // len(other))
        # Written to the same place each time: fresh memory would cost more than the products.
        room = ours.new_empty(2, min(most, len(self)), len(other))
        for start in range(0, len(self), most):
            rows = slice(start, start + most)
            one, two = room[:, None, : len(ours[rows])]
            torch.bmm(self.activations[None, rows], theirs[0], out=one)
            torch.bmm(ours[None, rows], theirs[1], out=two)
            to[rows].addcmul_(one[0], two[0])

    def each(self, other: Rows) -> Tensor:
        """Return the inner products (n,) row by row."""
        if not isinstance(other, Factors):
            return (self.dense() * other.dense()).sum(1)
        same = (self.activations * other.activations).sum(1)
        return same * (self.residuals * other.residuals).sum(1)

    def norms(self) -> Tensor:
        """Return the lengths (n,)."""
        lengths = torch.linalg.vector_norm(self.activations, dim=1)
        found: Tensor = lengths * torch.linalg.vector_norm(self.residuals, dim=1)
        return found


@dataclass(frozen=True)
class Parts:
    """Gradients by the parameters of several layers, one after the other."""

    layers: tuple[Rows, ...]

    def __len__(self) -> int:
        return len(self.layers[0])

    @property
    def length(self) -> int:
        """How many numbers are held for one example."""
        return sum(each.length for each in self.layers)

    def dense(self) -> Tensor:
        """Return the gradients (n, P)."""
        return torch.cat([each.dense() for each in self.layers], 1)

    def cross(self, other: Rows) -> Tensor:
        """Return each inner product (m, n) with the rows of another."""
        return sum((a.cross(b) for a, b in self._beside(other)), torch.zeros(()))

    def add_cross(self, other: Rows, rate: float, to: Tensor) -> None:
        """Add each inner product with the rows of another, times a rate, to numbers (m, n)."""
        for ours, theirs in self._beside(other):
            ours.add_cross(theirs, rate, to)

    def each(self, other: Rows) -> Tensor:
        """Return the inner products (n,) row by row."""
        return sum((a.each(b) for a, b in self._beside(other)), torch.zeros(()))

    def norms(self) -> Tensor:
        """Return the lengths (n,)."""
        return sum((each.norms().square() for each in self.layers), torch.zeros(())).sqrt()

    def _beside(self, other: Rows) -> list[tuple[Rows, Rows]]:
        """Return the layers of both, or both as they are where the other has none."""
        if isinstance(other, Parts):
            return list(zip(self.layers, other.layers, strict=True))
        return [(Dense(self.dense()), other)]


Rows = Dense | Factors | Parts


def joined(parts: Sequence[Rows]) -> Rows:
    """Return rows of one kind as one."""
    if isinstance(parts[0], Factors):
        held = [each for each in parts if isinstance(each, Factors)]
        return Factors(
            torch.cat([each.activations for each in held]),
            torch.cat([each.residuals for each in held]),
            parts[0].apart,
        )
    if isinstance(parts[0], Parts):
        layers = zip(*(each.layers for each in parts if isinstance(each, Parts)), strict=True)
        return Parts(tuple(map(joined, layers)))
    return Dense(torch.cat([each.dense() for each in parts]))

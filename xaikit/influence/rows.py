"""Gradients of many examples' losses, one a row; those of a last layer as two thin factors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_BLOCK = 4096
"""Parameters whose random signs are drawn at once."""
_KEPT = 2**26
"""Random signs that are kept rather than drawn again for every chunk."""


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
    """

    activations: Tensor
    residuals: Tensor

    def __len__(self) -> int:
        return len(self.residuals)

    @property
    def length(self) -> int:
        """How many numbers are held for one example."""
        return self.activations.shape[1] + self.residuals.shape[1]

    def dense(self) -> Tensor:
        """Return the gradients (n, K · F)."""
        return (self.residuals.unsqueeze(2) * self.activations.unsqueeze(1)).flatten(1)

    def cross(self, other: Rows) -> Tensor:
        """Return each inner product (m, n) with the rows of another."""
        if isinstance(other, Dense):
            return self.dense() @ other.values.T
        found = self.activations @ other.activations.T
        return found.mul_(self.residuals @ other.residuals.T)

    def each(self, other: Rows) -> Tensor:
        """Return the inner products (n,) row by row."""
        if isinstance(other, Dense):
            return (self.dense() * other.values).sum(1)
        same = (self.activations * other.activations).sum(1)
        return same * (self.residuals * other.residuals).sum(1)

    def norms(self) -> Tensor:
        """Return the lengths (n,)."""
        lengths = torch.linalg.vector_norm(self.activations, dim=1)
        found: Tensor = lengths * torch.linalg.vector_norm(self.residuals, dim=1)
        return found


Rows = Dense | Factors


def joined(parts: Sequence[Rows]) -> Rows:
    """Return rows of one kind as one."""
    if isinstance(parts[0], Factors):
        held = [each for each in parts if isinstance(each, Factors)]
        return Factors(
            torch.cat([each.activations for each in held]),
            torch.cat([each.residuals for each in held]),
        )
    return Dense(torch.cat([each.dense() for each in parts]))


class Projection:
    """Random signs that shorten gradients (n, P) to (n, d), and keep inner products on average.

    Johnson and Lindenstrauss (1984): a random projection to d dimensions keeps all lengths among n
    vectors up to a factor 1 ± ε, with high probability, if d is a few times log(n) / ε²: how many
    parameters there are does not matter. An inner product of two gradients g and h gets an error
    of standard deviation of about |g| |h| / √d: 4 % of the product of the lengths for d = 512.
    Signs do as well as normal numbers (Achlioptas 2003, Database-friendly random projections).
    """

    def __init__(self, dimension: int, seed: int) -> None:
        self.dimension, self.seed = dimension, seed
        self._signs: dict[int, Tensor] = {}

    def __call__(self, rows: Rows) -> Dense:
        """Return the projected gradients."""
        values = rows.dense()
        found = values.new_zeros(len(values), self.dimension)
        for start, signs in self._blocks(values):
            found.addmm_(values[:, start : start + len(signs)], signs)
        return Dense(found.div_(self.dimension**0.5))

    def _blocks(self, values: Tensor) -> Iterator[tuple[int, Tensor]]:
        size = values.shape[1]
        for start in range(0, size, _BLOCK):
            signs = self._signs.get(start)
            if signs is None or signs.dtype != values.dtype:
                generator = torch.Generator().manual_seed((self.seed + 7919 * start) % 2**32)
                shape = (min(_BLOCK, size - start), self.dimension)
                drawn = torch.randint(0, 2, shape, generator=generator, dtype=torch.int8)
                signs = drawn.to(values).mul_(2).sub_(1)
                if size * self.dimension <= _KEPT:
                    self._signs[start] = signs
            yield start, signs

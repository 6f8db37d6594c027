"""Fewer numbers for each gradient, by random projection."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from xaikit.influence.rows import Dense, Factors, Parts, Rows

_BLOCK = 4096
"""Parameters whose random signs are drawn at once."""
_KEPT = 2**26
"""Random signs that are kept rather than drawn again for every chunk."""


class Projection:
    """Random signs that shorten gradients (n, P) to (n, d), and keep inner products on average.

    Johnson and Lindenstrauss (1984): a random projection to d dimensions keeps all lengths among n
    vectors up to a factor 1 ± ε, with high probability, if d is a few times log(n) / ε²: how many
    parameters there are does not matter. An inner product of two gradients g and h gets an error
    of standard deviation of about |g| |h| / √d: 4 % of the product of the lengths for d = 512.
    Signs do as well as normal numbers (Achlioptas 2003, Database-friendly random projections).

    Calling it projects all of a gradient; :meth:`held` projects no more than has to be.
    """

    def __init__(self, dimension: int, seed: int) -> None:
        self.dimension, self.seed = dimension, seed
        self._signs: Tensor | None = None
        self._inner: dict[str, Projection] = {}

    def __call__(self, rows: Rows) -> Dense:
        """Return the projected gradients."""
        if self._signs is not None:
            found = self._signs.new_zeros(len(rows), self.dimension)
            start = 0
            for piece in rows.pieces():
                found.addmm_(piece, self._signs[start : start + piece.shape[1]])
                start += piece.shape[1]
            return Dense(found.div_(self.dimension**0.5))
        values = rows.dense()
        found = values.new_zeros(len(values), self.dimension)
        kept = []
        for start, signs in self._blocks(values):
            found.addmm_(values[:, start : start + len(signs)], signs)
            if values.shape[1] * self.dimension <= _KEPT:
                kept.append(signs)
        if kept:
            self._signs = torch.cat(kept)
        return Dense(found.div_(self.dimension**0.5))

    def held(self, rows: Rows) -> Rows:
        """Return at most ``dimension`` numbers for each example, of which inner products remain.

        A layer that is held as two factors of fewer numbers stays exact, the last layers first. If
        not all layers fit, these take half of the numbers, and the others are projected to what
        is left. If not even the last one fits, its activations alone are projected: products of
        residuals, which decide about the sign, stay exact.
        """
        if rows.length <= self.dimension:
            return rows
        if not isinstance(rows, Parts):
            return self._by_activations(rows, self.dimension) or self(rows)
        half = self.dimension // 2
        first, used = len(rows.layers), 0
        kept: list[Rows] = []
        while used + rows.layers[first - 1].length <= half:
            first -= 1
            kept.insert(0, rows.layers[first])
            used += rows.layers[first].length
        shorter = None if kept else self._by_activations(rows.layers[-1], half)
        if shorter is not None:
            first, used, kept = first - 1, shorter.length, [shorter]
        if first == 0:
            return Parts(tuple(kept))
        rest = self._of("rest", self.dimension - used)
        return Parts((rest(Parts(rows.layers[:first])), *kept))

    def _by_activations(self, rows: Rows, numbers: int) -> Factors | None:
        """Return a linear layer's gradients with projected activations, if these get most numbers.

        Else, and for other layers, None.
        """
        if not isinstance(rows, Factors) or 2 * rows.residuals.shape[1] > numbers:
            return None
        short = self._of("activations", numbers - rows.residuals.shape[1])
        return Factors(short(Dense(rows.activations)).values, rows.residuals)

    def _of(self, what: str, dimension: int) -> Projection:
        """Return a projection to fewer dimensions, the same one for all chunks."""
        return self._inner.setdefault(what, Projection(dimension, self.seed))

    def _blocks(self, values: Tensor) -> Iterator[tuple[int, Tensor]]:
        size = values.shape[1]
        for start in range(0, size, _BLOCK):
            generator = torch.Generator().manual_seed((self.seed + 7919 * start) % 2**32)
            shape = (min(_BLOCK, size - start), self.dimension)
            drawn = torch.randint(0, 2, shape, generator=generator, dtype=torch.int8)
            yield start, drawn.to(values).mul_(2).sub_(1)

"""Fewer numbers for each gradient, by random projection."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from xaikit.influence.rows import Dense, Factors, Parts, Rows

_BLOCK = 4096
"""Parameters whose random signs are drawn at once."""
_KEPT = 2**26
"""Random signs that are kept rather than drawn again for every chunk."""
_ROWS = 128
"""Examples whose products are added up at once."""
_RANK = 4
"""Products of two random vectors that are added up to one direction in a linear layer's weights."""


class Projection:
    """Random directions that shorten gradients (n, P) to (n, d), and keep products on average.

    Johnson and Lindenstrauss (1984): a random projection to d dimensions keeps all lengths among n
    vectors up to a factor 1 ± ε, with high probability, if d is a few times log(n) / ε²: how many
    parameters there are does not matter. An inner product of two gradients g and h gets an error
    of standard deviation of about |g| |h| / √d: 4 % of the product of the lengths for d = 512.
    Signs do as well as normal numbers (Achlioptas 2003, Database-friendly random projections).

    The gradient of a linear layer is a product of residual and activation, and so are its
    directions: each is a sum of four products of random signs for the outputs and for the inputs.
    They need thousands of signs where independent ones would be millions, and the gradient is
    never multiplied out. The price is a larger error: the square of a length has the variance
    (2 + 6 / 4) / d at most, instead of 2 / d, so its standard deviation is larger by up to a third
    (Rakhshan and Rabusseau 2020, Tensorized random projections, for normal numbers: directions of
    CP rank 4 for matrices).

    Calling it projects all of a gradient; :meth:`held` projects no more than has to be.
    """

    def __init__(self, dimension: int, seed: int) -> None:
        self.dimension, self.seed = dimension, seed
        self._kept: dict[tuple[int, ...], Tensor] = {}
        self._inner: dict[str, Projection] = {}

    def __call__(self, rows: Rows) -> Dense:
        """Return the projected gradients."""
        found: Tensor | None = None
        for place, each in enumerate(rows.layers if isinstance(rows, Parts) else (rows,)):
            if isinstance(each, Factors):
                part = self._of_products(each, place)
            else:
                part = self._of_numbers(each.dense(), place)
            found = part if found is None else found.add_(part)
        assert found is not None
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

    def _of_products(self, rows: Factors, place: int) -> Tensor:
        """Return a linear layer's part (n, d), from its factors."""
        columns = _RANK * self.dimension
        entered = self._signs(rows.activations, columns, place, 0)
        left = self._signs(rows.residuals, columns, place, 1)
        found = rows.residuals.new_empty(len(rows), self.dimension)
        # A few rows at a time: their products stay in the processor's cache.
        for start in range(0, len(rows), _ROWS):
            few = slice(start, start + _ROWS)
            products = (rows.activations[few] @ entered).mul_(rows.residuals[few] @ left)
            torch.sum(products.view(-1, _RANK, self.dimension), 1, out=found[few])
        return found.div_(_RANK**0.5)

    def _of_numbers(self, values: Tensor, place: int) -> Tensor:
        """Return the part (n, d) of gradients that are multiplied out."""
        found = values.new_zeros(len(values), self.dimension)
        for block, some in enumerate(torch.split(values, _BLOCK, 1)):
            found.addmm_(some, self._signs(some, self.dimension, place, block))
        return found

    def _signs(self, values: Tensor, columns: int, *place: int) -> Tensor:
        """Return random signs, one row for each column of the values: at a place the same ones."""
        if place in self._kept:
            return self._kept[place]
        state = np.random.SeedSequence((self.seed, *place)).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0]) % 2**63)
        shape = (values.shape[1], columns)
        drawn = torch.randint(0, 2, shape, generator=generator, dtype=torch.int8)
        signs = drawn.to(values).mul_(2).sub_(1)
        if signs.numel() + sum(each.numel() for each in self._kept.values()) <= _KEPT:
            self._kept[place] = signs
        return signs

"""What is likely about a set function before it is evaluated: few interactions of many segments.

With every segment's presence written as ±1, a set function is a sum over sets of segments of a
coefficient times the product of their signs. Only sets of odd size enter Shapley values, and the
difference between a coalition and its complement shows these alone (Fumagalli et al. 2026).

Here a coefficient's variance falls by a factor θ with every segment of its set: a Gaussian process
whose covariance between coalitions depends on the number of segments in which they differ. Sums
over all 2^K sets have closed forms then. With K segments θ is 2.5 / K, so that the orders'
variances are in the same proportion for any K; in networks on images they fall about so fast, and
from 0.5 / K to 4 / K the error hardly changes. Coefficients of single segments are left free: what
has no interactions is found exactly.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_JITTER = 1e-10
"""Of the covariance's diagonal: what the rounding of sums of products may take from it."""


class Interactions:
    """The Gaussian process for a number of segments.

    Attributes
    ----------
    single
        (size + 1,) the covariance that single segments add between coalitions that differ in
        0, 1, … segments.
    higher
        (size + 1,) the same for all sets of 3, 5, … segments.
    """

    def __init__(self, size: int) -> None:
        theta = min(0.5, 2.5 / size)
        more, less = math.log1p(theta), math.log1p(-theta)
        apart = torch.arange(size + 1, dtype=torch.float64)
        same = size - apart
        odd = torch.exp(same * more + apart * less) - torch.exp(same * less + apart * more)
        self.single = theta * (same - apart)
        self.higher = (odd / 2 - self.single).clone()
        # A segment's value has its share of every set's coefficient, 2 / |set|: the integral of
        # t^(|set| − 1). Over t, the sum over the sets is a product again.
        nodes, weights = np.polynomial.legendre.leggauss(32)
        t, weight = torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights)
        others = apart[:-1].unsqueeze(1)
        up, down = torch.log1p(theta * t), torch.log1p(-theta * t)
        rest = size - 1 - others
        even = torch.exp(others * up + rest * down) + torch.exp(others * down + rest * up)
        self._shares = theta * ((even / 2 - 1) * weight).sum(1)
        self._theta = theta

    def values(self, half: Tensor, odd: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fit the odd parts (m, R) of R functions at coalitions (m, size), ±1.

        Returns
        -------
        tuple of torch.Tensor
            The Shapley values (size, R), the single segments' coefficients (size, R) and the
            weights (m, R) of the covariances with these coalitions: see :meth:`at`.
        """
        covariance = self._between(half, half, self.higher)
        covariance.diagonal().add_(_JITTER * float(self.higher[0]))
        factor = torch.linalg.cholesky(covariance)
        signs = torch.linalg.solve_triangular(factor, half, upper=False)
        seen = torch.linalg.solve_triangular(factor, odd, upper=False)
        # Where coalitions are too few to tell segments apart: the smallest coefficients.
        single = torch.linalg.pinv(signs, rtol=1e-10) @ seen
        weights = torch.linalg.solve_triangular(factor.T, seen - signs @ single, upper=True)
        return 2 * single + self._shared(half).T @ weights, single, weights

    def at(self, half: Tensor, fitted: Tensor, single: Tensor, weights: Tensor) -> Tensor:
        """Return the odd parts (n, R) that a fit at ``fitted`` predicts for coalitions."""
        return half @ single + self._between(half, fitted, self.higher) @ weights

    def most_telling(self, half: Tensor, number: int, generator: torch.Generator) -> Tensor:
        """Return the indices of those coalitions (m, size) that tell most about the values.

        One after the other the one that leaves the values' variance smallest, given the full
        coalition and those before. Ties are broken by chance. (Of the order alone depends how
        fast the error falls: single precision will do, and NumPy takes less time for a step.)
        """
        z = 2 * half.double() - 1
        z = torch.cat([torch.ones_like(z[:1]), z])
        number = min(number, len(half))
        table = self.single + self.higher
        between = self._between(z, z, table).float().numpy()
        # What no coalition has told yet: every coalition's variance, its covariances with the
        # values, and the sum of their squares.
        covariances = (self._shared(z) + 2 * self._theta * z).T.contiguous().float().numpy()
        variance = between.diagonal().copy()
        tells = np.square(covariances).sum(0)
        told = np.empty((number, len(z)), dtype=np.float32)
        chance = 1 + 1e-4 * torch.rand(len(z), generator=generator).numpy()
        least = 1e-6 * variance[0]
        chosen = [0]
        for step in range(number):
            new = chosen[-1]
            scale = 1 / math.sqrt(max(variance[new], least))
            row = told[step] = (between[new] - told[:step, new] @ told[:step]) * scale
            known = covariances[:, new] * scale
            tells += row * (row * (known @ known) - 2 * (known @ covariances))
            covariances -= np.outer(known, row)
            variance -= row * row
            gain = tells / np.maximum(variance, least) * chance
            gain[chosen] = -1
            chosen.append(int(gain.argmax()))
        return torch.tensor(chosen[1:], dtype=torch.long) - 1

    def _between(self, some: Tensor, others: Tensor, table: Tensor) -> Tensor:
        apart = (some.shape[1] - some @ others.T) / 2
        return table.to(some.device)[apart.round().long()]

    def _shared(self, z: Tensor) -> Tensor:
        """Return the covariances (m, size) of the values with coalitions, for 3, 5, … segments."""
        present = (z > 0).long()
        return z * self._shares.to(z.device)[present.sum(1, keepdim=True) - present]

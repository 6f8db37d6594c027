"""How far is a share to be believed? Intervals, and corrections for many questions at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest


class Share(NamedTuple):
    """A share with Wilson's 95 % interval.

    Examples
    --------
    >>> from xaikit.concepts import Share
    >>> str(Share(0.5, low=0.25, high=0.75))
    '50.0% (25.0 to 75.0)'
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1%} ({100 * self.low:.1f} to {100 * self.high:.1f})"


def share(hits: int, of: int) -> Share:
    """Return hits of so many, with Wilson's 95 % interval."""
    found = binomtest(hits, of).proportion_ci(method="wilson")
    return Share(hits / of, float(found.low), float(found.high))


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values of any shape, corrected for their number.

    Notes
    -----
    Paper: Holm 1979, A simple sequentially rejective multiple test procedure, Scandinavian Journal
    of Statistics 6, pages 65-70.
    """
    flat = p_values.ravel()
    order = np.argsort(flat)
    corrected = np.maximum.accumulate(flat[order] * np.arange(len(flat), 0, -1))
    found = np.empty_like(flat)
    found[order] = np.minimum(corrected, 1)
    return found.reshape(p_values.shape)

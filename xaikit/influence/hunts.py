"""Does the order find what is wrong? Average precision, with an interval over the examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xaikit.core.arguments import checked_seed, count, finite

Rows = NDArray[np.float64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Hunt:
    """How well an order of the training examples finds the wanted ones.

    Attributes
    ----------
    score
        The average precision: 1 if all wanted ones come first. A random order has about the share
        of wanted examples.
    interval
        95 % of the draws lie between these two.
    draws
        (repeats,): the average precision of each draw. Two orders of the same examples with the
        same seed share their draws, so that the differences tell which order is better.
    """

    score: float
    interval: tuple[float, float]
    draws: Tensor

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.score:.3f} ({low:.3f} to {high:.3f})"


def average_precision(scores: Any, wanted: Any, *, seed: int = 0, repeats: int = 1000) -> Hunt:
    """Return the average precision of a hunt that looks at the highest scores first.

    The mean, over the wanted examples, of the share of wanted ones among all that come no later.

    Parameters
    ----------
    scores
        (N,): the example with the highest one is looked at first. Equal scores are looked at
        together.
    wanted
        (N,): True for what the hunt looks for, such as mislabelled or poisoned examples.
    seed
        Of the bootstrap.
    repeats
        How often the bootstrap draws as many wanted and as many other examples as there are.

    Returns
    -------
    Hunt
        The interval tells how much the score depends on these examples, for this one network: a
        network that is trained with another seed differs by more.

    Examples
    --------
    >>> average_precision([0.9, 0.2, 0.4], [True, False, True]).score
    1.0
    """
    values, found = _checked(scores, wanted)
    seed, repeats = checked_seed(seed), count(repeats, "repeats")
    rng = np.random.default_rng(seed)
    # Apart, so that the share of wanted examples, on which the score depends, stays.
    times = np.empty((repeats, len(found)))
    for kind in (np.flatnonzero(found), np.flatnonzero(~found)):
        times[:, kind] = rng.multinomial(len(kind), np.full(len(kind), 1 / len(kind)), repeats)
    draws = _precisions(values, found, times)
    low, high = np.quantile(draws, [0.025, 0.975])
    score = float(_precisions(values, found, np.ones((1, len(found))))[0])
    return Hunt(score, (float(low), float(high)), torch.from_numpy(draws))


def _precisions(scores: Rows, wanted: Marks, times: Rows) -> Rows:
    """Return the average precision (repeats,) where ``times`` (repeats, N) says how often each is.

    A thousand calls of scikit-learn's, which tests compare this with, take seven seconds.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # of equal scores
    seen = times[:, order].cumsum(1)[:, ends]
    hits = (times * wanted)[:, order].cumsum(1)[:, ends]
    new = np.diff(hits, axis=1, prepend=0)
    found: Rows = (new * hits / np.maximum(seen, 1)).sum(1) / wanted.sum()
    return found


def _checked(scores: Any, wanted: Any) -> tuple[Rows, Marks]:
    """Return both as arrays (N,), if they fit each other."""
    rows = []
    for values, name in ((scores, "scores"), (wanted, "wanted")):
        try:
            row = torch.as_tensor(values).detach().cpu()
        except (TypeError, ValueError, RuntimeError):
            row = torch.empty(0)
        if row.ndim != 1 or len(row) == 0 or row.is_complex():
            raise ValueError(
                f"{name} have to be (N,), a number for each training example, but they are "
                f"{tuple(row.shape) if row.numel() else 'empty or no numbers'}."
            )
        rows.append(row.double())
    if len(rows[0]) != len(rows[1]):
        raise ValueError(
            f"there are {len(rows[0])} scores but {len(rows[1])} entries of wanted: both need one "
            f"for each training example."
        )
    if not ((rows[1] == 0) | (rows[1] == 1)).all():
        raise ValueError("wanted has to be True or False for each training example.")
    found = rows[1].bool().numpy()
    if found.all() or not found.any():
        raise ValueError(
            f"{'all' if found.all() else 'none'} of the {len(found)} examples are wanted: there is "
            f"nothing to tell apart."
        )
    return finite(rows[0], "scores").numpy(), found

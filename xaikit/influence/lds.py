"""How good is it? What scores predict beside what networks say that saw half of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xaikit.core.arguments import checked_seed, count, finite

Rows = NDArray[np.float64]

FEWEST = 3
"""Of two subsets the rank correlation is 1 or -1, whatever the scores are."""

MANTISSA = 52
"""Bits in which float64 adds whole numbers without rounding."""


@dataclass(frozen=True)
class LDS:
    """A method's linear datamodelling score.

    Attributes
    ----------
    score
        The mean rank correlation over the test examples: 1 is perfect, 0 is chance.
    each
        (M,): each test example's own.
    interval
        95 % of the bootstrap over test examples lie between these two; nan for a single example.

    Examples
    --------
    >>> from xaikit.influence import lds
    >>> subsets = [[True, False], [False, True], [True, True]]
    >>> result = lds([[2.0, 1.0]], subsets, [[0.2], [0.1], [0.3]])  # one test example
    >>> result.score, result.each
    (1.0, tensor([1.], dtype=torch.float64))
    """

    score: float
    each: Tensor
    interval: tuple[float, float]

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.score:.3f} ({low:.3f} to {high:.3f})"


def lds(scores: Any, subsets: Any, outputs: Any, *, seed: int = 0, repeats: int = 1000) -> LDS:
    """Return the linear datamodelling score (Park et al. 2023, section 2).

    A method predicts what a network that was trained on a subset says of a test example: the sum
    of the scores of the training examples in that subset. The score is Spearman's correlation of
    these sums with what such networks did say, over the subsets, then the mean over test examples.
    The authors sample subsets of half of the training set, and take the margin of the right class
    as the output.

    Parameters
    ----------
    scores
        (M, N): the influence of N training examples on M test examples, positive where training
        on an example raises the output. ``influence(…).scores`` has this form.
    subsets
        (S, N): True where subset s holds training example n.
    outputs
        (S, M): what the network that was trained on subset s says of test example m, such as the
        margin of the right class. Equal outputs share their mean rank.
    seed
        Of the bootstrap.
    repeats
        How often the bootstrap draws M test examples.

    Returns
    -------
    LDS
        A test example whose scores predict the same for every subset counts 0: they rank nothing.
        The interval tells how much the score depends on the choice of test examples. It does not
        tell how much it depends on the subsets, or on the seeds of their networks.

    Examples
    --------
    >>> subsets = [[True, False], [False, True], [True, True]]
    >>> lds([[2.0, 1.0]], subsets, [[0.2], [0.1], [0.3]]).score
    1.0
    """
    scores, subsets, outputs = _checked(scores, subsets, outputs)
    seed, repeats = checked_seed(seed), count(repeats, "repeats")
    said = outputs.numpy()
    flat = np.ptp(said, axis=0) == 0
    if flat.any():
        raise ValueError(
            f"outputs are the same for all {len(said)} subsets in column {int(flat.argmax())}: "
            f"nothing can be ranked there, so leave out that test example."
        )
    each = _spearman(_sums(scores, subsets), said)
    return LDS(float(each.mean()), torch.from_numpy(each), _interval(each, seed, repeats))


def _sums(scores: Tensor, subsets: Tensor) -> Rows:
    """Return each subset's sums (S, M).

    The scores are put on a grid on which float64 adds without rounding: the same values have the
    same sum in whatever order, so that their ranks are shared.
    """
    bits = MANTISSA - math.ceil(math.log2(scores.shape[1] + 1))
    largest = scores.abs().amax(1, keepdim=True)
    unit = scores / torch.where(largest > 0, largest, 1.0)
    sums: Rows = (subsets.double() @ torch.round(unit * 2.0**bits).T).numpy()
    return sums


def _spearman(a: Rows, b: Rows) -> Rows:
    """Return the columns' rank correlations; 0 where a column of ``a`` is constant."""
    from scipy.stats import rankdata  # half a second, which `import xaikit` need not take

    a, b = (rankdata(x, axis=0) - (len(x) + 1) / 2 for x in (a, b))
    lengths = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    found: Rows = (a * b).sum(0) / np.where(lengths > 0, lengths, 1.0)
    return found


def _interval(each: Rows, seed: int, repeats: int) -> tuple[float, float]:
    """Return the percentile bootstrap's 95 % interval of the mean."""
    if len(each) < 2:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    means = [each[rng.integers(len(each), size=len(each))].mean() for _ in range(repeats)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _checked(scores: Any, subsets: Any, outputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return all three on the CPU, the numbers in double precision, if they fit each other."""
    scores = _matrix(scores, "scores", "(M, N): pass .scores of what influence returns")
    outputs = _matrix(outputs, "outputs", "(S, M)")
    subsets = _matrix(subsets, "subsets", "(S, N)")
    if not ((subsets == 0) | (subsets == 1)).all():
        raise ValueError(
            "subsets have to be True where a subset holds a training example, but other numbers "
            "stand there: of lists of places make subsets[s, places] = True."
        )
    (m, n), s = scores.shape, len(subsets)
    if subsets.shape[1] != n:
        raise ValueError(
            f"scores are of {n} training examples and subsets of {subsets.shape[1]}: both need "
            f"the same, scores as (M, N) and subsets as (S, N)."
        )
    if outputs.shape != (s, m):
        raise ValueError(
            f"outputs have to be ({s}, {m}), a row for each subset and a column for each test "
            f"example of the scores, but their shape is {tuple(outputs.shape)}."
        )
    if s < FEWEST:
        raise ValueError(
            f"{s} subsets are too few for a rank correlation: train networks on {FEWEST} or more."
        )
    return finite(scores, "scores"), subsets, finite(outputs, "outputs")


def _matrix(values: Any, name: str, form: str) -> Tensor:
    """Return a table of numbers with at least one row and one column."""
    if isinstance(values, np.ndarray):  # torch takes no reversed rows and no foreign byte order
        values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    if isinstance(values, Tensor) and values.layout is not torch.strided:
        raise TypeError(f"{name} have to be a dense tensor of shape {form}.")
    try:
        found = torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} have to be numbers of shape {form}.") from None
    if found.is_complex():
        raise TypeError(f"{name} have to be real numbers of shape {form}.")
    if found.ndim != 2 or found.numel() == 0:
        raise ValueError(
            f"{name} have to be {form}, with at least one row and column, but the shape is "
            f"{tuple(found.shape)}."
        )
    return found.double()

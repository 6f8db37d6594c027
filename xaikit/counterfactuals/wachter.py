"""Wachter's counterfactuals: as near as possible, with the probability wanted."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from xaikit.core.options import OrInfinity
from xaikit.counterfactuals.descent import Loss, descend
from xaikit.counterfactuals.registry import counterfactual_method
from xaikit.counterfactuals.search import Search
from xaikit.counterfactuals.validity import Validity

_LOSSES = {"l1": Loss(1.0, 0.0), "l2": Loss(0.0, 1.0)}


@counterfactual_method(
    "Wachter et al.",
    needs=("gradients",),
    paper="Wachter, Mittelstadt & Russell 2017, Counterfactual explanations without opening the "
    "black box: automated decisions and the GDPR, arXiv:1711.00399",
)
def wachter(
    problem: Search,
    *,
    probability: float = 1.0,
    tolerance: OrInfinity = 0.05,
    distance: Literal["l1", "l2"] = "l1",
    steps: int = 150,
) -> tuple[Tensor, Tensor]:
    """Minimise (p_t(x') − p')² + λ · distance(x', x), for the largest λ that lets x' be valid.

    (In the paper λ multiplies the first term; here, as in alibi, the second.) x' is valid if
    |p_t(x') − p'| is within the tolerance and the target t the most likely class.

    Which λ is right differs from item to item, so each has its own, and changes it in every step
    (:mod:`xaikit.counterfactuals.descent`): up while x' is valid, down while it is not. The steps
    raise p_t's log-odds rather than the square. Both have the same direction, and the factor
    between them, which vanishes where the model is sure, is λ's business. Soft-thresholding, the
    proximal step of L1, leaves most features exactly as they were.

    Parameters
    ----------
    problem
        What is asked.
    probability, tolerance
        p' and how far the probability may be from it. Of a model that ends in a sigmoid, it is the
        class's own, whatever the others'.
    distance
        ``"l1"``: the sum of absolute changes, which changes few features; ``"l2"``: the squared
        Euclidean distance.
    steps
        The largest number of steps, each a forward and a backward pass.

    Returns
    -------
    tuple of torch.Tensor
        (N, T, *shape) counterfactuals in [0, 1], and (N, T) whether valid.
    """
    return descend(
        problem, Validity(probability, tolerance, problem.exclusive), _LOSSES[distance], steps
    )

"""Rank agreement: how far two explanations order features alike."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.metrics.maps import masked, places
from xaikit.metrics.registry import metric


@metric(
    "Rank agreement",
    direction="neither is better",
    flaw="two methods that agree may both be wrong; pixels without meaning, such as an image's "
    "constant background, count as much as the others unless a mask leaves them out",
    paper="Spearman's rank correlation, as in Adebayo et al. 2018, Sanity checks for saliency "
    "maps, arXiv:1810.03292",
)
def rank_agreement(
    one: Explanation, other: Explanation, *, absolute: bool = False, mask: Tensor | None = None
) -> Tensor:
    """Return how far two explanations order features alike: Spearman's rank correlation (N, T).

    From −1 to 1; equal attributions share their mean rank; nan where a map is constant.

    Parameters
    ----------
    one, other
        Explanations of the same inputs and targets; of images, pixels are ranked by their sums
        over channels.
    absolute
        Whether to rank magnitudes, as sanity checks often do.
    mask
        Boolean, the features to compare, such as ``images[:, 0] > 0``, all but a black background:
        (N, H, W) for images, else (N, *shape); or one for each target; default all.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import intensity_ranking, rank_agreement
    >>> one = intensity_ranking(torch.tensor([[1.0, 2.0, 3.0]]), targets=0)
    >>> other = intensity_ranking(torch.tensor([[9.0, 8.0, 7.0]]), targets=0)
    >>> rank_agreement(one, other).round(decimals=4)
    tensor([[-1.]], dtype=torch.float64)
    """
    if one.attributions.shape != other.attributions.shape:
        raise ValueError(
            f"the explanations have different shapes: {tuple(one.attributions.shape)} and "
            f"{tuple(other.attributions.shape)}."
        )
    if (one.targets != other.targets).any():
        raise ValueError("the explanations explain different targets.")
    first, second = (
        each.abs() if absolute else each
        for each in (places(one.attributions), places(other.attributions))
    )
    if mask is None:
        return _spearman(first, second)
    inside = masked(one.attributions, mask)[1].flatten(0, 1)
    rows = zip(first.flatten(0, 1), second.flatten(0, 1), inside, strict=True)
    return torch.stack([_spearman(a[i], b[i]) for a, b, i in rows]).view(first.shape[:2])


def _spearman(one: Tensor, other: Tensor) -> Tensor:
    """Return the rank correlation along the last dimension, float64."""
    ranks = [_mean_ranks(values) for values in (one, other)]
    first, second = (rank - rank.mean(-1, keepdim=True) for rank in ranks)
    product = (first * second).sum(-1)
    return product / (first.square().sum(-1) * second.square().sum(-1)).sqrt()


def _mean_ranks(values: Tensor) -> Tensor:
    """Return ranks along the last dimension, float64; equal values share their mean rank."""
    ordered = values.contiguous().sort(dim=-1).values
    below = torch.searchsorted(ordered, values.contiguous())
    upto = torch.searchsorted(ordered, values.contiguous(), right=True)
    return (below + upto - 1).double() / 2

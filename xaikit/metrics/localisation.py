"""Does the map point to where the answer lies? Against a mask that is known to hold it."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.metrics.maps import expected_hits, masked
from xaikit.metrics.registry import metric


@metric(
    "Localisation",
    needs=("ground truth",),
    direction="higher is better",
    flaw="a network that looks at the background is explained rightly by a map that scores badly; "
    "a large mask makes every map look good: compare with the mask's share of the image; where "
    "the background is exactly zero, every map multiplied by the input scores 1 by construction",
    paper="relevance mass accuracy, Arras et al. 2022, arXiv:2003.07258; on mosaics it is Focus, "
    "Arias-Duart et al. 2022, arXiv:2109.15035",
)
def localisation(explanation: Explanation, mask: Tensor) -> Tensor:
    """Return the share of positive attribution that lies inside a mask, (N, T), from 0 to 1.

    It is nan for a map without positive values.

    Parameters
    ----------
    explanation
        Attributions (N, T, *shape); a pixel's is the sum over its channels.
    mask
        Boolean, true inside: (N, H, W) for images, else (N, *shape); or one for each target,
        (N, T, H, W), else (N, T, *shape).

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import intensity_ranking, localisation
    >>> explanation = intensity_ranking(torch.tensor([[1.0, 3.0, -2.0]]), targets=0)
    >>> localisation(explanation, torch.tensor([[False, True, False]]))
    tensor([[0.7500]])
    """
    values, inside = masked(explanation.attributions, mask)
    positive = values.clamp(min=0)
    return (positive * inside).sum(2) / positive.sum(2)


@metric(
    "Pointing game",
    needs=("ground truth",),
    direction="higher is better",
    flaw="one pixel decides, all others may be anywhere; and that of localisation",
    paper="pointing game, Zhang et al. 2018, Top-down neural attention by excitation backprop, "
    "arXiv:1608.00507",
)
def pointing_game(explanation: Explanation, mask: Tensor) -> Tensor:
    """Return whether the largest attribution lies inside a mask, (N, T): 1 or 0.

    If several features share the maximum, it is the share of them inside, so that a constant map
    scores as chance does. There is no tolerance around the mask (the paper's is 15 pixels).

    Parameters
    ----------
    explanation, mask
        As for :func:`localisation`.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import intensity_ranking, pointing_game
    >>> explanation = intensity_ranking(torch.tensor([[1.0, 3.0, 2.0]]), targets=0)
    >>> pointing_game(explanation, torch.tensor([[False, True, False]]))
    tensor([[1.]])
    """
    values, inside = masked(explanation.attributions, mask)
    one = torch.ones(values.shape[:2], dtype=torch.int64, device=values.device)
    return expected_hits(values, inside, one).to(values.dtype)


@metric(
    "Relevance rank accuracy",
    needs=("ground truth",),
    direction="higher is better",
    flaw="that of localisation; only the order of the largest attributions counts, not their size",
    paper="relevance rank accuracy, Arras et al. 2022, arXiv:2003.07258",
)
def rank_accuracy(explanation: Explanation, mask: Tensor) -> Tensor:
    """Return how many of the k largest attributions lie inside a mask of k features, (N, T).

    From 0 to 1, as a share of k; nan for an empty mask. Of equal attributions on the border the
    expected number counts, as if they were drawn by lot.

    Parameters
    ----------
    explanation, mask
        As for :func:`localisation`.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import intensity_ranking, rank_accuracy
    >>> explanation = intensity_ranking(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), targets=0)
    >>> rank_accuracy(explanation, torch.tensor([[True, True, False, False]]))  # one of two
    tensor([[0.5000]])
    """
    values, inside = masked(explanation.attributions, mask)
    size = inside.sum(dim=2)
    return (expected_hits(values, inside, size) / size).to(values.dtype)

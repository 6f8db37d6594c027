"""Rankings that depend on no network: what an explanation has to beat."""

from __future__ import annotations

import sys
import time
from typing import Any

import torch
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.core.arguments import checked_batch, checked_targets
from xaikit.core.devices import own_devices
from xaikit.core.options import plain_numbers


@own_devices
@plain_numbers
def random_ranking(inputs: Tensor, targets: Any, seed: int = 0) -> Explanation:
    """Return an explanation that ranks features at random: the baseline of every curve.

    Parameters
    ----------
    inputs
        (N, *shape); all channels of an image's pixel share a rank.
    targets
        As :func:`xaikit.explain` takes them: an int, (N,) or (N, T).
    seed
        Of the ranks.

    Returns
    -------
    Explanation
        Attributions (N, T, *shape) above 0, at most 1: each input and target has a permutation of
        its own of k / features, k = 1 … features.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import random_ranking
    >>> random_ranking(torch.zeros(1, 4), targets=3).attributions.sort().values
    tensor([[[0.2500, 0.5000, 0.7500, 1.0000]]])
    """
    start = time.perf_counter()
    wanted = _targets(targets, inputs)
    shape = (1, *inputs.shape[2:]) if inputs.ndim == 4 else tuple(inputs.shape[1:])
    features = torch.Size(shape).numel()
    generator = torch.Generator().manual_seed(seed)
    draws = [torch.randperm(features, generator=generator) for _ in range(wanted.numel())]
    ranks = (torch.stack(draws).to(inputs) + 1) / features
    attributions = ranks.view(*wanted.shape, *shape).expand(*wanted.shape, *inputs.shape[1:])
    return Explanation(
        attributions.contiguous(), wanted, None, "random", time.perf_counter() - start
    )


@own_devices
def intensity_ranking(inputs: Tensor, targets: Any) -> Explanation:
    """Return an explanation that is the input itself: brighter pixels rank higher.

    It knows nothing of network or target, yet removes the object first wherever objects are bright
    on a dark ground.

    Parameters
    ----------
    inputs, targets
        As for :func:`random_ranking`.

    Returns
    -------
    Explanation
        Attributions (N, T, *shape), the inputs for every target.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import intensity_ranking
    >>> intensity_ranking(torch.tensor([[0.25, 0.75]]), targets=3).attributions
    tensor([[[0.2500, 0.7500]]])
    """
    start = time.perf_counter()
    wanted = _targets(targets, inputs)
    shape = (*wanted.shape, *inputs.shape[1:])
    attributions = inputs.detach().unsqueeze(1).expand(shape).clone()
    return Explanation(attributions, wanted, None, "intensity", time.perf_counter() - start)


def _targets(targets: Any, inputs: Tensor) -> Tensor:
    """Return targets (N, T); whether the network has them is asked where there is one."""
    return checked_targets(targets, checked_batch(inputs), sys.maxsize)

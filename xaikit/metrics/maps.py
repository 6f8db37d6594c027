"""What the metrics share: how a map lies over its input, and a mask over a map."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.core.arguments import finite
from xaikit.core.precision import widened


def expect_matching(inputs: Tensor, explanation: Explanation) -> None:
    """Fail unless the explanation's shape is that of these inputs."""
    found = explanation.attributions.shape
    if (found[0], *found[2:]) != tuple(inputs.shape):
        raise ValueError(
            f"the explanation's attributions {tuple(found)} are not (N, T, …) of inputs of shape "
            f"{tuple(inputs.shape)}: give the inputs that were explained."
        )
    finite(explanation.attributions, "the explanation's attributions")


def map_shape(inputs: Tensor) -> tuple[int, ...]:
    """Return the shape that a map of one input broadcasts from: channels of images go together."""
    return (1, *inputs.shape[2:]) if inputs.ndim == 4 else tuple(inputs.shape[1:])


def maps(attributions: Tensor) -> Tensor:
    """Return attributions (N, T, *shape), those of images summed over channels (N, T, H, W)."""
    attributions = widened(finite(attributions, "attributions"))
    return attributions.sum(dim=2) if attributions.ndim == 5 else attributions


def places(attributions: Tensor) -> Tensor:
    """Return (N, T, features), summed over the channels of images."""
    return maps(attributions).flatten(2)


def masked(attributions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return places (N, T, features) and the mask over them, boolean of the same shape."""
    values = maps(attributions)
    n, t, *shape = values.shape
    if mask.dtype != torch.bool or mask.shape not in ((n, *shape), (n, t, *shape)):
        raise ValueError(
            f"mask has to be boolean of shape {(n, *shape)} or, one for each target, "
            f"{(n, t, *shape)}; it is {mask.dtype} of shape {tuple(mask.shape)}."
        )
    mask = mask.to(values.device)
    mask = mask if mask.ndim == values.ndim else mask.unsqueeze(1)
    return values.flatten(2), mask.expand(values.shape).flatten(2)


def expected_hits(values: Tensor, mask: Tensor, count: Tensor) -> Tensor:
    """Return how many of the ``count`` largest values lie inside the mask, (…).

    Equal values on the border are drawn by lot, and this is the mean over all draws: a constant
    map hits as often as chance does, in every order of its features.

    Parameters
    ----------
    values, mask
        (…, features).
    count
        (…), from 0 to the number of features.
    """
    ordered = values.sort(dim=-1, descending=True).values
    border = ordered.gather(-1, (count - 1).clamp(min=0).unsqueeze(-1))
    above, level = values > border, values == border
    open_places = count - above.sum(-1)
    share = (level & mask).sum(-1).double() / level.sum(-1)
    return (above & mask).sum(-1) + open_places * share

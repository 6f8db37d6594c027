"""What a removed feature shows: every choice is an assumption about "absent"."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.core.arguments import finite
from xaikit.core.references import NAMED, Reference, blurred, reference

Fill = Reference

COMPUTED = ("mean", "blurred", "noise")
"""Fill-ins that every input has of its own."""


def filled(fill: Fill, inputs: Tensor, seed: int) -> Tensor:
    """Return what each input (N, *shape) shows when all its features are removed.

    :func:`xaikit.metrics.deletion` documents the choices.
    """
    if isinstance(fill, Tensor) and fill.shape == inputs.shape:
        finite(fill, "fill")
        return fill.detach().to(inputs)
    if not isinstance(fill, str):
        return reference(fill, inputs, "fill").expand(inputs.shape)
    if fill == "mean":
        space = tuple(range(2 if inputs.ndim == 4 else 1, inputs.ndim))
        return inputs.mean(space, keepdim=True).expand(inputs.shape)
    if fill == "blurred":
        return blurred(inputs, "fill")
    if fill == "noise":
        # One draw for all inputs: an input's score does not depend on the rest of its batch.
        draw = torch.rand(
            inputs.shape[1:], generator=torch.Generator().manual_seed(seed), dtype=inputs.dtype
        ).to(inputs.device)
        flat = inputs.flatten(1)
        least, most = (each.view(-1, *[1] * draw.ndim) for each in (flat.amin(1), flat.amax(1)))
        return least + (most - least) * draw
    if fill not in NAMED:
        raise ValueError(
            f"unknown fill {fill!r}: choose one of {', '.join((*NAMED, *COMPUTED))}, a number or "
            f"a tensor."
        )
    return reference(fill, inputs, "fill").expand(inputs.shape)

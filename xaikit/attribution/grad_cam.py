"""Grad-CAM: a convolution's feature maps, weighted by their mean gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit.attribution.last_maps import Place, last_maps, replacing
from xaikit.attribution.registry import Attribution, method
from xaikit.core.autograd import followed
from xaikit.core.layers import leads, own_layer
from xaikit.core.passes import backwards, chunks, numeric, outputs
from xaikit.core.problem import Problem

UPSAMPLING = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""How maps are enlarged, by their number of spatial dimensions."""


@method(
    "Grad-CAM",
    needs=("gradients", "layers"),
    based_on="gradient",
    passes="1 forward, T backward as far as the layer",
    paper="Selvaraju et al. 2017, Grad-CAM, arXiv:1610.02391",
)
def grad_cam(
    problem: Problem,
    *,
    layer: nn.Module | None = None,
    reshape_transform: Callable[[Tensor], Tensor] | None = None,
) -> Attribution:
    """Return where a layer's feature maps speak for the target, at the input's size.

    The maps are weighted by their spatially averaged gradients, summed, cut at zero (the paper
    keeps only evidence *for* the target) and upsampled linearly; every channel of the input
    gets the same values.

    Parameters
    ----------
    problem
        What is explained; inputs (N, C, *space).
    layer
        A module of the model that returns (N, K, *space), or several things of which this is
        the first. Default: the last convolution that reaches the outputs; in a residual network,
        or where other branches are joined, what they are joined to.
    reshape_transform
        What makes feature maps (N, K, *space) of what the layer returns; for a transformer's tokens
        (N, 1 + height · width, K), after a class token:
        ``lambda x: x[:, 1:].transpose(1, 2).unflatten(2, (height, width))``. It needs a layer, for
        example the last block's first normalisation: behind it only the class token goes on.
    """
    if reshape_transform is not None and layer is None:
        raise ValueError(
            "grad_cam's reshape_transform belongs to a layer: name the one whose tokens it turns "
            "into maps with layer=, in a transformer for example the last block's first LayerNorm."
        )
    place = place_of_maps(problem, layer)
    space = problem.inputs.shape[2:]
    captured: list[Tensor] = []

    def cut(activation: Tensor) -> Tensor:
        # The graph starts here: the backward passes need to go no further. What is kept and what
        # goes on are copies, because the model may overwrite either.
        captured.append(activation.detach().clone().requires_grad_())
        return captured[-1].clone()

    maps = []
    for rows in chunks(problem, len(problem.inputs)):
        captured.clear()
        part = problem.inputs[rows]
        with replacing(place, cut):  # which counts what is called in it
            scores = outputs(problem.model, part)
        numeric(scores)
        maps.append(_weighted(captured, scores, problem.targets[rows], space, reshape_transform))
    attributions = torch.cat(maps).unsqueeze(2)
    return Attribution(attributions.expand(-1, -1, *problem.inputs.shape[1:]).contiguous())


def place_of_maps(problem: Problem, layer: nn.Module | None) -> Place:
    """Return where the feature maps are that are weighted: as asked for, or by default."""
    if layer is not None:
        return own_layer(problem.model, layer)
    found = last_maps(problem.model, problem.inputs)
    if found is None:
        raise ValueError(
            "grad_cam needs feature maps, and the model has no convolution that reaches its "
            "outputs once a pass: name a module that returns (N, K, …) with layer=, or use another "
            "method."
        )
    return found


def _weighted(
    captured: list[Tensor],
    scores: Tensor,
    targets: Tensor,
    space: torch.Size,
    reshape: Callable[[Tensor], Tensor] | None,
) -> Tensor:
    """Return the rectified, weighted sum of the feature maps (n, T, *space)."""
    if not captured:
        raise ValueError(
            "grad_cam's layer ran 0 times in one pass: choose one that leads to the outputs."
        )
    if len(captured) != 1:
        raise ValueError(
            f"grad_cam's layer ran {len(captured)} times in one pass: choose one that runs once."
        )
    activation = captured[0]
    rows = len(scores)
    as_maps = _as_maps(activation.detach(), reshape)
    if len(as_maps) != rows or as_maps.ndim != len(space) + 2 or as_maps.ndim - 2 not in UPSAMPLING:
        cure = "; reshape_transform= makes maps of tokens" if reshape is None else " once reshaped"
        raise ValueError(
            f"grad_cam needs inputs (N, C, …) and a layer that returns a row an input with as many "
            f"spatial dimensions, but for {rows} inputs that have {len(space)} the layer returns "
            f"shape {tuple(as_maps.shape)}{cure}."
        )
    followed(
        scores,
        "grad_cam has no slopes to weight the layer's maps by; or the layer does not lead to the "
        "outputs, as an auxiliary head's: then choose another with layer=",
    )
    if not leads(scores, activation):  # an LSTM's outputs where its last state goes on
        raise ValueError(
            "what grad_cam's layer returns does not reach the outputs: choose another."
        )
    slopes = backwards(scores, targets, activation)
    columns = [_as_maps(slopes[:, t], reshape) for t in range(targets.shape[1])]
    weights = torch.stack(columns, 1).flatten(3).mean(3)
    maps = torch.einsum("ntk,nk...->nt...", weights, as_maps).relu().to(scores.dtype)
    return functional.interpolate(
        maps, size=tuple(space), mode=UPSAMPLING[len(space)], align_corners=False
    )


def _as_maps(values: Tensor, reshape: Callable[[Tensor], Tensor] | None) -> Tensor:
    """Return what a layer returns, or its slopes, as feature maps."""
    if reshape is None:
        return values
    try:
        found = reshape(values)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"grad_cam's reshape_transform fails on what the layer returns, of shape "
            f"{tuple(values.shape)}: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(found, Tensor):
        raise ValueError(
            f"grad_cam's reshape_transform has to return a tensor, not {type(found).__name__}."
        )
    return found

"""Grad-CAM: a convolution's feature maps, weighted by their mean gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit.attribution.registry import Attribution, method
from xaikit.core.layers import last_of, own_layer
from xaikit.core.passes import backwards, chunks, followed, outputs
from xaikit.core.problem import Problem

_UPSAMPLING = {1: "linear", 2: "bilinear", 3: "trilinear"}


@method(
    "Grad-CAM",
    needs=("gradients", "layers"),
    based_on="gradient",
    passes="1 forward, T backward as far as the layer",
    paper="Selvaraju et al. 2017, Grad-CAM, arXiv:1610.02391",
)
def grad_cam(problem: Problem, *, layer: nn.Module | None = None) -> Attribution:
    """Return where a layer's feature maps speak for the target, at the input's size.

    The maps are weighted by their spatially averaged gradients, summed, cut at zero (the paper
    keeps only evidence *for* the target) and upsampled linearly; every channel of the input
    gets the same values.

    Parameters
    ----------
    problem
        What is explained; inputs (N, C, *space).
    layer
        A module of the model that returns (N, K, *space); default: the last convolution, in
        the order of ``model.modules()``.
    """
    chosen = _layer(problem.model, layer)
    space = problem.inputs.shape[2:]
    captured: list[Tensor] = []

    def cut(_: nn.Module, __: object, activation: Tensor) -> Tensor:
        # The graph starts here: the backward passes need to go no further. What goes on is a
        # copy, because an in-place activation may follow.
        captured.append(activation.detach().requires_grad_())
        return captured[-1].clone()

    maps = []
    hook = chosen.register_forward_hook(cut)
    try:
        for rows in chunks(problem, len(problem.inputs)):
            captured.clear()
            scores = outputs(problem.model, problem.inputs[rows])
            maps.append(_weighted(captured, scores, problem.targets[rows], space))
    finally:
        hook.remove()
    attributions = torch.cat(maps).unsqueeze(2)
    return Attribution(attributions.expand(-1, -1, *problem.inputs.shape[1:]).contiguous())


def _layer(model: nn.Module, layer: nn.Module | None) -> nn.Module:
    if layer is None:
        convolution = last_of(model, nn.Conv1d, nn.Conv2d, nn.Conv3d)
        if convolution is None:
            raise ValueError(
                "grad_cam needs feature maps, and the model has no convolution: name a module "
                "that returns (N, K, …) with layer=, or use another method."
            )
        return convolution
    return own_layer(model, layer)


def _weighted(captured: list[Tensor], scores: Tensor, targets: Tensor, space: torch.Size) -> Tensor:
    """Return the rectified, weighted sum of the feature maps (n, T, *space)."""
    if len(captured) != 1:
        raise ValueError(
            f"grad_cam's layer ran {len(captured)} times in one pass: choose one that runs once."
        )
    activation = captured[0]
    if activation.ndim != len(space) + 2 or activation.ndim - 2 not in _UPSAMPLING:
        raise ValueError(
            f"grad_cam needs inputs (N, C, …) and a layer with as many spatial dimensions, but "
            f"the inputs have {len(space)} and the layer returns shape {tuple(activation.shape)}."
        )
    followed(scores, "grad_cam has no slopes to weight the layer's maps by")
    slopes = backwards(scores, targets, activation)
    weights = slopes.flatten(3).mean(3)
    maps = torch.einsum("ntk,nk...->nt...", weights, activation.detach()).relu().to(scores.dtype)
    return functional.interpolate(
        maps, size=tuple(space), mode=_UPSAMPLING[len(space)], align_corners=False
    )

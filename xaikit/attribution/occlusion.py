"""Occlusion: what the output loses when a window is hidden."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from xaikit.attribution.registry import Attribution, method
from xaikit.core.passes import outputs_at, pairs, target_outputs
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, baselines


@method(
    "Occlusion",
    needs=("outputs",),
    based_on="perturbation",
    passes="1 + windows forward",
    paper="Zeiler & Fergus 2014, Visualizing and understanding convolutional networks, "
    "arXiv:1311.2901",
)
def occlusion(
    problem: Problem,
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: Baseline = None,
) -> Attribution:
    """Return the mean loss of output over the windows that hide a feature.

    Parameters
    ----------
    problem
        What is explained. In images (N, C, H, W) a window hides all channels; in other inputs
        windows run along the last dimension.
    window
        Its side in features; default: a seventh of an image's shorter side, else 1.
    stride
        From one window to the next; default: half the window, at least 1. The last window may
        reach over the edge.
    baseline
        What a hidden feature shows, see :data:`xaikit.core.references.Baseline`; default
        zeros. Of several, the mean loss.
    """
    inputs, targets = problem.inputs, problem.targets
    side, step, space = window_and_stride(inputs, window, stride)
    hidden = baselines(problem, baseline)
    masks = torch.stack(list(_windows(space, side, step))).to(inputs.device)
    full = target_outputs(problem)
    lost = inputs.new_zeros((*targets.shape, *space))
    number = hidden.shape[1]
    for images, rows in pairs(problem, len(inputs), len(masks) * number):
        row = torch.arange(rows.start, rows.stop, device=inputs.device)
        there, absent = masks[row // number], hidden[images][:, row % number]
        # Leading dimensions of one: the mask is broadcast over channels.
        mask = there.view(-1, *[1] * (inputs.ndim - 1 - len(space)), *space)
        occluded = torch.where(mask, absent, inputs[images].unsqueeze(1))
        drop = full[images].unsqueeze(1) - outputs_at(problem, occluded, targets[images])
        lost[images] += torch.einsum("npt,p...->nt...", drop, there.to(inputs.dtype))
    mean = lost / (number * masks.sum(dim=0))
    shape = (*targets.shape, *[1] * (inputs.ndim - 1 - len(space)), *space)
    return Attribution(mean.view(shape).expand(*targets.shape, *inputs.shape[1:]).contiguous())


def window_and_stride(
    inputs: Tensor, window: int | None, stride: int | None
) -> tuple[int, int, torch.Size]:
    """Return a window's side, its stride, and the dimensions along which windows move."""
    image = inputs.ndim == 4
    space = inputs.shape[2:] if image else inputs.shape[-1:]
    side = window if window is not None else max(1, min(space) // 7 * image)
    step = stride if stride is not None else max(1, side // 2)
    if side > min(space) or step > side:
        raise ValueError(
            f"a window of {side} with stride {step} does not cover inputs of {tuple(space)}: it "
            f"must not be larger than they are, and the stride not larger than the window."
        )
    return side, step, space


def _windows(space: torch.Size, side: int, step: int) -> Iterator[Tensor]:
    """Yield each window as a boolean mask (*space)."""
    starts = [range(0, (math.ceil((length - side) / step) + 1) * step, step) for length in space]
    for corner in product(*starts):
        mask = torch.zeros(space, dtype=torch.bool)
        mask[tuple(slice(start, start + side) for start in corner)] = True
        yield mask

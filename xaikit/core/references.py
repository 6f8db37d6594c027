"""What an absent feature shows: baselines by name, by value, or several to average over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from xaikit.core.arguments import finite
from xaikit.core.cards import data_of, stratified
from xaikit.core.options import shown
from xaikit.core.passes import mean_output, outputs_at, pairs
from xaikit.core.problem import Problem

SIZE = 50
"""Training images in the default background."""

NAMED = {"black": 0.0, "grey": 0.5, "white": 1.0}
"""Baselines by name, for images in [0, 1]."""

Reference = float | Tensor | NDArray[Any] | Sequence[Any] | str | None
"""A number, a name, or values of one input's shape; None: zeros."""

Baseline = Reference
"""What every method with a baseline takes.

- ``None``: zeros. A number: that value everywhere.
- ``"black"``, ``"grey"``, ``"white"``: 0, ½, 1, for images in [0, 1].
- ``"blurred"``: of each image its own Gaussian blur, with a standard deviation of a seventh of
  its shorter side.
- A tensor of an input's shape, or an array or list that makes one: that one reference.
- A tensor (B, *shape): references, over which the attributions are averaged; B times the cost.
- ``"samples"``: 50 training images of the data set that the model's card names, equally many a
  class, averaged over as well.
"""


def baselines(problem: Problem, baseline: Baseline) -> Tensor:
    """Return each input's references, (N, B, *shape)."""
    inputs = problem.inputs
    if isinstance(baseline, str) and baseline == "blurred":
        return blurred(inputs).unsqueeze(1)
    if isinstance(baseline, str) and baseline == "samples":
        return reference_inputs(problem, None, "baseline").expand(
            len(inputs), -1, *inputs.shape[1:]
        )
    if isinstance(baseline, str) and baseline not in NAMED:
        raise ValueError(
            f"unknown baseline {baseline!r}: choose one of {', '.join(NAMED)}, blurred, samples, "
            f"a number or a tensor."
        )
    if isinstance(baseline, Tensor) and baseline.ndim == inputs.ndim:
        references = reference_inputs(problem, baseline, "baseline")
    else:
        references = reference(baseline, inputs).unsqueeze(0)
    return references.expand(len(inputs), *references.shape)


def blurred(images: Tensor, name: str = "baseline") -> Tensor:
    """Return images (N, C, H, W), blurred: their rough shades stay, and no outline."""
    from torchvision.transforms.functional import gaussian_blur

    if images.ndim != 4 or min(images.shape[2:]) < 2:
        raise ValueError(
            f'{name}="blurred" needs images (N, C, H, W) of at least 2 × 2 pixels, not inputs of '
            f"shape {tuple(images.shape)}: choose another {name}."
        )
    deviation = min(images.shape[2:]) / 7
    # Mirrored edges must not be wider than the image.
    side = min(2 * math.ceil(2 * deviation) + 1, 2 * min(images.shape[2:]) - 1)
    found: Tensor = gaussian_blur(images, [side, side], [deviation, deviation])
    return found


def mean_at(problem: Problem, references: Tensor) -> Tensor:
    """Return each input's mean outputs (N, T) at its references (N, B, *shape)."""
    if references.stride(0) == 0:  # all inputs have the same ones: B passes, not N times B
        return mean_output(problem, references[0])
    total = torch.zeros_like(problem.targets, dtype=problem.inputs.dtype)
    for images, copies in pairs(problem, *references.shape[:2]):
        found = outputs_at(problem, references[images, copies], problem.targets[images])
        total[images] += found.sum(1)
    return total / references.shape[1]


def reference_inputs(
    problem: Problem, background: Tensor | None, name: str = "background"
) -> Tensor:
    """Return the background (B, *shape) given, or draw the default one.

    The default is stratified: equally many training images a class of the data set that
    ``model.card["data"]`` names, chosen by the problem's seed. ``name`` is the option's.
    """
    inputs = problem.inputs
    if background is None:
        instead = f"the {name} has to be given: {name}=, a tensor (B, …) of some 50 training inputs"
        data = data_of(problem.model, instead)
        background = data.images[stratified(data.labels, SIZE, problem.generator())]
    if not isinstance(background, Tensor) or background.shape[1:] != inputs.shape[1:]:
        raise ValueError(
            f"{name} has to be a tensor (B, …) of inputs like the explained ones, each of "
            f"shape {tuple(inputs.shape[1:])}; it is {getattr(background, 'shape', background)!r}."
        )
    if len(background) == 0:
        raise ValueError(f"{name} holds no reference: give at least one.")
    finite(background, name)
    return background.detach().to(device=inputs.device, dtype=inputs.dtype)


def reference(baseline: Reference, inputs: Tensor, name: str = "baseline") -> Tensor:
    """Return the one reference (*shape) of a baseline: zeros, a number, a name, a tensor."""
    shape = inputs.shape[1:]
    if isinstance(baseline, str):
        if baseline not in NAMED:
            raise ValueError(
                f"unknown {name} {baseline!r}: choose one of {', '.join(NAMED)}, a number or a "
                f"tensor."
            )
        baseline = NAMED[baseline]
    wanted = (
        f"{name} has to be a number or a tensor of shape {tuple(shape)}, the shape of one input"
    )
    try:
        value = torch.as_tensor(
            0.0 if baseline is None else baseline, dtype=inputs.dtype, device=inputs.device
        ).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{wanted}, not {shown(baseline)}.") from error
    if value.ndim and value.shape != shape:
        raise ValueError(f"{wanted}; its shape is {tuple(value.shape)}.")
    finite(value, name)
    return value.expand(shape)

"""What an absent feature shows: baselines by name, by value, or several to average over."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xaikit.core.arguments import NAMED, Reference, reference
from xaikit.core.background import reference_inputs
from xaikit.core.passes import mean_output, outputs_at, pairs
from xaikit.core.problem import Problem

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

"""SmoothGrad: the gradient, averaged over noise."""

from __future__ import annotations

import torch

from xaikit.attribution.registry import Attribution, method
from xaikit.core.passes import gradients_at, pairs
from xaikit.core.problem import Problem


@method(
    "SmoothGrad",
    needs=("gradients",),
    based_on="gradient",
    passes="samples forward, samples × T backward",
    paper="Smilkov et al. 2017, SmoothGrad, arXiv:1706.03825",
)
def smoothgrad(problem: Problem, *, samples: int = 50, noise: float = 0.15) -> Attribution:
    """Return the mean gradient over noisy copies of the input.

    Parameters
    ----------
    problem
        What is explained.
    samples
        Noisy copies an input. All inputs and targets share the same standard normal draws,
        ``torch.randn((samples, *shape), generator=torch.Generator().manual_seed(seed))`` in the
        inputs' dtype, so that an input's map does not depend on the rest of its batch.
    noise
        Standard deviation as a share of the input's own range, max − min; the paper finds 0.1
        to 0.2 best for images.
    """
    if noise < 0:
        raise ValueError(f"noise has to be 0 or more, a share of the input's range; not {noise!r}.")
    inputs, targets = problem.inputs, problem.targets
    draws = torch.randn(
        (samples, *inputs.shape[1:]), generator=problem.generator(), dtype=inputs.dtype
    ).to(inputs.device)
    flat = inputs.flatten(1)
    spread = noise * (flat.amax(1) - flat.amin(1)).view(-1, *[1] * inputs.ndim)
    total = inputs.new_zeros((*targets.shape, *inputs.shape[1:]))
    for images, copies in pairs(problem, len(inputs), samples):
        noisy = inputs[images].unsqueeze(1) + spread[images] * draws[copies]
        total[images] += gradients_at(problem, noisy, targets[images])[1].sum(dim=1)
    return Attribution(total / samples)

"""Expected gradients and GradientSHAP: integrated gradients, averaged over references."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attribution.registry import Attribution, method
from xaikit.core.passes import gradients_at, mean_output, pairs, target_outputs
from xaikit.core.problem import Problem
from xaikit.core.references import reference_inputs


@method(
    "Expected gradients",
    needs=("gradients", "training data"),
    based_on="gradient",
    complete=True,
    passes="samples + B + 1 forward, samples × T backward",
    paper="Erion et al. 2021, Improving performance of deep learning models with axiomatic "
    "attribution priors and expected gradients, arXiv:1906.10670",
)
def expected_gradients(
    problem: Problem, *, samples: int = 200, background: Tensor | None = None
) -> Attribution:
    """Return the mean of (input − reference) × gradient at random points between the two.

    Integrated gradients without the choice of one baseline. They add up to the output minus its
    mean over the background in expectation: the convergence delta is the sampling error.

    Parameters
    ----------
    problem
        What is explained.
    samples
        Points an input: every reference equally often as far as possible, and one point in each
        of as many equal parts of the path, in random order; the estimate stays unbiased. All
        inputs and targets share them.
    background
        References (B, *shape); default: 50 training images, equally many a class, of the data
        set that the model's card names.
    """
    references = reference_inputs(problem, background)
    generator = problem.generator()
    turns = -(-samples // len(references))
    chosen = torch.cat([torch.randperm(len(references), generator=generator) for _ in range(turns)])
    parts = torch.randperm(samples, generator=generator)
    within = torch.rand(samples, generator=generator, dtype=torch.float64)
    fractions = (parts + within) / samples
    return _expected(problem, references, chosen[:samples], fractions, None)


@method(
    "GradientSHAP",
    needs=("gradients", "training data"),
    based_on="gradient",
    complete=True,
    passes="samples + B + 1 forward, samples × T backward",
    paper="Lundberg & Lee 2017, A unified approach to interpreting model predictions, "
    "arXiv:1705.07874",
)
def gradient_shap(
    problem: Problem,
    *,
    samples: int = 200,
    background: Tensor | None = None,
    noise: float = 0.0,
) -> Attribution:
    """Return the mean of (input − reference) × gradient at random points, as captum and shap do.

    Each sample draws a reference, a point on the way to it and, if wanted, noise on the input.
    Without noise it estimates the same as expected gradients, with more variance. The convergence
    delta compares with the output minus its mean over the background: the sampling error, and
    what the noise does to the output.

    Parameters
    ----------
    problem
        What is explained.
    samples
        Draws an input; all inputs and targets share them. With ``g = torch.Generator()
        .manual_seed(seed)`` they are ``torch.randint(B, (samples,), generator=g)``, then
        ``torch.rand(samples, generator=g)`` (0: the reference, 1: the input), then the noise,
        ``torch.randn((samples, *shape), generator=g)``, the last two in float64.
    background
        References (B, *shape); default as in expected_gradients.
    noise
        Standard deviation as a share of the input's own range, max − min.
    """
    if noise < 0:
        raise ValueError(f"noise has to be 0 or more, a share of the input's range; not {noise!r}.")
    references = reference_inputs(problem, background)
    generator = problem.generator()
    chosen = torch.randint(len(references), (samples,), generator=generator)
    fractions = torch.rand(samples, generator=generator, dtype=torch.float64)
    if noise == 0:
        return _expected(problem, references, chosen, fractions, None)
    shape = (samples, *problem.inputs.shape[1:])
    draws = noise * torch.randn(shape, generator=generator, dtype=torch.float64)
    return _expected(problem, references, chosen, fractions, draws)


def _expected(
    problem: Problem,
    references: Tensor,
    chosen: Tensor,
    fractions: Tensor,
    noise: Tensor | None,
) -> Attribution:
    """Return the mean over samples: references (S,), fractions (S,), noise (S, *shape)."""
    inputs, targets = problem.inputs, problem.targets
    chosen = chosen.to(inputs.device)
    fractions = fractions.to(inputs).view(-1, *[1] * (inputs.ndim - 1))
    flat = inputs.flatten(1)
    spread = (flat.amax(1) - flat.amin(1)).view(-1, *[1] * inputs.ndim)
    total = inputs.new_zeros((*targets.shape, *inputs.shape[1:]))
    for images, draws in pairs(problem, len(inputs), len(chosen)):
        ends = inputs[images].unsqueeze(1)
        if noise is not None:
            ends = ends + spread[images] * noise[draws].to(inputs)
        way = ends - references[chosen[draws]]
        # From the input's side: a fraction of 1 is the input itself, to the last bit.
        points = ends - (1 - fractions[draws]) * way
        slopes = gradients_at(problem, points, targets[images])[1]
        total[images] += (slopes * way.unsqueeze(2)).sum(dim=1)
    attributions = total / len(chosen)
    change = target_outputs(problem) - mean_output(problem, references)
    return Attribution(attributions, attributions.flatten(2).sum(2) - change)

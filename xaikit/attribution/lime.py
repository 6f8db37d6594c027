"""LIME: a linear surrogate, fitted around one input."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xaikit.attribution.masking import masked_outputs
from xaikit.attribution.registry import Attribution, method
from xaikit.attribution.segments import Segments, superpixels
from xaikit.core.options import OrInfinity
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, baselines

RIDGE = 1.0
"""lime's own penalty on the surrogate's weights (its intercept goes free)."""


@method(
    "LIME",
    needs=("outputs",),
    based_on="perturbation",
    passes="samples forward",
    paper="Ribeiro et al. 2016, Why should I trust you?, arXiv:1602.04938",
)
def lime(
    problem: Problem,
    *,
    samples: int = 1000,
    segments: Segments = "auto",
    baseline: Baseline = None,
    kernel_width: OrInfinity = 0.25,
) -> Attribution:
    """Return the weights of a ridge regression on which segments are present.

    The surrogate is lime's image explainer's with every segment kept: binary masks with
    probability ½, the first all ones; weights √exp(−d²/width²) with d the cosine distance to the
    full image; ridge with penalty 1. It explains the model's outputs as they are: give a model
    with a softmax to explain probabilities, as lime does. Inputs with equally many segments share
    masks, and one factorisation serves all of them and all targets.

    Parameters
    ----------
    problem
        What is explained.
    samples
        Masks an input. For K segments they are ``torch.randint(0, 2, (samples, K),
        generator=torch.Generator().manual_seed(seed))`` with the first row set to one.
    segments
        Superpixels, see :func:`xaikit.attribution.segments.superpixels`.
    baseline
        What an absent segment shows, see :data:`xaikit.core.references.Baseline`; default
        zeros. Of several, the surrogate fits the mean output.
    kernel_width
        How far from the input the surrogate has to be faithful.

    Returns
    -------
    Attribution
        Every feature has its segment's weight. ``details``: ``segments``, the map; ``fit``
        (N, T), the surrogate's weighted R² on its own samples (1: the surrogate says all).
    """
    if kernel_width <= 0:
        raise ValueError(f"kernel_width has to be positive, not {kernel_width!r}.")
    inputs, targets = problem.inputs, problem.targets
    hidden = baselines(problem, baseline)
    labels = superpixels(inputs, segments)
    sizes = labels.flatten(1).amax(1) + 1
    attributions = inputs.new_empty((*targets.shape, *inputs.shape[1:]))
    fit = inputs.new_empty(targets.shape)
    for size in sorted(set(sizes.tolist())):
        members = (sizes == size).nonzero().squeeze(1)
        # A fresh generator each time: an input's map must not depend on the rest of its batch.
        masks = torch.randint(0, 2, (samples, size), generator=problem.generator())
        masks[0] = 1
        masks = masks.to(inputs.device)
        scores = masked_outputs(problem, members, labels[members], masks.bool(), hidden)
        weights, fit[members] = _surrogates(masks, scores, kernel_width)
        spread = labels[members].flatten(1).unsqueeze(1).expand(-1, targets.shape[1], -1)
        maps = weights.to(inputs.dtype).gather(2, spread)
        attributions[members] = maps.view(*maps.shape[:2], *labels.shape[1:]).expand_as(
            attributions[members]
        )
    return Attribution(attributions, details={"segments": labels, "fit": fit})


def _surrogates(masks: Tensor, scores: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """Return the ridge weights (n, T, K) and their weighted R² (n, T).

    In float64: a thousand masks weighted over orders of magnitude are ill-conditioned.
    """
    z, y = masks.double(), scores.double().movedim(1, 0).flatten(1)
    # The cosine between a mask and all ones depends on how many are on; of no ones it is 0.
    distance = 1 - (z.sum(1) / z.shape[1]).sqrt()
    weight = (-(distance**2) / width**2).exp().sqrt().unsqueeze(1)
    z = z - (weight * z).sum(0) / weight.sum()
    y = y - (weight * y).sum(0) / weight.sum()
    gram = z.T @ (weight * z) + RIDGE * torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    coefficients = torch.linalg.solve(gram, z.T @ (weight * y))
    left = (weight * (y - z @ coefficients) ** 2).sum(0)
    total = (weight * y**2).sum(0)
    # A constant output is explained in full by the intercept, up to rounding.
    flat = total <= len(y) * math.ulp(1.0) ** 2
    fit = torch.where(flat, torch.ones_like(left), 1 - left / total.clamp_min(1e-300))
    n, targets = scores.shape[0], scores.shape[2]
    return coefficients.T.reshape(n, targets, -1), fit.view(n, targets).to(scores.dtype)

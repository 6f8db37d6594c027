"""KernelSHAP: Shapley values by regression on coalitions, after what interactions explain."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attribution.coalitions import coalitions
from xaikit.attribution.interactions import Interactions
from xaikit.attribution.masking import masked_outputs
from xaikit.attribution.registry import Attribution, method
from xaikit.attribution.segments import Segments, superpixels
from xaikit.core.passes import target_outputs
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, baselines, mean_at, reference_inputs

FITTED = 1024
"""So many pairs at most tell about interactions: the fit costs their number's cube."""


@method(
    "KernelSHAP",
    needs=("outputs",),
    based_on="perturbation",
    complete=True,
    passes="samples + 2 forward, times B references",
    paper="Lundberg & Lee 2017, A unified approach to interpreting model predictions, "
    "arXiv:1705.07874",
)
def kernel_shap(
    problem: Problem,
    *,
    samples: int = 1000,
    segments: Segments = "auto",
    baseline: Baseline = None,
    background: Tensor | None = None,
) -> Attribution:
    """Return Shapley values of the segments: their mean gain over all orders of appearing.

    A coalition's value is the model's output where its segments show the input and the others the
    baseline, or the mean output over a background. The values solve a least-squares problem,
    weighted by the Shapley kernel and constrained to add up exactly. They are exact when
    ``samples`` suffices for all coalitions, 2^K − 2 of K segments, and for a model without
    interactions. Fewer coalitions are evaluated in pairs of one and its complement, all different:
    first those that together tell most about the values, then by the kernel's chance. A Gaussian
    process explains what they show beyond the regression by interactions of few segments, which
    leaves a third or less of the regression's own error (Fumagalli et al. 2026, OddSHAP, add
    some of these to the regression). Inputs with equally many segments share coalitions, and one
    factorisation serves all of them and all targets.

    Parameters
    ----------
    problem
        What is explained.
    samples
        Coalitions an input, not counting the empty and the full one. With fewer than there are
        segments, what they leave open is shared evenly.
    segments
        Superpixels, see :func:`xaikit.attribution.segments.superpixels`; None: single features.
    baseline
        What an absent segment shows, see :data:`xaikit.core.references.Baseline`; default
        zeros. Of several references, their mean output is the coalition's value.
    background
        Another name for a baseline of several references, (B, *shape), as shap has it.

    Returns
    -------
    Attribution
        Every feature has an equal share of its segment's Shapley value, so that a map sums to
        the output's change (the sum over a segment is its value). ``details``: ``segments``.
    """
    inputs, targets = problem.inputs, problem.targets
    hidden = absent_inputs(problem, baseline, background)
    labels = superpixels(inputs, segments)
    sizes = labels.flatten(1).amax(1) + 1
    absent = mean_at(problem, hidden)
    change = target_outputs(problem) - absent
    attributions = inputs.new_empty((*targets.shape, *inputs.shape[1:]))
    for size in sorted(set(sizes.tolist())):
        members = (sizes == size).nonzero().squeeze(1)
        # A fresh generator each time: an input's map must not depend on the rest of its batch.
        masks, weights = coalitions(size, samples, problem.generator())
        masks, weights = masks.to(inputs.device), weights.to(inputs.device)
        scores = masked_outputs(problem, members, labels[members], masks, hidden)
        rise = scores - absent[members].unsqueeze(1)
        values = _values(masks, weights, rise, change[members])
        attributions[members] = spread(values.to(inputs.dtype), labels[members], inputs)
    delta = attributions.flatten(2).sum(2) - change
    return Attribution(attributions, delta, {"segments": labels})


def absent_inputs(problem: Problem, baseline: Baseline, background: Tensor | None) -> Tensor:
    """Return what absent segments show, (N, B, *shape), by either of its two names."""
    if baseline is not None and background is not None:
        raise ValueError("kernel_shap takes a baseline or a background, not both.")
    if background is not None:
        baseline = reference_inputs(problem, background)
    return baselines(problem, baseline)


def _values(masks: Tensor, weights: Tensor, rise: Tensor, change: Tensor) -> Tensor:
    """Return the values (n, T, K) for coalitions' rises (n, M, T) of inputs that change by (n, T).

    The interactions' share and, of what they leave, the regression's: with up to ``FITTED`` pairs
    rounding alone, with more all that keeps the estimate consistent.
    """
    pairs, size = len(masks) // 2, masks.shape[1]
    rise, change = rise.double(), change.double()
    if pairs in (0, 2 ** (size - 1) - 1):  # nothing is known, or everything
        return regression(masks, weights, rise, change)
    half = 2 * masks[:pairs].double() - 1
    half = torch.cat([torch.ones_like(half[:1]), half])
    odd = (rise[:, :pairs] - rise[:, pairs:]) / 2
    odd = torch.cat([change.unsqueeze(1) / 2, odd], dim=1)  # the full coalition and the empty one
    n, _, targets = odd.shape
    odd = odd.transpose(0, 1).flatten(1)
    interactions = Interactions(size)
    values, *fit = interactions.values(half[: FITTED + 1], odd[: FITTED + 1])
    values = values.view(size, n, targets).movedim(0, 2)
    if pairs <= FITTED:
        left = torch.zeros_like(rise)
    else:
        predicted = interactions.at(half[1:], half[: FITTED + 1], *fit)
        left = (odd[1:] - predicted).view(pairs, n, targets).transpose(0, 1)
        left = torch.cat([left, -left], dim=1)
    rest = change - values.sum(2)
    return values + regression(masks, weights, left + rest.unsqueeze(1) / 2, rest)


def regression(masks: Tensor, weights: Tensor, rise: Tensor, change: Tensor) -> Tensor:
    """Return the values (n, T, K) that fit coalitions' rises (n, M, T) best and sum to change.

    An even share each, plus what sums to zero: on that, coalitions act by what they have more
    than their size's average. In float64, as weights differ by orders of magnitude.
    """
    size = masks.shape[1]
    z = masks.double()
    portion = z.mean(1, keepdim=True)
    z = z - portion
    total = change
    rest = rise - portion * total.unsqueeze(1)
    gram = z.T @ (weights.unsqueeze(1) * z)
    inverse = torch.linalg.pinv(gram, rtol=1e-10, hermitian=True)
    right = torch.einsum("mk,m,nmt->ntk", z, weights, rest)
    values: Tensor = total.unsqueeze(2) / size + right @ inverse
    return values


def spread(values: Tensor, labels: Tensor, inputs: Tensor) -> Tensor:
    """Return maps (n, T, *shape) in which a segment's features share its value (n, T, K)."""
    n, targets = values.shape[:2]
    flat = labels.flatten(1)
    # A segment of an image spans its channels, over which its one map is repeated.
    repeated = inputs[0].numel() // flat.shape[1]
    features = torch.zeros(n, values.shape[2], dtype=values.dtype, device=values.device)
    features.scatter_add_(1, flat, torch.full_like(flat, repeated, dtype=values.dtype))
    share = values / features.unsqueeze(1)
    maps = share.gather(2, flat.unsqueeze(1).expand(-1, targets, -1))
    return maps.view(n, targets, *labels.shape[1:]).expand(n, targets, *inputs.shape[1:])

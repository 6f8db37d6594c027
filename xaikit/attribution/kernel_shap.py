"""KernelSHAP: Shapley values by one weighted regression on coalitions."""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor

from xaikit.attribution.masking import masked_outputs
from xaikit.attribution.registry import Attribution, method
from xaikit.attribution.segments import Segments, superpixels
from xaikit.core.passes import target_outputs
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, baselines, mean_at, reference_inputs


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
    ``samples`` suffices for all coalitions, 2^K − 2 of K segments; fewer are drawn in pairs of a
    coalition and its complement, whole sizes first, the others without repetition and weighted by
    their chance of being drawn. Inputs with equally many segments share coalitions, and one
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
    if baseline is not None and background is not None:
        raise ValueError("kernel_shap takes a baseline or a background, not both.")
    if background is not None:
        baseline = reference_inputs(problem, background)
    hidden = baselines(problem, baseline)
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
        values = _shapley(masks, weights, rise, change[members])
        attributions[members] = _spread(values.to(inputs.dtype), labels[members], inputs)
    delta = attributions.flatten(2).sum(2) - change
    return Attribution(attributions, delta, {"segments": labels})


def coalitions(size: int, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return coalitions (M, size), boolean, M ≤ samples, and their weights (M,), float64.

    All 2^size − 2 with the Shapley kernel's weights if there are so few. Otherwise from the
    outside in every size whose share of the samples suffices for all of its coalitions, and of
    the other sizes a random choice: pairs drawn by the kernel until enough differ, weighted by
    their probability to be among so many draws (Horvitz and Thompson's correction), which serves
    better than counting repetitions.
    """
    half = (size - 1) // 2
    layers = list(range(1, size // 2 + 1))  # a size and its complement's together
    # The kernel gives all coalitions of size s together a weight of 1 / (s (size − s)).
    shares = {s: (1 if s > half else 2) / (s * (size - s)) for s in layers}
    whole: list[tuple[int, ...]] = []
    masses: list[float] = []
    left = samples
    while layers:
        s = layers[0]
        number = math.comb(size, s) * (1 if s > half else 2)
        if number > left or number > left * shares[s] / sum(shares[k] for k in layers) + 1e-9:
            break
        subsets = list(combinations(range(size), s))
        everything = set(range(size))
        if s <= half:
            subsets += [tuple(sorted(everything.difference(each))) for each in subsets]
        whole += subsets
        masses += [shares[s] / number] * number
        left -= number
        layers.pop(0)
    masks = torch.zeros(len(whole), size, dtype=torch.bool)
    for row, subset in enumerate(whole):
        masks[row, list(subset)] = True
    weights = torch.tensor(masses, dtype=torch.float64)
    if layers and left >= 2:
        drawn, drawn_weights = _drawn(size, layers, shares, left // 2, generator)
        masks = torch.cat([masks, drawn, ~drawn])
        weights = torch.cat([weights, drawn_weights, drawn_weights])
    return masks, weights


def _drawn(
    size: int, layers: list[int], shares: dict[int, float], number: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return different coalitions (m, size), m ≤ number, of these sizes; half the weight each."""
    mass = torch.tensor([shares[s] for s in layers], dtype=torch.float64)
    found: set[bytes] = set()
    rows: list[Tensor] = []
    draws = 0
    # The last new coalitions of a nearly exhausted size may take long to come: stop looking.
    while len(found) < number and draws < 8 * number:
        picked = torch.multinomial(mass, number, replacement=True, generator=generator)
        wanted = torch.tensor(layers)[picked].unsqueeze(1)
        keys = torch.rand((number, size), generator=generator, dtype=torch.float64)
        mask = keys.argsort(1).argsort(1) < wanted
        # A pair is the same whichever half was drawn: the one with the first segment stands for it.
        mask = mask ^ ~mask[:, :1]
        for row in mask:
            if len(found) == number:
                break
            draws += 1
            key = row.numpy().tobytes()
            if key not in found:
                found.add(key)
                rows.append(row)
    chosen = torch.stack(rows)
    sizes = chosen.sum(1)
    smaller = torch.minimum(sizes, size - sizes)
    # A size's pairs: half of all coalitions of the size and its complement's.
    pairs_of = {s: math.comb(size, s) / (2 if 2 * s == size else 1) for s in layers}
    total = float(mass.sum())
    chance = torch.tensor(
        [shares[s] / total / pairs_of[s] for s in smaller.tolist()], dtype=torch.float64
    )
    included = -torch.expm1(draws * torch.log1p(-chance.clamp(max=1 - 1e-12)))
    return chosen, chance * total / 2 / included


def _shapley(masks: Tensor, weights: Tensor, rise: Tensor, change: Tensor) -> Tensor:
    """Return the values (n, T, K) that fit coalitions' rises (n, M, T) best and sum to change.

    An even share each, plus what sums to zero: on that, coalitions act by what they have more
    than their size's average. In float64, as weights differ by orders of magnitude.
    """
    size = masks.shape[1]
    z = masks.double()
    portion = z.mean(1, keepdim=True)
    z = z - portion
    total = change.double()
    rest = rise.double() - portion * total.unsqueeze(1)
    gram = z.T @ (weights.unsqueeze(1) * z)
    inverse = torch.linalg.pinv(gram, rtol=1e-10, hermitian=True)
    right = torch.einsum("mk,m,nmt->ntk", z, weights, rest)
    values: Tensor = total.unsqueeze(2) / size + right @ inverse
    return values


def _spread(values: Tensor, labels: Tensor, inputs: Tensor) -> Tensor:
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

"""Can the explanation be trusted? Numbers that test attributions, each with its known flaw.

Every metric is batched over images and targets and takes an :class:`xaikit.Explanation`. None is
a proof: read "known flaw" before you rank methods by it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.attribution import Explanation, explain
from xaikit.attribution.arguments import checked_inputs, checked_targets, count, probed, reference
from xaikit.attribution.passes import borrowed, outputs_at, pairs
from xaikit.attribution.registry import Problem


@dataclass(frozen=True)
class Curve:
    """How the target's output changes as features go, or come.

    Attributes
    ----------
    fractions
        (steps + 1,) share of features changed so far, 0 to 1.
    scores
        (N, T, steps + 1) outputs of the targets.
    auc
        (N, T) area under the scores over the fractions, by the trapezoidal rule.
    """

    fractions: Tensor
    scores: Tensor
    auc: Tensor


def deletion(
    model: nn.Module,
    inputs: Tensor,
    explanation: Explanation,
    *,
    fill: float | Tensor | str | None = None,
    steps: int = 28,
    chunk: int = 128,
) -> Curve:
    """Remove features in the order of their attributions, the largest first.

    Lower areas are better: what the explanation called important carried the output (Petsiuk et
    al. 2018, RISE, arXiv:1806.07421). Known flaw: images with holes are unlike any the network
    was trained on, so that the curve mixes what a feature says with what a hole says; compare
    several fill-ins. Only the order counts, not the attributions' sizes.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes). Its outputs are plotted as they are: probabilities, as
        in the paper, need a model with a softmax.
    inputs
        (N, *shape), those explained. Of an image (N, C, H, W) pixels go, with all channels: a
        pixel's attribution is the sum over its channels.
    explanation
        Of these inputs; attributions (N, T, *shape). Of equal ones the first goes first.
    fill
        What a removed feature shows: a number, "grey" and the like, one input, or a tensor of the
        inputs' own shape (N, *shape), such as their blurred versions; default zeros.
    steps
        Points of the curve beside the first.
    chunk
        How many inputs pass the model at once.

    Returns
    -------
    Curve
    """
    return _curve(model, inputs, explanation, fill, steps, chunk, inserts=False)


def insertion(
    model: nn.Module,
    inputs: Tensor,
    explanation: Explanation,
    *,
    fill: float | Tensor | str | None = None,
    steps: int = 28,
    chunk: int = 128,
) -> Curve:
    """Bring features back in the order of their attributions, the largest first.

    Higher areas are better. The paper, parameters and known flaw are :func:`deletion`'s; the
    paper starts from a blurred image.
    """
    return _curve(model, inputs, explanation, fill, steps, chunk, inserts=True)


def _curve(
    model: nn.Module,
    inputs: Tensor,
    explanation: Explanation,
    fill: float | Tensor | str | None,
    steps: int,
    chunk: int,
    inserts: bool,
) -> Curve:
    count(steps, "steps")
    count(chunk, "chunk")
    inputs = checked_inputs(model, inputs)
    _expect_matching(inputs, explanation)
    own = isinstance(fill, Tensor) and fill.shape == inputs.shape
    hidden = (
        fill.to(inputs) if own and isinstance(fill, Tensor) else reference(fill, inputs, "fill")
    )
    hidden = hidden.expand(inputs.shape)
    places = _places(explanation.attributions)
    features = places.shape[2]
    order = places.argsort(dim=2, descending=True, stable=True)
    ranks = order.argsort(dim=2)
    fractions = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    counts = (fractions * features).round().long().to(inputs.device)
    with borrowed(model):
        classes = probed(model, inputs).shape[1]
        targets = checked_targets(explanation.targets, inputs, classes)
        n, t = targets.shape
        scores = inputs.new_empty((n * t, steps + 1))
        problem = Problem(model, inputs, targets, 0, chunk)
        # Every target has its own order: a row is an input with one target.
        for rows, points in pairs(problem, n * t, steps + 1):
            index = torch.arange(rows.start, rows.stop, device=inputs.device)
            gone = ranks.flatten(0, 1)[index].unsqueeze(1) < counts[points].view(1, -1, 1)
            gone = gone.view(*gone.shape[:2], *_map_shape(inputs)) ^ inserts
            image = index // t
            shown = torch.where(gone, hidden[image].unsqueeze(1), inputs[image].unsqueeze(1))
            wanted = targets.flatten()[index].unsqueeze(1)
            scores[rows, points] = outputs_at(problem, shown, wanted)[..., 0]
    scores = scores.view(n, t, -1)
    exact = (counts.double() / features).to(inputs)
    return Curve(exact, scores, torch.trapezoid(scores, exact))


def _expect_matching(inputs: Tensor, explanation: Explanation) -> None:
    found = explanation.attributions.shape
    if (found[0], *found[2:]) != tuple(inputs.shape):
        raise ValueError(
            f"the explanation's attributions {tuple(found)} are not (N, T, …) of inputs of shape "
            f"{tuple(inputs.shape)}: give the inputs that were explained."
        )


def _map_shape(inputs: Tensor) -> tuple[int, ...]:
    """Return the shape that a map of one input broadcasts from: channels of images go together."""
    return (1, *inputs.shape[2:]) if inputs.ndim == 4 else tuple(inputs.shape[1:])


def _places(attributions: Tensor) -> Tensor:
    """Return (N, T, features), summed over the channels of images."""
    if attributions.ndim == 5:
        attributions = attributions.sum(dim=2)
    return attributions.flatten(2)


def rank_agreement(one: Explanation, other: Explanation, *, absolute: bool = False) -> Tensor:
    """Return how far two explanations order features alike: Spearman's rank correlation (N, T).

    From −1 to 1; equal attributions share their mean rank; nan where a map is constant. Neither
    direction is better in itself: agreement of two methods does not make either of them right,
    and (known flaw) pixels without meaning, such as an image's background, count as much as the
    others.

    Parameters
    ----------
    one, other
        Explanations of the same inputs and targets; of images, pixels are ranked by their sums
        over channels.
    absolute
        Whether to rank magnitudes, as sanity checks often do.
    """
    if one.attributions.shape != other.attributions.shape:
        raise ValueError(
            f"the explanations have different shapes: {tuple(one.attributions.shape)} and "
            f"{tuple(other.attributions.shape)}."
        )
    if (one.targets != other.targets).any():
        raise ValueError("the explanations explain different targets.")
    ranks = []
    for each in (one, other):
        places = _places(each.attributions)
        rank = _mean_ranks(places.abs() if absolute else places)
        ranks.append(rank - rank.mean(2, keepdim=True))
    first, second = ranks
    product = (first * second).sum(2)
    return product / (first.square().sum(2) * second.square().sum(2)).sqrt()


def _mean_ranks(values: Tensor) -> Tensor:
    """Return ranks along the last dimension, float64; equal values share their mean rank."""
    ordered = values.contiguous().sort(dim=-1).values
    below = torch.searchsorted(ordered, values.contiguous())
    upto = torch.searchsorted(ordered, values.contiguous(), right=True)
    return (below + upto - 1).double() / 2


def localisation(explanation: Explanation, mask: Tensor) -> Tensor:
    """Return the share of positive attribution that lies inside a mask, (N, T).

    Higher is better: 1 if nothing outside the object speaks for the class (relevance mass
    accuracy, Arras et al. 2022, arXiv:2003.07258); nan for a map without positive values. Known
    flaw: a network that looks at the background is explained rightly by a map that scores badly;
    and a large mask makes every map look good: compare with the mask's own share of the image.

    Parameters
    ----------
    explanation
        Attributions (N, T, *shape).
    mask
        Boolean, (N, H, W) for images, else (N, *shape): true inside.
    """
    attributions = explanation.attributions
    if attributions.ndim == 5:
        attributions = attributions.sum(dim=2)
    if mask.dtype != torch.bool or mask.shape != (len(attributions), *attributions.shape[2:]):
        raise ValueError(
            f"mask has to be boolean of shape {(len(attributions), *attributions.shape[2:])}; it "
            f"is {mask.dtype} of shape {tuple(mask.shape)}."
        )
    positive = attributions.clamp(min=0)
    inside = (positive * mask.to(positive.device).unsqueeze(1)).flatten(2).sum(2)
    return inside / positive.flatten(2).sum(2)


def weight_randomisation(
    model: nn.Module,
    inputs: Tensor,
    targets: Any,
    method: str = "integrated_gradients",
    *,
    absolute: bool = False,
    seed: int = 0,
    **options: Any,
) -> tuple[list[str], Tensor]:
    """Randomise the network's layers from the last to the first, and compare explanations.

    The cascading sanity check of Adebayo et al. 2018, arXiv:1810.03292. Lower agreement is
    better: a map that stays as it was does not explain what the network has learnt. Known flaw:
    the input's own structure alone keeps maps alike, above all those multiplied by the input, and
    noisy maps pass easily (Binder et al. 2023, arXiv:2211.12486).

    Parameters
    ----------
    model
        Not changed: its copies are randomised, layer by layer with ``reset_parameters``.
    inputs, targets, method, **options
        As :func:`xaikit.explain` takes them.
    absolute
        Whether to compare magnitudes.
    seed
        Of the random weights and of the method.

    Returns
    -------
    tuple of (list of str, torch.Tensor)
        The layers' names in the order of randomisation, and :func:`rank_agreement` with the
        original map (layers, N, T) after each.
    """
    before = explain(model, inputs, targets, method, seed=seed, **options)
    changed = copy.deepcopy(model)
    layers = [
        (name, module)
        for name, module in changed.named_modules()
        if any(True for _ in module.parameters(recurse=False))
        and callable(getattr(module, "reset_parameters", None))
    ]
    if not layers:
        raise ValueError("the model has no layer whose parameters can be randomised.")
    agreements = []
    for step, (_, module) in enumerate(reversed(layers)):
        with torch.random.fork_rng():
            torch.manual_seed(seed + step)
            reset: Any = module.reset_parameters
            reset()
        after = explain(changed, inputs, targets, method, seed=seed, **options)
        agreements.append(rank_agreement(before, after, absolute=absolute))
    return [name for name, _ in reversed(layers)], torch.stack(agreements)

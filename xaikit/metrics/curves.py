"""Deletion and insertion: what happens to the output as features go, or come, in a map's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.attribution import Explanation, superpixels
from xaikit.attribution.segments import Segments
from xaikit.core.arguments import checked_inputs, checked_targets, probed
from xaikit.core.options import Seed
from xaikit.core.passes import frozen, outputs_at, pairs, trial
from xaikit.core.problem import Problem
from xaikit.core.registry import signed_as
from xaikit.core.steadiness import expect_steady
from xaikit.metrics.fills import Fill, filled
from xaikit.metrics.maps import expect_matching, map_shape, places
from xaikit.metrics.registry import metric


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

    Examples
    --------
    >>> import torch
    >>> from xaikit import explain
    >>> from xaikit.metrics import deletion
    >>> model, inputs = torch.nn.Identity(), torch.tensor([[4.0, 2.0]])  # outputs its input
    >>> curve = deletion(model, inputs, explain(model, inputs, 0, "gradient"), steps=2)
    >>> curve.fractions, curve.scores, curve.auc
    (tensor([0.0000, 0.5000, 1.0000]), tensor([[[4., 0., 0.]]]), tensor([[1.]]))
    """

    fractions: Tensor
    scores: Tensor
    auc: Tensor


@metric(
    "Deletion",
    needs=("outputs",),
    direction="lower is better",
    flaw="images with holes are unlike any the network was trained on, so that the curve mixes "
    "what a feature says with what a hole says: compare several fill-ins, and random_ranking and "
    "intensity_ranking as baselines; a black fill-in on a black background favours maps "
    "multiplied by the input. Only the order counts, not the attributions' sizes",
    paper="Petsiuk et al. 2018, RISE, arXiv:1806.07421",
)
def deletion(
    model: nn.Module,
    inputs: Tensor,
    explanation: Explanation,
    *,
    fill: Fill = None,
    segments: Segments = None,
    steps: int = 28,
    seed: Seed = 0,
    chunk: int = 128,
) -> Curve:
    """Remove features in the order of their attributions, the largest first.

    If what the explanation called important carried the output, it falls early.

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
        What a removed feature shows; default zeros. A number; ``"black"``, ``"grey"``,
        ``"white"`` (0, ½, 1); ``"mean"``, the input's own mean, of each channel in images;
        ``"blurred"``, an image's Gaussian blur with a standard deviation of a seventh of its
        shorter side; ``"noise"``, uniform over the input's own range; a tensor of one input's
        shape, such as the data's mean ``data.images.mean(0)``, or of all inputs' (N, *shape).
    segments
        Superpixels, as :func:`xaikit.attribution.superpixels` takes them, that go one after the
        other in the order of their mean attributions; default: every pixel by itself. Within
        one, pixels go row by row.
    steps
        Points of the curve beside the first.
    seed
        Of the noise.
    chunk
        How many inputs pass the model at once.

    Returns
    -------
    Curve

    Examples
    --------
    >>> import torch
    >>> from xaikit import explain
    >>> from xaikit.metrics import deletion
    >>> model, inputs = torch.nn.Identity(), torch.tensor([[4.0, 2.0]])  # outputs its input
    >>> deletion(model, inputs, explain(model, inputs, 0, "gradient"), steps=2).scores
    tensor([[[4., 0., 0.]]])
    """
    inputs = checked_inputs(model, inputs)
    expect_matching(inputs, explanation)
    hidden = filled(fill, inputs, seed)
    order = _order(places(explanation.attributions), inputs, segments)
    ranks = order.argsort(dim=2)
    features = ranks.shape[2]
    fractions = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    counts = (fractions * features).round().long().to(inputs.device)
    with frozen(model):
        asked = probed(model, inputs)
        expect_steady(model, inputs, asked, trial(model, inputs), "the curve")
        classes = asked.shape[1]
        targets = checked_targets(explanation.targets, inputs, classes)
        n, t = targets.shape
        scores = inputs.new_empty((n * t, steps + 1))
        problem = Problem(model, inputs, targets, seed=seed, chunk=chunk)
        # Every target has its own order: a row is an input with one target.
        for rows, points in pairs(problem, n * t, steps + 1):
            index = torch.arange(rows.start, rows.stop, device=inputs.device)
            gone = ranks.flatten(0, 1)[index].unsqueeze(1) < counts[points].view(1, -1, 1)
            gone = gone.view(*gone.shape[:2], *map_shape(inputs))
            image = index // t
            shown = torch.where(gone, hidden[image].unsqueeze(1), inputs[image].unsqueeze(1))
            wanted = targets.flatten()[index].unsqueeze(1)
            scores[rows, points] = outputs_at(problem, shown, wanted)[..., 0]
    scores = scores.view(n, t, -1)
    exact = (counts.double() / features).to(inputs)
    return Curve(exact, scores, torch.trapezoid(scores, exact))


@metric(
    "Insertion",
    needs=("outputs",),
    direction="higher is better",
    flaw="that of deletion, from the other end: the first pixels alone on a fill-in are like no "
    "image, and a blurred fill-in, the paper's, still shows large shapes",
    paper="Petsiuk et al. 2018, RISE, arXiv:1806.07421",
)
@signed_as(deletion)
def insertion(model: nn.Module, inputs: Tensor, explanation: Explanation, **options: Any) -> Curve:
    """Bring features back in the order of their attributions, the largest first.

    If what the explanation called important carries the output, it rises early. Parameters and
    result are :func:`deletion`'s.

    Examples
    --------
    >>> import torch
    >>> from xaikit import explain
    >>> from xaikit.metrics import insertion
    >>> model, inputs = torch.nn.Identity(), torch.tensor([[4.0, 2.0]])  # outputs its input
    >>> insertion(model, inputs, explain(model, inputs, 0, "gradient"), steps=2).scores
    tensor([[[0., 4., 4.]]])
    """
    inputs = checked_inputs(model, inputs)
    if (segments := options["segments"]) is not None:
        # Found on the image, not on what it starts from.
        labels = superpixels(inputs, segments)
        options["segments"] = labels[:, 0] if inputs.ndim == 4 else labels
    # The fill-in gives way to the image, in the same order.
    start = filled(options["fill"], inputs, options["seed"])
    return deletion(model, start, explanation, **{**options, "fill": inputs})


def _order(values: Tensor, inputs: Tensor, segments: Segments) -> Tensor:
    """Return the features (N, T, features) in the order in which they change."""
    if segments is not None:
        labels = superpixels(inputs, segments).flatten(1).unsqueeze(1).expand(values.shape)
        totals = values.new_zeros((*values.shape[:2], int(labels.max()) + 1))
        sizes = totals.scatter_add(2, labels, torch.ones_like(values))
        # A label that an input does not have ranks somewhere, without consequence.
        means = totals.scatter_add(2, labels, values) / sizes.clamp(min=1)
        values = (
            -means.argsort(dim=2, descending=True, stable=True).argsort(dim=2).gather(2, labels)
        )
    return values.argsort(dim=2, descending=True, stable=True)

"""Exemplars: the training examples that a network finds most alike, and what sets them apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xaikit.attribution.integrated_gradients import gauss_legendre
from xaikit.attribution.registry import Attribution, method
from xaikit.core.arguments import finite
from xaikit.core.autograd import followed, slope
from xaikit.core.cards import data_of
from xaikit.core.layers import Features, features_of
from xaikit.core.passes import chunks, pairs
from xaikit.core.problem import Problem


@method(
    "Nearest exemplar",
    needs=("gradients", "layers", "training data", "labels"),
    based_on="example",
    passes="B training examples forward, then steps × T forward and backward",
    paper="Papernot & McDaniel 2018, Deep k-nearest neighbors: towards confident, interpretable "
    "and robust deep learning, arXiv:1803.04765",
)
def exemplar(
    problem: Problem,
    *,
    examples: Tensor | None = None,
    labels: Tensor | None = None,
    layer: nn.Module | None = None,
    steps: int = 20,
) -> Attribution:
    """Find each target class's training example nearest in feature space, and what is unlike it.

    An explanation by example: "this coat, because it is like that coat". Nearness is the
    network's own: it tells what the network confuses, not what a person would call similar.

    The example itself stands in the details. The map shares minus the squared distance out among
    the input's features, by integrated gradients on the way from the exemplar, where the distance
    is zero: negative values are what makes the input unlike the class, positive ones what brings
    it nearer. A map sums to −distance², up to the error of the quadrature. It does not distribute
    the target's output, hence no convergence delta.

    Parameters
    ----------
    problem
        What is explained.
    examples, labels
        Training data (B, *shape) and (B,); default: the training split of the data set that the
        model's card names, all of it.
    layer
        A module whose flattened outputs are the features; default: what enters the last linear
        layer.
    steps
        Points of the Gauss-Legendre rule on each way.

    Returns
    -------
    Attribution
        ``details``: ``exemplars`` (N, T, *shape), ``indices`` (N, T), their places in the
        training data, ``distances`` (N, T), Euclidean. Of equally near examples the first counts.
    """
    inputs, targets = problem.inputs, problem.targets
    examples, labels = _training_data(problem, examples, labels)
    finite(examples, "examples")
    with features_of(
        problem.model, layer, "name another with layer=, for example model[3]"
    ) as features:
        with torch.no_grad():
            indices, distances = _nearest(problem, features, examples, labels)
        found = examples[indices.cpu()].to(inputs)
        # A way for each input and target.
        ends = inputs.repeat_interleave(targets.shape[1], dim=0)
        starts = found.flatten(0, 1)
        nodes, weights = (torch.as_tensor(each).to(inputs) for each in gauss_legendre(steps))
        fractions = nodes.view(-1, *[1] * (inputs.ndim - 1))
        maps = torch.zeros_like(ends)
        for block, points in pairs(problem, len(ends), steps):
            start, way = starts[block].unsqueeze(1), (ends[block] - starts[block]).unsqueeze(1)
            path = (start + fractions[points] * way).flatten(0, 1).requires_grad_()
            number = len(fractions[points])
            with torch.no_grad():
                goal, _ = features(starts[block])
            apart = features(path)[0] - goal.repeat_interleave(number, dim=0)
            followed(apart, "exemplar cannot say what sets an input apart from its exemplar")
            slopes = slope(apart.square().sum(), path).view(-1, number, *inputs.shape[1:])
            maps[block] -= torch.einsum("s,ns...->n...", weights[points], slopes) * way[:, 0]
    details = {"exemplars": found, "indices": indices, "distances": distances}
    return Attribution(maps.view_as(found), details=details)


def _nearest(
    problem: Problem, features: Features, examples: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the places (N, T) of the nearest examples of each target, and the distances."""
    inputs, targets = problem.inputs, problem.targets
    ours = torch.cat([features(inputs[rows])[0] for rows in chunks(problem, len(inputs))])
    indices = torch.empty_like(targets)
    distances = inputs.new_empty(targets.shape)
    for target in sorted(set(targets.flatten().tolist())):
        members = (labels == target).nonzero().squeeze(1)
        if len(members) == 0:
            raise ValueError(f"no training example has class {target}: choose other targets.")
        least = inputs.new_full((len(inputs),), float("inf"))
        place = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
        for rows in chunks(problem, len(members)):
            theirs, _ = features(examples[members[rows]].to(inputs))
            # Exact differences: the fast formula of products would round a distance of zero.
            apart = torch.cdist(ours, theirs, compute_mode="donot_use_mm_for_euclid_dist")
            near, where = apart.min(dim=1)
            found = members[rows].to(where.device)[where]
            place, least = torch.where(near < least, found, place), torch.minimum(near, least)
        here = targets == target
        indices = torch.where(here, place.unsqueeze(1), indices)
        distances = torch.where(here, least.unsqueeze(1), distances)
    return indices, distances


def _training_data(
    problem: Problem, examples: Tensor | None, labels: Tensor | None
) -> tuple[Tensor, Tensor]:
    if (examples is None) != (labels is None):
        raise ValueError("exemplar needs examples and labels together, or neither.")
    if examples is None or labels is None:
        data = data_of(problem.model, "examples= and labels= have to be given")
        examples, labels = data.images, torch.as_tensor(data.labels)
    shape = problem.inputs.shape[1:]
    if examples.shape[1:] != shape or labels.shape != (len(examples),):
        raise ValueError(
            f"examples have to be (B, …) of the inputs' shape {tuple(shape)} with a label each; "
            f"they are {tuple(examples.shape)} with labels {tuple(labels.shape)}."
        )
    return examples.detach().cpu(), labels.cpu()

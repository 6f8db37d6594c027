"""Exemplars: the training examples that a network finds most alike."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.attribution.arguments import checked_inputs, checked_targets, count, probed
from xaikit.attribution.passes import borrowed, chunks, outputs
from xaikit.attribution.registry import Problem


@dataclass(frozen=True)
class Exemplars:
    """The nearest training example of each target class.

    Attributes
    ----------
    images
        (N, T, *shape), the examples themselves.
    indices
        (N, T), their places in the training data.
    distances
        (N, T), Euclidean, in feature space.
    targets
        (N, T) classes.
    seconds
        Wall-clock time.
    """

    images: Tensor
    indices: Tensor
    distances: Tensor
    targets: Tensor
    seconds: float


def exemplar(
    model: nn.Module,
    inputs: Tensor,
    targets: Any,
    *,
    examples: Tensor | None = None,
    labels: Tensor | None = None,
    layer: nn.Module | None = None,
    chunk: int = 128,
) -> Exemplars:
    """Find the training example of each target class that is nearest in feature space.

    An explanation by example: "this coat, because it is like that coat" (Kim et al. 2016,
    Examples are not enough, learn to criticize!). Nearness is the network's own: it tells what
    the network confuses, not what a person would call similar.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes).
    inputs
        (N, *shape), floating point, on the model's device.
    targets
        The class or classes of the examples: an int, (N,) or (N, T).
    examples, labels
        Training data (B, *shape) and (B,); default: the training split of the data set that the
        model's card names.
    layer
        A module whose flattened outputs are the features; default: what enters the last linear
        layer.
    chunk
        How many examples pass the model at once.

    Returns
    -------
    Exemplars
        Of equally near examples the first one counts.

    Raises
    ------
    ValueError, TypeError
        In one sentence: a class without examples, shapes that do not fit, no linear layer.
    """
    start = time.perf_counter()
    count(chunk, "chunk")
    inputs = checked_inputs(model, inputs)
    examples, labels = _training_data(model, inputs, examples, labels)
    with borrowed(model), torch.no_grad():
        wanted = checked_targets(targets, inputs, probed(model, inputs).shape[1])
        problem = Problem(model, inputs, wanted, 0, chunk)
        ours = _features(problem, layer)
        indices = torch.empty_like(wanted)
        distances = inputs.new_empty(wanted.shape)
        for target in sorted(set(wanted.flatten().tolist())):
            members = (labels == target).nonzero().squeeze(1)
            if len(members) == 0:
                raise ValueError(f"no training example has class {target}: choose other targets.")
            theirs = _features(replace(problem, inputs=examples[members.cpu()].to(inputs)), layer)
            # Exact differences: the fast formula of products would round a distance of zero.
            apart = torch.cdist(ours, theirs, compute_mode="donot_use_mm_for_euclid_dist")
            nearest, place = apart.min(dim=1)
            here = wanted == target
            found = members.to(place.device)[place]
            indices = torch.where(here, found.unsqueeze(1), indices)
            distances = torch.where(here, nearest.unsqueeze(1), distances)
    images = examples[indices.cpu()].to(inputs)
    return Exemplars(images, indices, distances, wanted, time.perf_counter() - start)


def _training_data(
    model: nn.Module, inputs: Tensor, examples: Tensor | None, labels: Tensor | None
) -> tuple[Tensor, Tensor]:
    if (examples is None) != (labels is None):
        raise ValueError("exemplar needs examples and labels together, or neither.")
    if examples is None or labels is None:
        card = getattr(model, "card", None)
        if not isinstance(card, dict) or "data" not in card:
            raise ValueError(
                "this model has no card that names its training data: give examples= and labels=."
            )
        from xaikit.data import load

        data = load(card["data"], "train")
        examples, labels = data.images, torch.as_tensor(data.labels)
    if examples.shape[1:] != inputs.shape[1:] or labels.shape != (len(examples),):
        raise ValueError(
            f"examples have to be (B, …) of the inputs' shape {tuple(inputs.shape[1:])} with a "
            f"label each; they are {tuple(examples.shape)} with labels {tuple(labels.shape)}."
        )
    return examples.detach().cpu(), labels.cpu()


def _features(problem: Problem, layer: nn.Module | None) -> Tensor:
    """Return the flattened features of the problem's inputs (N, features)."""
    model, seen = problem.model, list[Tensor]()
    if layer is None:
        linear = [each for each in model.modules() if isinstance(each, nn.Linear)]
        if not linear:
            raise ValueError(
                "exemplar needs features, and the model has no linear layer: name a module with "
                "layer=, for example model[3]."
            )
        hook = linear[-1].register_forward_pre_hook(lambda _, passed: seen.append(passed[0]))
    elif isinstance(layer, nn.Module) and any(layer is each for each in model.modules()):
        hook = layer.register_forward_hook(lambda _, __, found: seen.append(found))
    else:
        raise ValueError("layer has to be a module of the model, for example model[3].")
    features = []
    try:
        for rows in chunks(problem, len(problem.inputs)):
            seen.clear()
            outputs(model, problem.inputs[rows])
            if len(seen) != 1:
                raise ValueError(
                    f"exemplar's layer ran {len(seen)} times in one pass: choose one that runs "
                    f"once."
                )
            features.append(seen[0].flatten(1).clone())
    finally:
        hook.remove()
    return torch.cat(features)

"""Leave-one-out: train again without each example. The standard that the others approximate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.core.copies import copied
from xaikit.core.options import NonNegative
from xaikit.core.passes import outputs, progress
from xaikit.influence.curvature import curved
from xaikit.influence.fitting import minimum
from xaikit.influence.networks import Layers, network_of
from xaikit.influence.problem import Training
from xaikit.influence.registry import Found, influence_method

Losses = Callable[[Tensor | None], Tensor]
"""Places (n,) of the training examples that are left, or None for all, to the losses (M,)."""


@influence_method(
    "Leave-one-out retraining",
    needs=("layers", "training data", "labels"),
    paper="Cook 1977, Detection of influential observation in linear regression, "
    "doi:10.1080/00401706.1977.10489493",
)
def leave_one_out(
    problem: Training,
    *,
    layers: Layers = "last",
    damping: NonNegative = 0.01,
    steps: int = 500,
    fit: Callable[..., Any] | None = None,
) -> Found:
    """Train again without each training example, and measure how much the asked loss rises.

    N trainings: for small models only. The score is the loss without the example minus the loss
    with all.

    By default training is Newton's method or, with many weights, L-BFGS. It starts at the model's
    own weights and goes down to a gradient of about zero, of the sum of the losses of those that
    are left, divided by N, plus damping / 2 · |weights|². Of a model that is not convex in its
    weights this finds the minimum nearby, not what training from scratch would.

    Parameters
    ----------
    problem
        What is asked.
    layers
        ``"last"``: train the last linear layer alone; ``"all"``.
    damping
        The penalty: the weight decay of the training.
    steps
        Iterations at most.
    fit
        Trains instead: ``fit(model, images, labels)`` gets a fresh copy of the model, in its
        training mode, with the examples that are left, and trains it in place, or returns another.
        It has to draw its random numbers from a seed of its own.

    Returns
    -------
    Found
        ``details`` without ``fit``: ``gradient`` (N + 1,), the length of the objective's gradient
        where each training ended, that on all examples first.
    """
    if len(problem.images) == 1:
        raise ValueError("leave_one_out needs two training examples at least: one is left out.")
    gradients: list[Tensor] = []
    if fit is None:
        losses = _refitted(problem, layers, damping, steps, gradients)
    else:
        losses = _by_function(problem, fit)
    n = len(problem.images)
    every = torch.arange(n)
    scores = problem.empty()
    with progress(n + 1, "trainings") as tell:
        tell(0)
        whole = losses(None)
        for place in range(n):
            tell(place + 1)
            without = losses(every[every != place])
            if problem.itself:
                scores[place] = without[place] - whole[place]
            else:
                scores[:, place] = without - whole
        tell(n + 1)
    return Found(scores, {"gradient": torch.stack(gradients)} if gradients else {})


def _refitted(
    problem: Training, layers: Layers, damping: float, steps: int, gradients: list[Tensor]
) -> Losses:
    network = network_of(problem, layers)
    data = curved(problem, network)
    seen, labels = data.part(slice(None))
    asked = seen if problem.itself else network.seen(problem.inputs)
    right = labels if problem.itself else problem.labels
    start: list[Any] = [network.weights, None]

    def losses(left: Tensor | None) -> Tensor:
        counts = torch.ones(len(seen), dtype=seen.dtype, device=seen.device)
        if left is not None:
            counts.zero_()[left.to(seen.device)] = 1

        def mean(weights: Tensor) -> Tensor:
            # Weights of zero rather than fewer rows, so that each sum is rounded alike.
            return (problem.loss(network.outputs(weights, seen), labels) * counts).mean()

        found = minimum(mean, start[0], damping, steps, start[1])
        gradients.append(found.gradient)
        if left is None:
            start[:] = found.weights, found.factor  # the others begin where all examples led
        with torch.no_grad():
            return problem.loss(network.outputs(found.weights, asked), right)

    return losses


def _by_function(problem: Training, fit: Callable[..., Any]) -> Losses:
    def losses(left: Tensor | None) -> Tensor:
        model = copied(problem.model).train()
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        images, labels = problem.trained_on(slice(None) if left is None else left)
        returned = fit(model, images, labels)
        if returned is not None and not isinstance(returned, nn.Module):
            raise TypeError(
                f"fit has to train the model in place, or to return a torch.nn.Module, not a "
                f"{type(returned).__name__}."
            )
        trained = (model if returned is None else returned).eval()
        images, labels = problem.inputs, problem.labels
        if problem.itself:
            images, labels = problem.trained_on(slice(None))
        with torch.no_grad():
            pieces = (torch.split(each, problem.chunk) for each in (images, labels))
            parts = zip(*pieces, strict=True)
            return torch.cat([problem.loss(outputs(trained, x), y) for x, y in parts])

    return losses

"""TRAK: the network as a linear model of randomly projected gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.core.options import NonNegative
from xaikit.influence.curvature import Product, inverse
from xaikit.influence.gradients import asked_rows
from xaikit.influence.networks import Checkpoints, Layers, each_network
from xaikit.influence.problem import Training, right_margin
from xaikit.influence.projection import Projection
from xaikit.influence.registry import Found, influence_method


@influence_method(
    "TRAK",
    needs=("gradients", "layers", "training data", "labels"),
    paper="Park et al. 2023, TRAK: attributing model behavior at scale, arXiv:2303.14186",
)
def trak(
    problem: Training,
    *,
    layers: Layers = "all",
    checkpoints: Checkpoints = None,
    dimension: int = 512,
    damping: NonNegative = 0.0,
) -> Found:
    """Attribute the margin log(p / (1 - p)) of the label by a linear model of the gradients.

    With φ the margin's gradient by the weights, projected to ``dimension`` random directions, and
    Φ those of all training examples, a network's scores are φ(asked)ᵀ (ΦᵀΦ)⁻¹ Φᵀ: one Newton step
    of logistic regression. They are averaged over the checkpoints, and then multiplied by the mean
    of 1 - p of the training example: one that the networks are sure of changes nothing. Positive:
    training on the example raises the margin, so it lowers the loss.

    Inner products survive the projection up to an error of 1 / √dimension of the lengths: see
    :class:`~xaikit.influence.projection.Projection` (Johnson and Lindenstrauss).

    Parameters
    ----------
    problem
        What is asked.
    layers
        ``"last"`` or ``"all"``: which weights count.
    checkpoints
        State dicts, or their paths, of networks that were trained alike (from other seeds, best);
        default: the model as it is, alone.
    dimension
        Of the projection. Fewer than there are training examples.
    damping
        Added to the diagonal of ΦᵀΦ / N; 0: its pseudo-inverse.
    """
    if not problem.by_class:
        raise ValueError(
            "trak explains the margin of a class, so it takes loss='cross_entropy' only."
        )
    scores, doubt = problem.empty(), problem.inputs.new_zeros(len(problem.images))
    networks = 0
    for here, network, _ in each_network(problem, layers, checkpoints):
        # Its own one for each network, so that the average is over the projections, too.
        shorten = Projection(dimension, (problem.seed + networks) % 2**32)
        networks += 1
        gradients = problem.inputs.new_zeros(len(problem.images), dimension)
        for rows in here.parts():
            images, labels = here.trained_on(rows)
            seen = network.seen(images)
            gradients[rows] = shorten(network.rows(seen, labels, right_margin)).values
            with torch.no_grad():
                chances = network.outputs(network.weights, seen).softmax(1)
            doubt[rows] += 1 - chances.gather(1, labels.unsqueeze(1)).squeeze(1)
        n = len(gradients)
        exact = gradients.double()
        solve = inverse(exact.T @ exact / n, damping)

        def kernel(some: Tensor, solve: Product = solve) -> Tensor:
            return solve(some.double()).to(some)

        if problem.itself:
            scores += (kernel(gradients) * gradients).sum(1) / n
            continue
        for asked, ours in asked_rows(here, network, right_margin, shorten):
            assert ours is not None
            scores[asked].addmm_(kernel(ours.dense()) / n, gradients.T)
    return Found(scores / networks * (doubt / networks))

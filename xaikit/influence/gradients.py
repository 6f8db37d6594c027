"""Gradients that point the same way: Grad-Dot, Grad-Cos, TracIn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from xaikit.influence.networks import Checkpoints, Layers, Network, Rates, each_network
from xaikit.influence.problem import Loss, Training
from xaikit.influence.projection import Projection
from xaikit.influence.registry import Found, influence_method
from xaikit.influence.rows import Rows, joined

_HELD = 2**27
"""Numbers of the asked examples' gradients that are held at once: 512 MB in single precision."""


@influence_method(
    "Grad-Dot",
    needs=("layers", "training data", "labels"),
    paper="Charpiat et al. 2019, Input similarity from the neural network perspective, "
    "arXiv:2102.05262",
)
def grad_dot(problem: Training, *, layers: Layers = "last", projection: int | None = None) -> Found:
    """Take the inner product of the two losses' gradients by the weights.

    A step of gradient descent on the training example, of rate η, lowers the asked loss by η times
    the score, to first order. Examples that are badly learnt have long gradients, so they lead for
    every question; :func:`grad_cos` divides the lengths out.

    Parameters
    ----------
    problem
        What is asked.
    layers
        ``"last"``: the weights of the last linear layer, exact from products of activations and
        residuals; ``"all"``: all weights, by gradients of each example, also those that no
        training changed (``requires_grad`` plays no role).
    projection
        Hold at most this many numbers of each example (512, say): linear layers whose gradients
        are products of few numbers stay exact, the rest is projected at random; see
        :class:`~xaikit.influence.projection.Projection` on the error (Johnson and Lindenstrauss).
        Default: exact.
    """
    return Found(_products(problem, layers, None, None, projection, cosine=False))


@influence_method(
    "Grad-Cos",
    needs=("layers", "training data", "labels"),
    paper="Hanawa et al. 2021, Evaluation of similarity-based explanations, arXiv:2006.04528",
    of_itself=False,
)
def grad_cos(problem: Training, *, layers: Layers = "last", projection: int | None = None) -> Found:
    """Take the cosine of the angle between the two losses' gradients by the weights.

    A similarity, in [-1, 1], not a distance: 1 is the same direction. Parameters as in
    :func:`grad_dot`.

    Parameters
    ----------
    problem
        What is asked.
    layers, projection
        See :func:`grad_dot`.
    """
    return Found(_products(problem, layers, None, None, projection, cosine=True))


@influence_method(
    "TracIn over checkpoints",
    needs=("layers", "training data", "labels"),
    paper="Pruthi et al. 2020, Estimating training data influence by tracing gradient descent, "
    "arXiv:2002.08484",
)
def tracin(
    problem: Training,
    *,
    layers: Layers = "last",
    checkpoints: Checkpoints = None,
    learning_rates: Rates = None,
    projection: int | None = None,
) -> Found:
    """Sum Grad-Dot over checkpoints of the training, each times its learning rate (TracInCP).

    The score is the fall of the asked loss that steps of plain gradient descent on the training
    example bring about, to first order, one step for each checkpoint. What all checkpoints of a
    chain of layers (``nn.Sequential``) share at its front, such as a frozen backbone, is computed
    once.

    Parameters
    ----------
    problem
        What is asked.
    layers, projection
        See :func:`grad_dot`.
    checkpoints
        State dicts of the model, or their paths; default: the model as it is, alone.
    learning_rates
        One for each checkpoint; default: 1.
    """
    return Found(_products(problem, layers, checkpoints, learning_rates, projection, cosine=False))


def _products(
    problem: Training,
    layers: Layers,
    checkpoints: Checkpoints,
    rates: Rates,
    projection: int | None,
    *,
    cosine: bool,
) -> Tensor:
    """Return the sum of inner products over checkpoints, or of one checkpoint's cosines."""
    scores = problem.empty()
    held = _as_they_are if projection is None else Projection(projection, problem.seed).held
    for here, network, rate in each_network(problem, layers, checkpoints, rates):
        for asked, ours in asked_rows(here, network, here.loss, held):
            for rows in here.parts():
                theirs = held(training_rows(here, network, rows, here.loss))
                if here.itself:
                    scores[rows].add_(theirs.each(theirs), alpha=rate)
                    continue
                assert ours is not None
                part = scores[asked, rows]
                ours.add_cross(theirs, rate, part)
                if cosine:
                    lengths = ours.norms().unsqueeze(1) * theirs.norms()
                    part /= lengths.clamp_min(torch.finfo(part.dtype).tiny)
    return scores


def _as_they_are(rows: Rows) -> Rows:
    return rows


def training_rows(problem: Training, network: Network, rows: slice, loss: Loss) -> Rows:
    """Return some training examples' gradients."""
    images, labels = problem.trained_on(rows)
    return network.rows(network.seen(images), labels, loss)


def asked_rows(
    problem: Training,
    network: Network,
    loss: Loss,
    shorten: Callable[[Rows], Rows] | None = None,
) -> Iterator[tuple[slice, Rows | None]]:
    """Yield the asked examples' gradients, so many at once as may be held, with their places.

    Where each training example is asked about itself there are none, once.
    """
    if problem.itself:
        yield slice(0), None
        return
    held: list[Rows] = []
    start = stop = 0
    for images, labels in zip(
        torch.split(problem.inputs, problem.chunk),
        torch.split(problem.labels, problem.chunk),
        strict=True,
    ):
        found = network.rows(network.seen(images), labels, loss)
        found = found if shorten is None else shorten(found)
        held.append(found)
        stop += len(found)
        if stop == len(problem.inputs) or (stop - start + problem.chunk) * found.length > _HELD:
            yield slice(start, stop), joined(held)
            held, start = [], stop

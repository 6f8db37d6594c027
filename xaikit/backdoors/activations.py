"""What does the network make of the training data? Its penultimate activations, class by class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from xaikit.backdoors.suspicion import Suspicion
from xaikit.core.layers import features_of
from xaikit.core.passes import channels_last, numeric

FEWEST = 10
"""Examples that a class needs, lest a cluster in it be a coincidence."""
_RIDGE = 0.1
"""Share of the mean variance that is added to each: directions where others hardly vary."""
_LEAST = 1e-10
"""Share of all features' mean variance that the others' is held to have: rounding makes as much."""


@torch.no_grad()
def penultimate(suspicion: Suspicion) -> tuple[Tensor, Tensor]:
    """Return what enters the model's last linear layer, flattened (N, F), and logits (N, classes).

    Raises
    ------
    ValueError
        If the model has no linear layer, its last one does not run once a pass, or what enters or
        leaves it are no numbers.
    """
    model, inputs = suspicion.model, suspicion.inputs
    with (
        channels_last(model, inputs),
        features_of(model, None, "let the model end in an nn.Linear") as features,
    ):
        seen = [features(inputs[rows]) for rows in suspicion.parts(len(inputs))]
    found, scores = (torch.cat(each) for each in zip(*seen, strict=True))
    if not found.isfinite().all():
        raise ValueError(
            "the model's penultimate activations hold nan or infinity for these inputs: look for "
            "what divides by zero or overflows in it."
        )
    return found, numeric(scores)


@dataclass(frozen=True)
class ClassExamples:
    """What sets the examples of one class apart from each other.

    Attributes
    ----------
    label
        The class, as the data's labels have it.
    places
        (n,) where its examples stand in the data.
    deviations
        (n, F) from the class's mean, in units of how much the other classes vary, float64.
    """

    label: int
    places: Tensor
    deviations: Tensor


def by_class(features: Tensor, labels: Tensor, classes: int) -> Iterator[ClassExamples]:
    """Yield the classes of at least ten examples, in units of the other classes' spread.

    A trigger is seen in one class only. Where features vary in every class, for every class has
    large and small, bright and dark examples, that says little about poison; so a class's
    deviations are whitened by the covariance within the other classes (shrunk towards the
    identity). Whitening before the search for outliers is due to Hayase et al. 2021, SPECTRE:
    defending against backdoor attacks using robust statistics, arXiv:2104.11315, who estimate
    the covariance of a class's own clean examples instead.

    Parameters
    ----------
    features
        (N, F).
    labels
        (N,) int64.
    classes
        How many the labels tell apart.
    """
    features = features.double()
    groups = [(labels == label).nonzero().squeeze(1) for label in range(classes)]
    if sum(len(places) >= FEWEST for places in groups) < 2:
        raise ValueError(
            f"the data has to hold at least {FEWEST} examples of two classes or more: one class "
            f"is judged by comparison with the others."
        )
    floor = _LEAST * features.var(0, correction=0).mean()
    size = features.shape[1]
    scatter = features.new_zeros(size, size)
    for places in groups:
        scatter += _scatter(features[places])
    for label, places in enumerate(groups):
        if len(places) < FEWEST:
            continue
        own = features[places]
        # Its own part of the sum again, to the bit: constant other classes leave zero.
        within = (scatter - _scatter(own)).div_(len(features) - len(own))
        # All features constant: any unit will do.
        mean_variance = within.diagonal().mean().clamp_min(floor) if floor else 1.0
        within.diagonal().add_(_RIDGE * mean_variance)
        root = torch.linalg.cholesky(within)
        scaled = torch.linalg.solve_triangular(root, (own - own.mean(0)).T, upper=False).T
        yield ClassExamples(label, places, scaled)


def principal_axes(deviations: Tensor, number: int) -> Tensor:
    """Return (F, number) the orthonormal axes along which centred rows (n, F) vary most.

    Fewer where there are fewer rows or features. The eigenvectors of the smaller of the two Gram
    matrices are found in a tenth of the time that a singular value decomposition takes.
    """
    rows, size = deviations.shape
    if rows >= size:
        return _top_eigenvectors(deviations.T @ deviations, number)
    # Of unit length by QR: rows that leave an axis without variance give it no length to divide by.
    axes: Tensor = torch.linalg.qr(
        deviations.T @ _top_eigenvectors(deviations @ deviations.T, number)
    ).Q
    return axes


def _top_eigenvectors(gram: Tensor, number: int) -> Tensor:
    vectors: Tensor = torch.linalg.eigh(gram).eigenvectors
    return vectors[:, -number:].flip(1)


def _scatter(rows: Tensor) -> Tensor:
    if len(rows) == 0:
        return rows.new_zeros(rows.shape[1], rows.shape[1])
    apart = rows - rows.mean(0)
    return apart.T @ apart

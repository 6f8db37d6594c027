"""Checks: gradients by hand in numpy, and their products by loops."""

from __future__ import annotations

import math

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, Arguments, tensor
from .toys import dots, gradients, labels_of


def _networks(rng: np.random.Generator) -> Arguments:
    """Return networks, several asked examples and more training examples than these."""
    cases: Arguments = []
    for sizes, kind, asked, number in (((3, 4), "tanh", 2, 5), ((4, 5, 3), "relu", 3, 6)):
        network = Network.random(rng, sizes, kind)
        pair = [tensor(rng.normal(size=(count, sizes[0]))) for count in (asked, number)]
        labels = [torch.from_numpy(labels_of(rng, count, sizes[-1])) for count in (asked, number)]
        cases.append((network, pair[0], labels[0], pair[1], labels[1]))
    return cases


def _rows(rng: np.random.Generator) -> Arguments:
    """Return gradients of very different lengths, one of each kind zero."""
    cases: Arguments = []
    for size, asked, number in ((3, 3, 4), (8, 2, 5)):
        pair = []
        for count in (asked, number):
            rows = rng.normal(size=(count, size)) * 10.0 ** np.linspace(-2, 2, count)[:, None]
            rows[rng.integers(1, count)] = 0  # not the shortest
            rows = rng.permutation(rows)
            pair.append(tensor(rows))
        cases.append((pair[0], pair[1]))
    return cases


@task("grad-dot", Call("grad_dot", _networks, GIVEN), read="section {{ section }}")
def grad_dot(calls: list[Called]) -> None:
    """Backpropagation by hand."""
    for call in calls:
        network, inputs, labels, training, training_labels = call.arguments
        wanted = dots(
            gradients(network, inputs, labels),
            gradients(network, training, training_labels),
        )
        expect_close(
            call.returned,
            wanted,
            "grad_dot(…)",
            "Take the gradient of each example's own cross-entropy by all weights and biases, "
            "and the product of each asked one with each training one.",
            rtol=1e-3,
            atol=1e-4,
        )


@task(
    "grad-cos",
    Call(
        "grad_cos",
        _rows,
        GIVEN,
        without=("torch.nn.functional.cosine_similarity", "torch.cosine_similarity"),
    ),
    read="section {{ section }}",
)
def grad_cos(calls: list[Called]) -> None:
    """Each pair alone."""
    for call in calls:
        asked, training = (each.double().numpy() for each in call.arguments)
        products = dots(asked, training)
        lengths = [
            [math.sqrt(dots([row], [row])[0][0]) for row in rows] for rows in (asked, training)
        ]
        wanted = [
            [
                products[m][n] / (lengths[0][m] * lengths[1][n])
                if lengths[0][m] > 0 < lengths[1][n]
                else 0.0
                for n in range(len(training))
            ]
            for m in range(len(asked))
        ]
        expect_close(
            call.returned,
            wanted,
            "grad_cos(…)",
            "Divide each product by both lengths; a gradient that is zero has the cosine 0 with all.",
        )

"""Checks: products by differences of gradients, Krylov spaces, Hessians by loops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import (
    Call,
    Called,
    expect_close,
    expect_unchanged,
    task,
)

from ...shared.checks import GIVEN, Arguments, Array, tensor
from .toys import (
    activation_of,
    flat,
    gradient,
    labels_of,
    linear_map,
    residual,
    unflat,
    weights_of,
)

FORBIDDEN = (
    *("torch.autograd.functional.hvp", "torch.autograd.functional.vhp"),
    *("torch.autograd.functional.hessian", "torch.func.hessian"),
)


def _products(rng: np.random.Generator) -> Arguments:
    """Return networks whose Hessian does not treat any example or parameter as nothing."""
    cases: Arguments = []
    for sizes, kind, number in (
        ((3, 4), "tanh", 7),
        ((4, 5, 3), "tanh", 5),
        ((3, 4, 4, 2), "softplus", 9),
    ):
        network = Network.random(rng, sizes, kind)
        inputs = tensor(rng.normal(size=(number, sizes[0])))
        labels = torch.from_numpy(labels_of(rng, number, sizes[-1]))
        vector = tensor(rng.normal(size=flat(weights_of(network)).size))
        cases.append((network, inputs, labels, vector))
    return cases


def _systems(rng: np.random.Generator) -> Arguments:
    """Return positive definite maps, fewer steps than unknowns, as many, and one step too many.

    One needs its second step though the residual is small after the first.

    In the last, the residual becomes exactly zero: b is an eigenvector, and all is a power of two.
    """
    cases: Arguments = []
    for size, steps in ((4, 1), (6, 2), (7, 4), (3, 3)):
        turned = np.linalg.qr(rng.normal(size=(size, size)))[0]
        matrix = turned @ np.diag(rng.permutation(np.linspace(1, 6, size))) @ turned.T
        right = rng.choice((-1, 1), size=size) * rng.uniform(1, 2, size=size)
        cases.append((linear_map((matrix + matrix.T) / 2), tensor(right), steps))
    # After one of two steps the residual is small, and the solution is far away.
    angle = rng.uniform(0.3, 1.2)
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    uneven = axes @ np.diag((4, 0.01)) @ axes.T
    cases.append((linear_map((uneven + uneven.T) / 2), tensor(axes @ (2, 0.01)), 2))
    right = np.zeros(4)
    right[rng.integers(4)] = 2.0 ** rng.integers(-2, 3)
    cases.append((linear_map(np.diag(2.0 ** rng.permutation(4))), tensor(right), 3))
    return cases


def _last_layers(rng: np.random.Generator) -> Arguments:
    """Return small classifiers that are sure of nothing."""
    cases: Arguments = []
    for number, size, classes, asked, damping in (
        (6, 2, 3, 2, 0.02),
        (9, 3, 2, 3, 0.3),
        (8, 2, 4, 1, 2.0),
    ):
        features = rng.normal(size=(number, size))
        features[:, -1] = 1
        news = rng.normal(size=(asked, size))
        weight = rng.normal(size=(classes, size))
        cases.append(
            (
                torch.from_numpy(features),
                torch.from_numpy(labels_of(rng, number, classes)),
                torch.from_numpy(weight),
                torch.from_numpy(news),
                torch.from_numpy(labels_of(rng, asked, classes)),
                damping,
            )
        )
    return cases


@task(
    "hvp",
    Call("hessian_vector", _products, GIVEN, without=FORBIDDEN),
    read="section {{ section }} and Pearlmutter 1994",
)
def hvp(calls: list[Called]) -> None:
    """Differences of the mean gradient along the vector, both in double precision."""
    for call in calls:
        network, inputs, labels, vector = call.arguments
        start, way = flat(weights_of(network)), vector.double().numpy()
        step = 1e-5
        expect_close(
            call.returned,
            (
                _mean_slope(network, start + step * way, inputs, labels)
                - _mean_slope(network, start - step * way, inputs, labels)
            )
            / (2 * step),
            "hessian_vector(…)",
            "Differentiate the mean cross-entropy by all parameters, keep the graph, multiply by the "
            "vector, and differentiate the number that you get again.",
            rtol=1e-3,
            atol=1e-4,
        )


def _mean_slope(network: Network, parameters: Array, inputs: Any, labels: Any) -> Array:
    """Return the gradient of the mean cross-entropy with other parameters in the network."""
    moved, kind = unflat(parameters, weights_of(network)), activation_of(network)
    pairs = zip(inputs.double().numpy(), labels.tolist(), strict=True)
    return np.asarray(np.mean([gradient(moved, x, label, kind) for x, label in pairs], axis=0))


@task("cg", Call("conjugate_gradients", _systems, GIVEN), read="section {{ section }}")
def cg(calls: list[Called]) -> None:
    """The minimum of the energy over the space that so many products span."""
    for call in calls:
        product, right, steps = call.arguments
        matrix = np.asarray(product.layers[0].weight, dtype=float)
        b = right.double().numpy()
        powers = [b]
        for _ in range(steps - 1):
            powers.append(matrix @ powers[-1] / np.linalg.norm(matrix @ powers[-1]))
        # Powers of an eigenvector are parallel: they span one dimension.
        left, sizes, _ = np.linalg.svd(np.stack(powers, axis=1), full_matrices=False)
        basis = left[:, sizes > 1e-9 * sizes[0]]
        wanted = basis @ np.linalg.solve(basis.T @ matrix @ basis, basis.T @ b)
        expect_close(
            call.returned,
            wanted,
            "conjugate_gradients(…)",
            "Begin at zero, make just as many steps as are asked, take each direction conjugate to "
            "the last, and stop where the residual is exactly zero.",
            rtol=1e-3,
            atol=1e-4,
        )
    expect_unchanged(calls, 1, "right")


@task("damped", Call("damped_influence", _last_layers, GIVEN), read="section {{ section }}")
def damped(calls: list[Called]) -> None:
    """Gradients and Hessian entry by entry."""
    for call in calls:
        features, labels, weight, asked, asked_labels, damping = (
            each.numpy() if isinstance(each, torch.Tensor) else each for each in call.arguments
        )
        classes, size = weight.shape

        def slope(x: Array, label: int, weight: Array = weight) -> Array:
            return np.outer(residual(weight @ x, label), x).ravel()

        places = list(itertools.product(range(classes), range(size)))
        hessian = np.zeros((len(places), len(places)))
        for x in features:
            chances = np.exp(weight @ x) / np.exp(weight @ x).sum()
            for row, (a, f) in enumerate(places):
                for column, (b, g) in enumerate(places):
                    spread = chances[a] * (a == b) - chances[a] * chances[b]
                    hessian[row, column] += spread * x[f] * x[g] / len(features)
        inverse = np.linalg.inv(hessian + damping * np.eye(len(places)))
        wanted = [
            [
                slope(a, int(label)) @ inverse @ slope(x, int(other))
                for x, other in zip(features, labels, strict=True)
            ]
            for a, label in zip(asked, asked_labels, strict=True)
        ]
        expect_close(
            call.returned,
            wanted,
            "damped_influence(…)",
            "The gradient of an example is (p − e_y) xᵀ; the Hessian is a mean over the training "
            "examples, and damping is added to its diagonal.",
        )

"""Checks: products by differences of gradients, Krylov spaces, Hessians by loops, refits."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import (
    Call,
    Called,
    Value,
    entries,
    expect,
    expect_close,
    expect_unchanged,
    task,
)
from xaikit.influence import study

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


@functools.cache
def thirty_images() -> tuple[Array, list[int], Array, list[int]]:
    """Return the thirty and the forty images as rows, and their labels."""
    made: list[Any] = []
    for data, number in ((study().training, 15), (study().test, 20)):
        rows, labels = [], []
        for label, name in enumerate(("T-shirt/top", "Dress")):
            images = data.images[data.labels == data.classes.index(name)][:number]
            for image in images[:, 0].double().numpy():
                means = image.reshape(4, 7, 4, 7).mean(axis=(1, 3))
                rows.append(np.append(means.ravel(), 1.0))
                labels.append(label)
        made += [np.stack(rows), labels]
    return made[0], made[1], made[2], made[3]


DECAY = 0.01


def newton(counts: Array) -> Array:
    """Return the difference of both classes' weights, fitted by Newton's method.

    Of two classes the better weights are each other's negative, so the decay of both together is
    that of a vector w/2 twice: λ/4 times the square of the difference w.
    """
    rows, labels, _, _ = thirty_images()
    signs = np.array(labels) * 2.0 - 1
    w = np.zeros(17)
    for _ in range(50):
        chance = 1 / (1 + np.exp(signs * (rows @ w)))
        slope = -(rows * (counts * signs * chance)[:, None]).sum(0) / 30 + DECAY / 2 * w
        curve = (rows.T * (counts * chance * (1 - chance))) @ rows / 30 + DECAY / 2 * np.eye(17)
        w = w - np.linalg.solve(curve, slope)
    return w


def loss_of_forty(w: Array) -> float:
    """Return the mean loss of the forty test images."""
    _, _, rows, labels = thirty_images()
    signs = np.array(labels) * 2.0 - 1
    return float(np.log1p(np.exp(-signs * (rows @ w))).mean())


@functools.cache
def left_out_key() -> Array:
    """Return the change of the loss without each of the thirty images."""
    whole = loss_of_forty(newton(np.ones(30)))
    return np.array([loss_of_forty(newton(1 - np.eye(30)[k])) - whole for k in range(30)])


@functools.cache
def predicted_key() -> Array:
    """Return what the influence function predicts: the slope by an example's weight."""
    step = 1e-4
    ones, each = np.ones(30), np.eye(30)
    return np.array(
        [
            (loss_of_forty(newton(ones - step * k)) - loss_of_forty(newton(ones + step * k)))
            / (2 * step)
            for k in each
        ]
    )


@functools.cache
def agreement_key() -> float:
    """Return the rank correlation of the two."""
    ranks = [
        np.array([sum(other < value for other in values) for value in values], dtype=float)
        for values in (left_out_key(), predicted_key())
    ]
    return float(np.corrcoef(*ranks)[0, 1])


@task("gold-standard", Value("left_out", "agreement"), read="section {{ section }}")
def gold_standard(values: dict[str, Any]) -> None:
    """Two thirds for the changes; the correlation counts beside them only."""
    key = left_out_key()
    found = entries(values["left_out"], (30,))
    expect(
        np.allclose(found, key, rtol=0.005, atol=0.005 * np.abs(key).max()),
        "`left_out` does not hold the changes: train again without each image, with the others kept, "
        "and take the mean loss of the forty test images without it minus that with all.",
    )
    rank = entries(values["agreement"], ())
    expect(
        abs(float(rank) - agreement_key()) < 0.002,
        "`left_out` is right, but `agreement` is not the correlation of the ranks of `left_out` and "
        "`predicted`. A rank is an example's place in the sorted order.",
        2 / 3,
    )

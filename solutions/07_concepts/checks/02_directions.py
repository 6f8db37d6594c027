"""Checks: classifiers fitted again without each example, central differences, captum's sums."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import nn

from autograde.inside.networks import Layer, Network
from autograde.tasks import (
    Call,
    Called,
    Value,
    entries,
    expect,
    expect_close,
    expect_unchanged,
    says,
    task,
)

from ...shared.checks import GIVEN, Arguments, Array, drawn, expect_pair, tensor
from .world import HERE

CAPTUM_LAYERS = ("4", "9")


def boundary(rows: Array, signs: Array, ridge: float) -> tuple[Array, float]:
    """Return the weights and the intercept of ridge regression, by least squares."""
    centred, root = rows - rows.mean(0), math.sqrt(ridge)
    # As many rows more as examples are enough: the weights are sums of examples.
    basis = np.linalg.qr(centred.T)[0]
    longer = np.concatenate([centred @ basis, root * np.eye(basis.shape[1])])
    goal = np.concatenate([signs - signs.mean(), np.zeros(basis.shape[1])])
    weights = basis @ np.linalg.lstsq(longer, goal, rcond=None)[0]
    return weights, float(signs.mean() - rows.mean(0) @ weights)


def unseen_values(rows: Array, signs: Array, ridge: float) -> Array:
    """Return what each example gets from a classifier that was fitted without it."""
    found = []
    for k in range(len(rows)):
        rest = np.arange(len(rows)) != k
        weights, intercept = boundary(rows[rest], signs[rest], ridge)
        found.append(float(rows[k] @ weights + intercept))
    return np.array(found)


def two_sets(concept: Any, others: Any) -> tuple[Array, Array]:
    """Return the rows of both sets, and 1 and −1."""
    signs = np.concatenate([np.ones(len(concept)), -np.ones(len(others))])
    return np.concatenate([concept.double().numpy(), others.double().numpy()]), signs


def _sets(rng: np.random.Generator) -> Arguments:
    """Return sets of unequal sizes, far from zero, that overlap; one with many activations."""

    def draw(inside: int, outside: int, size: int, ridge: float) -> tuple[Any, ...]:
        both = rng.normal(size=(inside + outside, size)) * rng.uniform(0.5, 2, size=size)
        both += rng.uniform(2, 4, size=size)
        both[:inside] += 2 * rng.normal(size=size) / math.sqrt(size)
        return torch.from_numpy(both[:inside]), torch.from_numpy(both[inside:]), ridge

    def shows(case: tuple[Any, ...]) -> bool:
        concept, others, ridge = case
        rows, signs = two_sets(concept, others)
        unseen = unseen_values(rows, signs, ridge)
        weights, intercept = boundary(rows, signs, ridge)
        fitted = rows @ weights + intercept
        # By 1 / (1 − h) an example's own fitted value counts more, so this is what another mean does.
        factors = (signs - unseen) / (signs - fitted)
        means = signs.sum(), np.median(signs), 0.0
        other = [unseen + (each - signs.mean()) * factors for each in (*means, signs.mean() - 1)]
        shares = [(signs * each > 0).mean() for each in (fitted, *other)]
        right = (signs * unseen > 0).mean()
        return min(abs(unseen)) > 0.02 and right not in shares and right != 0.5

    sizes = ((6, 9, 3, 2.0), (9, 5, 40, 20.0), (7, 10, 4000, 30.0))
    return [drawn(lambda size=size: draw(*size), shows) for size in sizes]


@task(
    "cav",
    Call("activation_vector", _sets, GIVEN),
    read="section {{ section }} and Kim et al. 2018",
)
def cav(calls: list[Called]) -> None:
    """Half for the vector, half for the accuracy."""
    for place in (0, 1):
        for call in calls:
            concept, others, ridge = call.arguments
            rows, signs = two_sets(concept, others)
            pair = expect_pair(call.returned, "activation_vector(…)")
            if place == 0:
                weights, _ = boundary(rows, signs, ridge)
                expect_close(
                    pair[0],
                    weights / np.linalg.norm(weights),
                    "the vector",
                    "Take the mean of all rows from them, use +1 for the concept and −1 for the others, add λ to "
                    "the diagonal once, and divide by the length.",
                    rtol=1e-3,
                    atol=1e-5,
                )
            else:
                expect_close(
                    pair[1],
                    (signs * unseen_values(rows, signs, ridge) > 0).mean(),
                    "the share",
                    "Fit the classifier without each example, or use the formula with h, and count the examples "
                    "of both sets that are on their side.",
                    atol=1e-3,
                    fraction=0.5,
                )


def _networks(rng: np.random.Generator) -> Arguments:
    """Return smooth networks asked at a convolution and at linear layers, about several classes."""
    convolution = rng.normal(size=(3, 2, 2, 2)), rng.normal(size=3)
    first = [
        Layer.conv2d(*convolution),
        Layer("tanh"),
        Layer("flatten"),
        Layer.linear(rng.normal(size=(6, 12)) / 2, rng.normal(size=6)),
        Layer("softplus"),
        Layer.linear(rng.normal(size=(4, 6)), rng.normal(size=4)),
    ]
    cases: Arguments = []
    for layer, size, number in (("0", 12, 3), ("1", 12, 4), ("3", 6, 2)):
        images = tensor(rng.normal(size=(number, 2, 3, 3)))
        vector = tensor(rng.normal(size=size))
        target = int(rng.integers(4))
        cases.append((Network(first), layer, images, vector, target))
    return cases


def differences(network: Network, layer: str, images: Any, vector: Any, target: int) -> Array:
    """Return central differences of the logit, in double precision."""
    modules = [each.module().double() for each in network.layers]
    with torch.no_grad():
        here = nn.Sequential(*modules[: int(layer) + 1])(images.double())
        step = 1e-5 * vector.double().view(here.shape[1:])
        rest = nn.Sequential(*modules[int(layer) + 1 :])
        found = (rest(here + step) - rest(here - step))[:, target] / 2e-5
    return np.asarray(found.numpy())


@task(
    "along",
    Call("along", _networks, GIVEN),
    read="section {{ section }} and Kim et al. 2018",
)
def along(calls: list[Called]) -> None:
    """Move the activations a little, both ways."""
    for call in calls:
        expect_close(
            call.returned,
            differences(*call.arguments),
            "along(…)",
            "Is it the gradient of the target's logit by what the named layer returns, flattened, times the "
            "vector, without a mean over images?",
            rtol=1e-3,
            atol=1e-4,
        )
    expect_unchanged(calls, 0, "network")


@functools.cache
def by_hand() -> dict[str, Array]:
    """Return captum's numbers at both layers, by gradients and least squares of our own."""
    found: dict[str, list[float]] = {"signs": [], "means": [], "parts": [], "unit": []}
    for name in CAPTUM_LAYERS:
        head, rest = HERE.network[: int(name) + 1], HERE.network[int(name) + 1 :]
        with torch.no_grad():
            sets = [head(each).flatten(1) for each in (HERE.shoes, HERE.mixture)]
            at = head(HERE.boots)
        at = at.requires_grad_()
        (slopes,) = torch.autograd.grad(rest(at)[:, HERE.BOOT].sum(), at)
        weights, _ = boundary(*two_sets(*sets), 1.0)
        each = slopes.flatten(1).double().numpy() @ weights
        found["signs"].append((each > 0).mean())
        found["means"].append(each.sum() / len(each))
        found["parts"].append(each[each > 0].sum() / abs(each).sum())
        found["unit"].append(each.mean() / np.linalg.norm(weights))
    return {key: np.array(values) for key, values in found.items()}


@task(
    "captum-tcav",
    Value("sign_counts", "magnitudes", "documented", "unit_magnitudes", "computed"),
    read="section {{ section }} and the source of captum.concept.TCAV",
)
def captum_tcav(values: dict[str, Any]) -> None:
    """A third for captum's own numbers, for the documented ones, and for what they mean."""
    wanted = by_hand()

    def near(name: str, key: str, slack: float) -> bool:
        found = entries(values[name], (2,))
        return bool(np.all(abs(found - wanted[key]) <= slack * abs(wanted[key])))

    expect(
        near("sign_counts", "signs", 0.015) and near("magnitudes", "means", 0.01),
        "`sign_counts` and `magnitudes` are not what captum returns for `shoes`: are layers, pair, inputs and "
        "target those of the text, and is it the first entry of each tensor?",
    )
    expect(
        near("documented", "parts", 0.01),
        "`documented` is not the documented formula: the sum of the positive numbers, divided by the sum of all "
        "absolute values, with the derivatives along captum's own vectors.",
        1 / 3,
    )
    expect(
        near("unit_magnitudes", "unit", 0.01) and says(values["computed"], "mean"),
        "How do captum's magnitudes change with the length of a vector, and what do they do with negative numbers? "
        "Compute the four candidates from the numbers of all inputs.",
        2 / 3,
    )

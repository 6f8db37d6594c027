"""Checks: multiplicative updates entry by entry, and Sobol indices row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograde.inside.networks import Layer, Network
from autograde.tasks import Call, Called, expect_close, expect_unchanged, task

from ...shared.checks import GIVEN, Arguments, Array, drawn, expect_pair, tensor


def updated(values: Array, left: Array, right: Array, steps: int) -> tuple[Array, Array]:
    """Return both factors: each entry times its quotient of sums."""
    n, m, k = len(values), values.shape[1], left.shape[1]
    left, right = left.copy(), right.copy()
    for _ in range(steps):
        product, old = left @ right, right.copy()
        for a, j in np.ndindex(k, m):
            above = sum(left[i, a] * values[i, j] for i in range(n))
            right[a, j] = old[a, j] * above / sum(left[i, a] * product[i, j] for i in range(n))
        product, old = left @ right, left.copy()
        for i, a in np.ndindex(n, k):
            above = sum(right[a, j] * values[i, j] for j in range(m))
            left[i, a] = old[i, a] * above / sum(right[a, j] * product[i, j] for j in range(m))
    return left, right


def matrices(rng: np.random.Generator) -> Arguments:
    """Return matrices of several shapes, far from their starts, for one step and for more.

    In the last one the numbers are small, so that each step is short: it is no reason to stop.
    """
    return [
        (
            tensor(scale**2 * rng.uniform(0.2, 4, size=(n, m))),
            tensor(scale * rng.uniform(0.3, 2, size=(n, k))),
            tensor(scale * rng.uniform(0.3, 2, size=(k, m))),
            steps,
        )
        for n, m, k, steps, scale in (
            (4, 5, 2, 1, 1),
            (6, 3, 2, 2, 1),
            (5, 7, 3, 4, 1),
            (5, 4, 2, 30, 0.05),
        )
    ]


@task("factorise", Call("factorise", matrices, GIVEN), read="section {{ section }}")
def factorise(calls: list[Called]) -> None:
    """Compare both factors."""
    for call in calls:
        values, left, right, steps = call.arguments
        wanted = updated(*(each.double().numpy() for each in (values, left, right)), steps)
        got = expect_pair(call.returned, "factorise(…)")
        for place, name in enumerate(("W", "H")):
            expect_close(
                got[place],
                wanted[place],
                f"{name} of factorise(…)",
                "In each step first H by its quotient, then W by its own with the new H; entry by entry, from the given start; "
                "return W, then H.",
                rtol=2e-3,
                atol=1e-4,
            )
    for place, name in ((1, "W"), (2, "H")):
        expect_unchanged(calls, place, name)


def outputs_of(network: Network, rows: Array, target: int) -> Array:
    """Return an output of a network with one hidden layer, row by row."""
    first, _, last = network.layers
    found = []
    for row in rows:
        hidden = np.asarray(first.weight, float) @ row + np.asarray(first.bias, float)
        every = np.asarray(last.weight, float) @ np.maximum(hidden, 0) + np.asarray(
            last.bias, float
        )
        found.append(every[target])
    return np.array(found)


def indices(network: Network, one: Array, other: Array, target: int) -> Array:
    """Return total Sobol indices by Jansen's estimator."""
    at_one = outputs_of(network, one, target)
    both = np.concatenate([at_one, outputs_of(network, other, target)])
    variance = sum((each - both.mean()) ** 2 for each in both) / len(both)
    found = []
    for k in range(one.shape[1]):
        rows = [
            [b[i] if i == k else a[i] for i in range(len(a))]
            for a, b in zip(one, other, strict=True)
        ]
        squares = (at_one - outputs_of(network, np.array(rows), target)) ** 2
        found.append(squares.sum() / (2 * len(one)) / variance)
    return np.array(found)


def designs(rng: np.random.Generator) -> Arguments:
    """Return networks in which concepts act together, and designs that lead to other indices than rivals do."""
    cases: Arguments = []
    for concepts, rows in ((3, 6), (4, 5)):

        def draw(concepts: int = concepts, rows: int = rows) -> tuple[Any, ...]:
            layers = [
                Layer.linear(3 * rng.normal(size=(5, concepts)), rng.normal(scale=0.5, size=5)),
                Layer("relu"),
                Layer.linear(rng.normal(size=(3, 5)), rng.normal(size=3)),
            ]
            one, other = rng.random((rows, concepts)), rng.random((rows, concepts))
            return Network(layers), tensor(one), tensor(other), int(rng.integers(3))

        def shows(case: tuple[Any, ...]) -> bool:
            network, one, other, target = case
            one, other = one.double().numpy(), other.double().numpy()
            outputs = [[outputs_of(network, each, k) for k in range(3)] for each in (one, other)]
            spreads = [each.var() for pair in outputs for each in pair]
            if min(spreads) < 0.05:
                return False
            right = indices(network, one, other, target)
            at_one, at_other = (each[target] for each in outputs)
            rivals = [indices(network, other, one, target)]
            rivals += [indices(network, one, other, k) for k in range(3) if k != target]
            both = np.concatenate([at_one, at_other]).var()
            rivals += [right * both / each.var() for each in (at_one, at_other)]
            return all(np.abs(each - right).max() > 0.05 for each in rivals)

        cases.append(drawn(draw, shows))
    return cases


@task("sobol", Call("total_sobol", designs, GIVEN), read="section {{ section }}")
def sobol(calls: list[Called]) -> None:
    """Mix the designs row by row."""
    for call in calls:
        network, one, other, target = call.arguments
        expect_close(
            call.returned,
            indices(network, one.double().numpy(), other.double().numpy(), target),
            "total_sobol(…)",
            "For each concept put its column of B into A, and compare with the outputs at A. The variance is taken over the outputs at "
            "both designs together, divided by their number; the sum of squares is divided by 2n.",
            rtol=2e-3,
            atol=1e-4,
        )
    for place, name in ((1, "first"), (2, "other")):
        expect_unchanged(calls, place, name)

"""Checks of section 5: Shapley values by going through all orders of the players."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, Value, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array
from .networks import normal_vector, outputs_of


def shapley_by_orders(worth: Sequence[float], players: int) -> Array:
    """Return Shapley values as the mean of what players add, over all orders of arrival."""
    values = np.zeros(players)
    for order in itertools.permutations(range(players)):
        coalition = 0
        for player in order:
            before = coalition
            coalition |= 1 << player
            values[player] += worth[coalition] - worth[before]
    return values / math.factorial(players)


@task("shapley-by-pencil", Value("shares"), read="Section 5, the worked example")
def shapley_by_pencil(values: dict[str, Any]) -> None:
    expect_close(
        values["shares"],
        shapley_by_orders([0, 12, 0, 30, 0, 18, 18, 60], 3),  # ∅ A B AB C AC BC ABC
        "shares",
        "Write down the six orders and what A, B and C add in each; then take the means.",
        rtol=1e-3,
    )


def coalition_sizes(rng: np.random.Generator) -> Arguments:
    return [(size, players) for players in (1, 3, 5, 7) for size in range(1, players + 1)]


@task(
    "repair-weight",
    Call("weight_of_coalition", coalition_sizes, GIVEN),
    read="Section 5, the formula for coalitions without player i",
)
def repair_weight(calls: list[Called]) -> None:
    for call in calls:
        size, players = call.arguments
        # Player i comes last in a coalition of this size with probability 1/players, and then each
        # choice of the others is as probable as any other.
        reference = 1 / (players * math.comb(players - 1, size - 1))
        expect_close(
            call.returned,
            reference,
            "weight_of_coalition",
            "The formula of Section 5 counts the players before i: here that is one fewer than `size`.",
            atol=1e-12,
        )


def games(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for players in (1, 3, 3, 4, 6):
        cases.append((rng.normal(size=2**players), players))
    return cases


@task("shapley", Call("shapley_values", games, GIVEN), read="Section 5; Shapley 1953")
def shapley(calls: list[Called]) -> None:
    for call in calls:
        worth, players = call.arguments
        found = expect_array(call.returned, (players,), "shapley_values")
        hint = "They add up rightly, but are shared out wrongly: check the weight by |S|."
        if not np.isclose(found.sum(), worth[-1] - worth[0], rtol=1e-4, atol=1e-5):
            hint = "They do not add up to v(N) − v(∅). Mind that v(∅) need not be 0."
        expect_close(found, shapley_by_orders(worth, players), "shapley_values", hint, atol=1e-5)


def masked_models(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for features in (2, 3, 5):
        network = Network.random(rng, (features, 6, 3))
        x, baseline = normal_vector(rng, features), normal_vector(rng, features)
        cases.append((network, x, baseline, int(rng.integers(3))))
    return cases


@task(
    "coalition-worths",
    Call("coalition_worths", masked_models, GIVEN),
    read="Section 5, From a model to a game",
)
def coalition_worths(calls: list[Called]) -> None:
    for call in calls:
        network, x, baseline, target = call.arguments
        reference = []
        for coalition in range(2 ** len(x)):
            present = [c == "1" for c in reversed(f"{coalition:0{len(x)}b}")]
            mixed = [float(x[i] if here else baseline[i]) for i, here in enumerate(present)]
            reference.append(outputs_of(network, np.array([mixed]))[0, target])
        found = expect_array(call.returned, (len(reference),), "coalition_worths")
        hint = "Feature i is present if bit i of the coalition's number is 1, the lowest bit first."
        if np.allclose(found[::-1], reference, rtol=1e-3, atol=1e-4):
            hint = "Present and absent have changed places: bit 1 takes x, bit 0 the baseline."
        expect_close(found, reference, "coalition_worths", hint, rtol=1e-3, atol=1e-4)

"""Checks: Shapley values by going through all orders of the players."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, Value, expect, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array, drawn, tensor
from .networks import normal_vector, other_class, outputs_of


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


@task("shapley-by-pencil", Value("shares"), read="Section {{ section }}, the worked example")
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
    read="Section {{ section }}, the formula for coalitions without player i",
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
            "The formula of this section counts the players before i: here that is one fewer than `size`.",
            atol=1e-12,
        )


def games(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for players in (1, 3, 3, 4, 6):
        cases.append((rng.normal(size=2**players), players))
    return cases


@task("shapley", Call("shapley_values", games, GIVEN), read="Section {{ section }}; Shapley 1953")
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
        cases.append((network, x, baseline, other_class(rng, network, x)))
    return cases


@task(
    "coalition-worths",
    Call("coalition_worths", masked_models, GIVEN),
    read="Section {{ section }}, From a model to a game",
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


def correlated_inputs(rng: np.random.Generator) -> Arguments:
    """Draw networks and tables of correlated features on which each wrong average is another."""

    def case(features: int, count: int) -> tuple[Any, ...]:
        every = np.array(list(itertools.product((0.0, 1.0, 2.5), repeat=features)))
        inputs = tensor(every[rng.choice(len(every), size=count, replace=False)])
        chances = tensor(0.3 / count + 0.7 * rng.dirichlet(np.full(count, 0.7)))
        network = Network.random(rng, (features, 6, 3))
        x = inputs[int(rng.integers(count))]
        return network, x, inputs, chances, other_class(rng, network, x)

    def tells(case: tuple[Any, ...]) -> bool:
        network, x, inputs, _, target = case
        alike = np.full(len(inputs), 1 / len(inputs))
        inner = slice(1, -1)  # neither nobody nor all
        mine = {e: worths_by_table(*case, e) for e in ("marginal", "conditional")}
        even = {e: worths_by_table(network, x, inputs, alike, target, e) for e in mine}
        others = [
            (mine["marginal"] - mine["conditional"])[inner],
            *(mine[e] - even[e] for e in mine),
            mine["marginal"] - worths_by_table(*case, "independent"),
        ]
        return all(np.abs(each).max() > 0.1 for each in others)

    drawn_cases = [drawn(lambda shape=shape: case(*shape), tells) for shape in ((2, 5), (3, 9))]
    drawn_cases.append(drawn(lambda: case(4, 12), tells))
    return [(*each, e) for each in drawn_cases for e in ("marginal", "conditional")]


def worths_by_table(
    network: Network, x: Any, inputs: Any, probabilities: Any, target: int, expectation: str
) -> Array:
    """Return each coalition's expected output from the table of the absent features' values.

    ``"independent"`` takes the product of the features' own distributions: a mistake.
    """
    x, inputs, chances = (np.asarray(each, dtype=float) for each in (x, inputs, probabilities))
    chances = chances / chances.sum()
    worths = []
    for coalition in range(2 ** len(x)):
        absent = [i for i in range(len(x)) if not coalition >> i & 1]
        known = [i for i in range(len(x)) if coalition >> i & 1]
        table: dict[tuple[float, ...], float] = {}
        if expectation == "independent":
            for values in itertools.product(*(np.unique(inputs[:, i]) for i in absent)):
                shares = [
                    chances[inputs[:, i] == v].sum() for i, v in zip(absent, values, strict=True)
                ]
                table[values] = float(np.prod(shares))
        else:
            for row, chance in zip(inputs, chances, strict=True):
                if expectation == "marginal" or np.array_equal(row[known], x[known]):
                    key = tuple(row[absent])
                    table[key] = table.get(key, 0.0) + chance
        points = np.tile(x, (len(table), 1))
        points[:, absent] = list(table)
        weights = np.array(list(table.values()))
        worths.append(weights @ outputs_of(network, points)[:, target] / weights.sum())
    return np.array(worths)


@task(
    "expected-worths",
    Call("expected_worths", correlated_inputs, GIVEN),
    read="Section {{ section }}, Task {{ task.expected-worths }}: the two expectations; Janzing 2020; Aas 2021",
)
def expected_worths(calls: list[Called]) -> None:
    wrong = set()
    for call in calls:
        reference = worths_by_table(*call.arguments)
        found = expect_array(call.returned, reference.shape, "expected_worths")
        if not np.allclose(found, reference, rtol=1e-3, atol=1e-4):
            wrong.add(call.arguments[-1])
    expect(
        not wrong,
        f"Not right for the {' and the '.join(sorted(wrong))} expectation. The marginal one puts "
        "the known features' values into every input, and weights by the inputs' probabilities; "
        "the conditional one takes only inputs that agree with x in all known features, and "
        "divides by the sum of their probabilities.",
        0.5 if len(wrong) == 1 else 0,
    )

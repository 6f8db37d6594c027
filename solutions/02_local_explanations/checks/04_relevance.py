"""Checks: relevance, shared out unit by unit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, Wrong, task

from ...shared.checks import GIVEN, drawn, tensor
from .by_hand import expect_near, linear_layers
from .networks import exact_inputs, other_class, relu_layers, relu_network, stop_at_zero

Problem = tuple[Network, Tensor, int, Any]
"""A network, its input, the target, and ε or the name of a rule."""


def _epsilon_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return networks with logits of either sign, and an ε that is not small beside them.

    In those with hidden layers one unit stands exactly at zero.
    """
    wanted = (
        *(((6, 4), -0.5, 0.3), ((6, 4), 0.5, 0.2), ((5, 8, 3), 0.5, 0.25)),
        *(((5, 8, 3), -0.6, 0.25), ((5, 8, 7, 3), 1.5, 0.1), ((5, 8, 7, 3), -1.5, 1e-6)),
    )
    return [drawn(lambda each=each: _with_logit(rng, *each), _well_posed) for each in wanted]


def _with_logit(
    rng: np.random.Generator, sizes: tuple[int, ...], logit: float, rule: Any
) -> Problem:
    layers, x = relu_layers(rng, sizes), exact_inputs(rng, sizes[0])
    if len(sizes) > 2:
        stop_at_zero(layers, x, int(rng.integers(sizes[1])))
    return _asking(rng, layers, x, logit, rule)


def _asking(
    rng: np.random.Generator,
    layers: list[tuple[np.ndarray, np.ndarray]],
    x: np.ndarray,
    logit: float,
    rule: Any,
) -> Problem:
    """Return the problem for a class whose logit becomes this one by its bias."""
    value = x
    for weight, bias in layers:
        last = weight @ value + bias
        value = np.maximum(last, 0)
    target = int(rng.integers(1, len(last)))
    layers[-1][1][target] += logit - last[target]
    return relu_network(layers), tensor(x), target, rule


def _well_posed(problem: Problem) -> bool:
    """Whether rounding decides nothing, and the target is not the most likely class."""
    network, x, target, _ = problem
    value, sizes = x.double().numpy(), []
    for weight, bias in linear_layers(network):
        last = weight @ value + bias
        sizes += [abs(z) for z in last if z]
        value = np.maximum(last, 0)
    _, least = _relevance(*problem)
    return min(sizes) > 0.01 and least > 0.05 and int(last.argmax()) != target


def _arrives(problem: Problem) -> bool:
    return float(np.abs(_relevance(*problem)[0]).max()) > 0.05


def _relevance_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return for both rules logits of either sign, and denominators that are 0.

    0/0 is met at units that are off, also in zᴮ's layer, where each pixel has the value that speaks
    least for such a unit; R/0 at units that are on by their bias alone (not in zᴮ's layer, where a
    small number in place of the 0 would cancel badly), and at a logit for which nothing speaks.
    """
    problems: list[tuple[Any, ...]] = []
    for rule in ("alpha1_beta0", "deep_taylor"):
        made = (
            lambda rule=rule: _with_logit(rng, (6, 4), 0.8, rule),
            # A logit below zero is distributed as it is, and some of it arrives.
            lambda rule=rule: drawn(lambda: _with_logit(rng, (5, 8, 3), -0.7, rule), _arrives),
            lambda rule=rule: _with_zeros(rng, rule),
            lambda rule=rule: _nothing_speaks(rng, rule),
        )
        problems += [drawn(each, _well_posed) for each in made]
    return problems


def _with_zeros(rng: np.random.Generator, rule: str) -> Problem:
    """Return a network with 0/0 in every layer that has some."""
    layers, x = relu_layers(rng, (5, 8, 7, 3)), exact_inputs(rng, 5)
    x[:2] = 0.0, 1.0
    (first, shift), (second, bias), (last, _) = layers
    first[0], shift[0] = [1.0, -1.0, 0.0, 0.0, 0.0], -2.0  # x = (0, 1, …): off, and zᴮ has 0/0
    first[1], shift[1] = -np.abs(first[1]), -0.5  # off, with nothing that speaks for it
    second[0], bias[0] = -np.abs(second[0]), -0.5
    second[1, :], bias[1] = -np.abs(second[1]) * 0.2, 3.0  # on by its bias alone
    bias[2:4] += 1.0
    last[:, 1:4] = np.abs(last[:, 1:4]) + 0.5
    return _asking(rng, layers, x, 1.5, rule)


def _nothing_speaks(rng: np.random.Generator, rule: str) -> Problem:
    """Return a network whose target has neither a positive contribution nor a positive bias."""
    layers, x = relu_layers(rng, (5, 8, 3)), exact_inputs(rng, 5)
    weight, bias = layers[-1]
    weight[:], bias[:] = -np.abs(weight), -np.abs(bias)
    weight[0], bias[0] = np.abs(weight[0]), 0.5
    network = relu_network(layers)
    return network, tensor(x), other_class(rng, network, tensor(x)), rule


def _relevance(network: Network, x: Tensor, target: int, rule: Any) -> tuple[np.ndarray, float]:
    """Return the relevance, unit by unit, and the smallest magnitude of a denominator but 0.

    The rule is a name, or LRP-ε's ε.
    """
    layers, value = linear_layers(network), x.double().numpy()
    entering = []
    for weight, bias in layers:
        entering.append(value)
        value = np.maximum(weight @ value + bias, 0)
    weight, bias = layers[-1]
    logit = float(weight[target] @ entering[-1] + bias[target])
    above = {target: logit}
    least = math.inf
    for place in reversed(range(len(layers))):
        weight, bias = layers[place]
        a = entering[place]
        below = np.zeros(len(a))
        for unit, amount in above.items():
            if amount == 0:
                continue
            parts = [a[i] * weight[unit, i] for i in range(len(a))]
            whole = bias[unit]
            if rule == "deep_taylor" and place == 0:
                parts = [p - min(weight[unit, i], 0.0) for i, p in enumerate(parts)]
                whole = 0.0
            elif isinstance(rule, str):
                parts = [max(p, 0.0) for p in parts]
                whole = max(whole, 0.0) if rule == "alpha1_beta0" else 0.0
            whole += sum(parts)
            if whole == 0:
                continue
            least = min(least, abs(whole))
            if not isinstance(rule, str):
                whole += rule if whole >= 0 else -rule
            below += [amount * p / whole for p in parts]
        above = dict(enumerate(below))
    return below, least


@task(
    "relevance-epsilon",
    Call("lrp_epsilon", _epsilon_problems, GIVEN),
    read="section {{ section }} and Montavon et al. 2019",
)
def relevance_epsilon(calls: list[Called]) -> None:
    """Compare with sharing out unit by unit."""
    for call in calls:
        wanted, _ = _relevance(*call.arguments)
        expect_near(
            call,
            wanted,
            "lrp_epsilon(…)",
            "Relevance starts as the target's logit. Each linear layer divides what a unit receives "
            "by z + ε, or by z − ε where z is negative, and multiplies it with the contributions.",
        )


@task(
    "relevance",
    Call("relevance", _relevance_problems, GIVEN),
    read="section {{ section }} and Montavon et al. 2019",
)
def relevance(calls: list[Called]) -> None:
    """Compare with sharing out unit by unit; either rule counts by itself."""
    wrong = []
    for rule in ("alpha1_beta0", "deep_taylor"):
        for call in calls:
            if call.arguments[3] != rule:
                continue
            wanted, _ = _relevance(*call.arguments)
            try:
                expect_near(call, wanted, f"relevance(…, {rule!r})", "")
            except Wrong:
                wrong.append(rule)
                break
    if wrong:
        raise Wrong(
            "Relevance starts as the target's logit, and each linear layer shares out what it "
            "receives by the rule's contributions; where a denominator is 0, nothing is passed on. "
            f"Look again at: {', '.join(wrong)}.",
            1 - len(wrong) / 2,
        )

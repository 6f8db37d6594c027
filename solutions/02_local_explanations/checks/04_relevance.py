"""Checks of section 4: relevance, shared out unit by unit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, Wrong, task

from ...shared.checks import GIVEN, tensor
from .by_hand import expect_near, linear_layers


def _relevance_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return networks, inputs in [0, 1] and rules, with no denominator near zero."""
    problems: list[tuple[Any, ...]] = []
    for rule in ("epsilon", "z_plus", "deep_taylor"):
        wanted = [(6, 4), (5, 8, 3), (5, 8, 7, 3)]
        while wanted:
            network, x = Network.random(rng, wanted[0]), tensor(rng.uniform(0.1, 1, wanted[0][0]))
            target = int(rng.integers(3))
            _, least = _relevance(network, x, target, rule)
            logits = network.module()(x)
            if least > 0.03 and abs(float(logits[target].detach())) > 0.05:
                problems.append((network, x, target, rule))
                wanted.pop(0)
    return problems


def _relevance(network: Network, x: Tensor, target: int, rule: str) -> tuple[np.ndarray, float]:
    """Return the relevance, unit by unit, and the smallest magnitude of a denominator."""
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
            elif rule != "epsilon":
                parts = [max(p, 0.0) for p in parts]
                whole = max(whole, 0.0) if rule == "z_plus" else 0.0
            whole += sum(parts)
            least = min(least, abs(whole))
            if whole == 0:
                continue
            if rule == "epsilon":
                whole += 1e-6 if whole >= 0 else -1e-6
            below += [amount * p / whole for p in parts]
        above = dict(enumerate(below))
    return below, least


@task(
    "relevance",
    Call("relevance", _relevance_problems, GIVEN),
    read="section 4 and Montavon et al. 2019",
)
def relevance(calls: list[Called]) -> None:
    """Compare with sharing out unit by unit; every rule counts by itself."""
    wrong = []
    for rule in ("epsilon", "z_plus", "deep_taylor"):
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
            f"receives by the rule's contributions. Look again at: {', '.join(wrong)}.",
            1 - len(wrong) / 3,
        )

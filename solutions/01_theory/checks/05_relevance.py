"""Checks: relevance, shared out neuron by neuron."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograde.inside.networks import Network
from autograde.tasks import (
    Call,
    Called,
    Value,
    entries,
    expect,
    expect_array,
    expect_close,
    lucky,
    task,
)

from ...shared.checks import GIVEN, Arguments, Array
from .networks import normal_vector, other_class, two_layers, whole_input, whole_layer


def _relevance(a: Array, contributions: Array, R: Array, z: Array) -> Array:
    """Hand relevance back by loops over neurons: contributions (outputs, inputs), z (outputs,)."""
    back = np.zeros(len(a))
    for j in range(len(R)):
        for i in range(len(a)):
            if R[j] != 0:
                back[i] += contributions[j, i] / z[j] * R[j]
    return back


def whole_network(rng: np.random.Generator, total: int, output: int) -> tuple[Any, ...]:
    """Return a network of whole numbers in which denominators are negative, and 0.

    Without its bias the target's sum is ``total``, and those of active neurons are 0, −1 and −2;
    with it, the output is ``output``.
    """
    pairs = rng.permuted(np.array([(0, 2), (-1, 3), (2, -1), (1, 2)]), axis=0)
    sums, z = np.vstack([pairs, (-2, 1)]).T
    x, target = whole_input(rng, 4), int(rng.integers(3))
    W1, hidden = whole_layer(rng, x, sums), np.maximum(z, 0)
    totals, b2 = (rng.integers(-3, 4, size=3).astype(float) for _ in range(2))
    totals[target], b2[target] = total, output - total
    return x, W1, (z - sums).astype(float), whole_layer(rng, hidden, totals), b2, target


def epsilon_cases(rng: np.random.Generator) -> Arguments:
    cases = [(*two_layers(rng), epsilon) for epsilon in (0.01, 0.1, 1e-6)]
    cases += [(*whole_network(rng, total, out), 0.25) for total, out in ((0, -1), (-1, 2), (3, -2))]
    return [(*case, keep) for case in cases for keep in (True, False)]


def lrp_epsilon_by_loops(arguments: tuple[Any, ...]) -> Array:
    """Return LRP-ε of a two-layer network, neuron by neuron."""
    x, W1, b1, W2, b2, target, epsilon, keep = arguments
    hidden = np.maximum(W1 @ x + b1, 0)
    R = np.where(np.arange(len(b2)) == target, W2 @ hidden + b2, 0.0)
    for a, W, b in ((hidden, W2, b2), (x, W1, b1)):
        z = W @ a + (b if keep else 0)
        R = _relevance(a, W * a, R, np.where(z < 0, z - epsilon, z + epsilon))
    return R


@task(
    "lrp-epsilon",
    Call("lrp_epsilon", epsilon_cases, GIVEN),
    read="Section {{ section }}, the table of rules; Montavon 2019",
)
def lrp_epsilon(calls: list[Called]) -> None:
    found, wanted, with_bias = [], [], []
    for call in calls:
        reference = lrp_epsilon_by_loops(call.arguments)
        found.append(expect_array(call.returned, reference.shape, "lrp_epsilon"))
        wanted.append(reference)
        with_bias.append(call.arguments[-1])
    right = [np.allclose(f, w, rtol=1e-4, atol=1e-5) for f, w in zip(found, wanted, strict=True)]
    for keep in (True, False):
        mine = [good for good, kept in zip(right, with_bias, strict=True) if kept == keep]
        expect(
            all(mine),
            f"The relevances are not right for keep_bias={keep}. The output that is explained and "
            "the hidden activations always include the biases; only the denominators differ. "
            "ε takes the sign of its denominator, and is added where that is 0.",
            0.5 if all(g for g, kept in zip(right, with_bias, strict=True) if kept != keep) else 0,
        )


def positive_cases(rng: np.random.Generator) -> Arguments:
    """Draw networks with small denominators, and with denominators of 0 in either layer."""
    usual, small, lower, upper = (two_layers(rng) for _ in range(4))
    x, W1, b1, W2, b2, target = small
    total = np.maximum(W2[target], 0) @ np.maximum(W1 @ x + b1, 0)
    small = (x, W1, b1, W2 / (2 * total), b2, target)
    # Two neurons that no input supports, of which the second is active by its bias; then an output
    # that no neuron supports.
    x, W1, b1, W2, b2, target = lower
    W1, b1, W2 = W1.copy(), b1.copy(), W2.copy()
    W1[:2] = -np.abs(W1[:2])
    b1[1], W2[target, 1] = 1 - W1[1] @ x, 1.0
    lower = (x, W1, b1, W2, b2, target)
    x, W1, b1, W2, b2, target = upper
    return [usual, small, lower, (x, W1, b1, -np.abs(W2), b2 - 0.5, target)]


@task(
    "lrp-z-plus",
    Call("lrp_z_plus", positive_cases, GIVEN),
    read="Section {{ section }}; Montavon 2017",
)
def lrp_z_plus(calls: list[Called]) -> None:
    for call in calls:
        x, W1, b1, W2, b2, target = call.arguments
        hidden = np.maximum(W1 @ x + b1, 0)
        R = np.where(np.arange(len(b2)) == target, W2 @ hidden + b2, 0.0)
        for a, W in ((hidden, W2), (x, W1)):
            plus = np.where(W > 0, W, 0) * a
            z = plus.sum(axis=1)
            R = _relevance(a, plus, np.where(z > 0, R, 0), z)
        expect_close(
            call.returned,
            R,
            "lrp_z_plus",
            "Cut negative weights off in numerator and denominator, of both layers; leave the "
            "forward pass as it is; where a denominator is 0 hand nothing on.",
            atol=1e-5,
        )


def pixel_layers(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for rule in ("w2", "zB", "w2", "zB"):
        features, hidden = (int(n) for n in rng.integers((3, 2), (7, 6)))
        low, high = -rng.uniform(0.5, 1, size=features), rng.uniform(0.5, 2, size=features)
        x = rng.uniform(low, high)
        x[0] = 0.0
        W, R = rng.normal(size=(hidden, features)), rng.uniform(0.1, 2, size=hidden)
        cases.append((x, W, R, low, high, rule))
    return cases


@task(
    "lrp-first-layer",
    Call("first_layer", pixel_layers, GIVEN),
    read="Section {{ section }}, the last two rows of the table; Montavon 2017",
)
def lrp_first_layer(calls: list[Called]) -> None:
    wrong = []
    for call in calls:
        x, W, R, low, high, rule = call.arguments
        bounds = np.where(W > 0, low, high)  # zᴮ: the distance to the bound with the least output
        contributions = W * W if rule == "w2" else W * (x - bounds)
        reference = _relevance(x, contributions, R, contributions.sum(axis=1))
        found = expect_array(call.returned, x.shape, "first_layer")
        if not np.allclose(found, reference, rtol=1e-4, atol=1e-5):
            wrong.append(rule)
    expect(
        not wrong,
        f"Not right for the rule {' and '.join(sorted(set(wrong)))}. w⁺ keeps positive weights, w⁻ "
        "negative ones with their sign; each hidden neuron has a denominator of its own.",
        0.5 if len(set(wrong)) == 1 else 0,
    )


@task(
    "relu-pair",
    Value("f_biases_ignored", "g_biases_ignored", "biases_kept", "integrated"),
    read="Section {{ section }}, the worked example; Sundararajan 2017, appendix B",
)
def relu_pair(values: dict[str, Any]) -> None:
    # The planned numbers of the paper's pair, at (3, 1).
    wanted = {
        "f_biases_ignored": (1.5, -0.5),
        "g_biases_ignored": (2, -1),
        "biases_kept": (3, -1),
        "integrated": (1.5, -0.5),
    }
    wrong = [
        name
        for name, pair in wanted.items()
        if not np.allclose(entries(values[name], (2,)), pair, atol=1e-3)
    ]
    # Two of the four are alike by the theorem: one pair throughout earns nothing.
    luck = lucky(map(str, wanted.values()))
    expect(
        not wrong,
        f"Not right yet: {', '.join(wrong)}. Write the contributions of each neuron and its "
        "denominator beside the neuron, from the output back to the inputs.",
        max(0.0, 1 - len(wrong) / (len(wanted) - luck)),
    )


def deep_networks(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for sizes in ((3, 8, 2), (5, 8, 8, 3), (6, 10, 10, 10, 4)):
        network, x = Network.random(rng, sizes), normal_vector(rng, sizes[0])
        cases.append((network, x, other_class(rng, network, x)))
    return cases


@task(
    "gradient-times-input",
    Call("gradient_times_input", deep_networks, GIVEN),
    read="Section {{ section }}, Task {{ task.gradient-times-input }}; Shrikumar 2016",
)
def gradient_times_input(calls: list[Called]) -> None:
    for call in calls:
        network, x, target = call.arguments
        # The theorem is the oracle: LRP-0 with biases kept, layer by layer.
        a, passed = x.double().numpy(), []
        for layer in network.layers:
            if layer.kind == "linear":
                assert layer.weight is not None and layer.bias is not None
                z = layer.weight.astype(np.float64) @ a + layer.bias
                passed.append((a, layer.weight, z))
                a = z
            else:
                a = np.maximum(a, 0)
        R = np.where(np.arange(len(a)) == target, a, 0.0)
        for inputs, weight, z in reversed(passed):
            R = _relevance(inputs, weight * inputs, R, z)
        expect_close(
            call.returned,
            R,
            "gradient_times_input",
            "Multiply each input by the derivative of the output `target` with respect to it.",
            rtol=1e-3,
            atol=1e-4,
        )

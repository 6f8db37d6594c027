"""Checks: gradients by other means than the solution's, and their cost by counting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, entries, expect, expect_array, expect_close, task

from xaikit.checks.values import AUTOGRAD, COSINE

from ...shared.checks import GIVEN, Arguments, Array, drawn
from .networks import (
    normal_vector,
    other_class,
    outputs_of,
    two_layers,
    whole_input,
    whole_layer,
)


def smooth_networks(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for features, step in ((2, 0.3), (4, 0.2), (6, 0.25)):
        network = Network.random(rng, (features, 7, 3), "tanh")
        x = normal_vector(rng, features)
        cases.append((network, x, other_class(rng, network, x), step))
    return cases


@task(
    "finite-differences",
    Call("finite_differences", smooth_networks, GIVEN, without=AUTOGRAD),
    read="Section {{ section }}, the formula of the central difference",
)
def finite_differences(calls: list[Called]) -> None:
    for call in calls:
        network, x, target, h = call.arguments
        x = x.double().numpy()
        f = [
            [outputs_of(network, (x + sign * h * unit)[None])[0, target] for unit in np.eye(len(x))]
            for sign in (1, -1, 0)
        ]
        reference = (np.array(f[0]) - f[1]) / (2 * h)
        one_sided = (np.array(f[0]) - f[2]) / h
        found = expect_array(call.returned, x.shape, "finite_differences")
        hint = "Divide f(x + h e) − f(x − h e) by 2h, for the output `target`, one input at a time."
        if np.allclose(found, one_sided, rtol=1e-3, atol=1e-4):
            hint = "These are one-sided differences; central ones look to both sides."
        expect_close(found, reference, "finite_differences", hint, rtol=1e-3, atol=1e-4)


def _network(W1: Array, b1: Array, W2: Array, b2: Array) -> torch.nn.Sequential:
    layers = []
    for W, b in ((W1, b1), (W2, b2)):
        layer = torch.nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        layer.weight.data, layer.bias.data = torch.tensor(W), torch.tensor(b)
        layers.append(layer)
    return torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])


def masked_networks(rng: np.random.Generator) -> Arguments:
    """Draw networks; in the last one, masks depend on the bias and on what counts as active."""
    sums, z = rng.permuted(np.array([(2, 0), (-1, 1), (1, -1), (3, 2), (-2, -2)]), axis=0).T
    x = whole_input(rng, 4)
    W1 = whole_layer(rng, x, sums)
    # No rows of W1 cancel each other, because each counts for more than all those before.
    W2 = 10.0 ** np.arange(5) * rng.choice([-1.0, 1.0], size=(3, 5))
    whole = (x, W1, (z - sums).astype(float), W2, rng.normal(size=3).round(2), 1)
    return [*(two_layers(rng) for _ in range(4)), whole]


@task(
    "input-gradient",
    Call("input_gradient", masked_networks, GIVEN, without=AUTOGRAD),
    read="Section {{ section }}, Task {{ task.input-gradient }}: the chain rule through one hidden layer",
)
def input_gradient(calls: list[Called]) -> None:
    for call in calls:
        x, *parameters, target = call.arguments
        inputs = torch.tensor(x, requires_grad=True)
        _network(*parameters)(inputs)[target].backward()
        assert inputs.grad is not None
        expect_close(
            call.returned,
            inputs.grad.numpy(),
            "input_gradient",
            "Only hidden neurons with W1 x + b1 > 0 pass the row `target` of W2 on to W1.",
        )


def widths(rng: np.random.Generator) -> Arguments:
    return [([int(n) for n in rng.integers(2, 40, size=layers)],) for layers in (2, 3, 4, 5)]


@task(
    "multiply-adds",
    Call("multiply_adds", widths, GIVEN),
    read="Section {{ section }}, Task {{ task.multiply-adds }}",
)
def multiply_adds(calls: list[Called]) -> None:
    names = ("forward pass", "saliency map", "central differences")
    rows, wanted = [], []
    for call in calls:
        forward = 0
        for layer in range(len(call.arguments[0]) - 1):
            forward += call.arguments[0][layer] * call.arguments[0][layer + 1]
        wanted.append([forward, forward + forward, forward * call.arguments[0][0] * 2])
        rows.append(entries(call.returned, (3,)))
    right = (np.array(rows) == np.array(wanted)).all(axis=0)
    wrong = [name for name, good in zip(names, right, strict=True) if not good]
    expect(
        not wrong,
        f"The count is not right for: {', '.join(wrong)}. Central differences evaluate the network "
        "twice for each input; a backward pass to the input uses each weight once.",
        right.mean(),
    )


def three_layers(rng: np.random.Generator) -> Arguments:
    """Draw networks of whole numbers such that each wrong rule gives another map on one of them."""

    def network() -> tuple[Any, ...]:
        x = whole_input(rng, int(rng.integers(3, 6)))
        z1 = np.append(rng.permutation([0, -1, 2, 3, -2]), 1)
        W1, b1 = _with_bias(rng, x, z1)
        z2 = rng.permutation([0, -1, 1, 2, 3])
        W2, b2 = _with_bias(rng, np.maximum(z1, 0), z2)
        W3 = rng.integers(1, 4, size=(3, 5)) * rng.choice([-1.0, 1.0], size=(3, 5))
        outputs = W3 @ np.maximum(z2, 0)
        return x, W1, b1, W2, b2, W3, int(rng.choice(np.argsort(outputs)[:-1]))

    def tells(case: tuple[Any, ...], part: int) -> bool:
        mine, *others = _maps(case)
        return bool(mine.any()) and all((mine != other).any() for other in others[part::6])

    return [drawn(network, lambda case, part=part: tells(case, part)) for part in range(6)]


def _maps(case: tuple[Any, ...]) -> list[Array]:
    """Return guided backpropagation's map, then those of wrong masks and wrong cuts."""
    x, W1, b1, W2, b2, W3, target = case
    z1 = W1 @ x + b1
    a = np.maximum(z1, 0)
    z2 = W2 @ a + b2

    def map_of(first: Array, second: Array, least: float = 0, below: float = 0) -> Array:
        signal = W2.T @ (np.maximum(W3[target], least) * second)
        return np.asarray(W1.T @ (np.maximum(signal, below) * first))

    first, second, everywhere = z1 > 0, z2 > 0, np.array(True)
    seconds = [W2 @ a, W2 @ a - b2, b2, W2 @ z1 + b2, W2 @ (a + 1) + b2, z2 + 0.5, z2 - 1]
    seconds += [W2 @ np.maximum(z1, floor) + b2 for floor in (-1, 1)]
    cuts = [(-np.inf, 0), (0, -np.inf), (1, 0), (-1, 0), (0, 1), (0, -1)]
    return [
        map_of(first, second),
        *(map_of(first, z > 0) for z in seconds),
        *(map_of(z > 0, second) for z in (W1 @ x, W1 @ x - b1, b1, z1 + 0.5, z1 - 1)),
        map_of(first, everywhere),
        map_of(everywhere, second),
        *(map_of(first, second, *cut) for cut in cuts),
    ]


def _with_bias(rng: np.random.Generator, inputs: Array, z: Array) -> tuple[Array, Array]:
    """Return weights and a bias of whole numbers, which matters, for these pre-activations."""
    bias = rng.integers(1, 4, size=len(z)) * rng.choice([-1.0, 1.0], size=len(z))
    return whole_layer(rng, inputs, z - bias), bias


def _guided(arguments: tuple[Any, ...], forward: bool = True, backward: bool = True) -> Array:
    """Guided backpropagation by hooks on a network, or with one of its two masks only."""
    x, W1, b1, W2, b2, W3, target = arguments
    inputs = torch.tensor(x, requires_grad=True)
    signals = inputs
    for W, b in ((W1, b1), (W2, b2)):
        z = torch.tensor(W) @ signals + torch.tensor(b)
        signals = z.clamp(min=0) if forward else z + (z.clamp(min=0) - z).detach()
        if backward:
            signals.register_hook(lambda signal: signal.clamp(min=0))
    (torch.tensor(W3) @ signals)[target].backward()
    assert inputs.grad is not None
    return inputs.grad.numpy()


@task(
    "repair-guided",
    Call("guided_backpropagation", three_layers, GIVEN),
    read="Section {{ section }}, Task {{ task.repair-guided }}: the three formulas; Springenberg 2015",
)
def repair_guided(calls: list[Called]) -> None:
    for call in calls:
        reference = _guided(call.arguments)
        found = expect_array(call.returned, reference.shape, "guided_backpropagation")
        hint = "Both masks belong at both ReLUs: active in the forward pass, and signal positive."
        if np.allclose(found, _guided(call.arguments, forward=False)):
            hint = "This is the deconvnet: neurons that were not active pass a signal on."
        elif np.allclose(found, _guided(call.arguments, backward=False)):
            hint = "This is the plain gradient: negative signals are passed on."
        expect_close(found, reference, "guided_backpropagation", hint)


def gradient_pairs(rng: np.random.Generator) -> Arguments:
    cases: Arguments = [(rng.normal(size=s), rng.normal(size=s)) for s in ((5,), (3, 4), (2, 3, 2))]
    return [*cases, (cases[0][0], -2 * cases[0][0])]


@task(
    "repair-cosine",
    Call("cosine_distance", gradient_pairs, GIVEN, without=COSINE),
    read="Section {{ section }}, Task {{ task.repair-cosine }}",
)
def repair_cosine(calls: list[Called]) -> None:
    for call in calls:
        # Half the squared distance of the unit vectors: 1 − cos by the cosine rule.
        a, b = (v.ravel() / math.sqrt((v**2).sum()) for v in call.arguments)
        expect_close(
            call.returned,
            ((a - b) ** 2).sum() / 2,
            "cosine_distance",
            "0 for the same direction, 1 for orthogonal gradients, 2 for opposite ones.",
        )

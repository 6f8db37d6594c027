"""Checks: TracIn layer by layer in numpy; captum's scores by the formula without biases."""

from __future__ import annotations

import functools
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
    says,
    task,
)
from xaikit.influence import study

from ...shared.checks import GIVEN, Arguments, Array, tensor
from .toys import Weights, activation_of, forward, labels_of, residual, with_state


def _trainings(rng: np.random.Generator) -> Arguments:
    """Return a network and checkpoints that differ from it in every layer, with unlike rates."""
    cases: Arguments = []
    for sizes, kind, asked, number, stored in (
        ((3, 4, 3), "relu", 2, 5, 3),
        ((4, 5, 2), "tanh", 3, 4, 2),
    ):
        network = Network.random(rng, sizes, kind)
        checkpoints = [
            {
                name: value.clone()
                for name, value in Network.random(rng, sizes, kind).module().state_dict().items()
            }
            for _ in range(stored)
        ]
        rates = [float(rate) for rate in rng.permutation(0.1 * 2.0 ** np.arange(stored))]
        pair = [tensor(rng.normal(size=(count, sizes[0]))) for count in (asked, number)]
        labels = [torch.from_numpy(labels_of(rng, count, sizes[-1])) for count in (asked, number)]
        cases.append((network, checkpoints, rates, pair[0], labels[0], pair[1], labels[1]))
    return cases


def _sides(
    weights: Weights, inputs: Array, labels: list[int], kind: str
) -> list[tuple[Array, Array]]:
    """Return each example's features before the last layer, and its residual."""
    sides = []
    for x, label in zip(inputs, labels, strict=True):
        entering, leaving = forward(weights, x, kind)
        sides.append((entering[-1], residual(leaving[-1], label)))
    return sides


@task(
    "tracin",
    Call("tracin", _trainings, GIVEN),
    read="section {{ section }} and Pruthi et al. 2020",
)
def tracin(calls: list[Called]) -> None:
    """Sum over checkpoints, pairs, weights and biases."""
    for call in calls:
        network, checkpoints, rates, inputs, labels, training, training_labels = call.arguments
        kind = activation_of(network)
        wanted = np.zeros((len(inputs), len(training)))
        for state, rate in zip(checkpoints, rates, strict=True):
            weights = with_state(network, state)
            asked = _sides(weights, inputs.double().numpy(), labels.tolist(), kind)
            trained = _sides(weights, training.double().numpy(), training_labels.tolist(), kind)
            for m, (a, r) in enumerate(asked):
                for n, (b, q) in enumerate(trained):
                    wanted[m, n] += rate * ((np.outer(r, a) * np.outer(q, b)).sum() + r @ q)
        expect_close(
            call.returned,
            wanted,
            "tracin(…)",
            "Load each checkpoint, compute features and residuals with it, and add its rate times the "
            "product of the gradients of the last layer's weights and biases.",
            rtol=1e-3,
            atol=1e-5,
        )
    expect_unchanged(calls, 0, "network")


@functools.cache
def both_scores() -> tuple[Array, Array]:
    """Return the 20 test images' scores without and with the biases, in double precision."""
    here = study()
    made = [np.zeros((20, 1000)), np.zeros((20, 1000))]
    for state, rate in zip(here.checkpoints, here.learning_rates, strict=True):
        sides = []
        for data, step in ((here.test, 10), (here.training, 1)):
            # Two by two pixels become one; then the two linear layers, by their formula.
            images = data.images[::step, 0].double().numpy().reshape(-1, 14, 2, 14, 2)
            linear = [value.double().numpy() for value in state.values()]
            hidden = np.maximum(images.mean((2, 4)).reshape(-1, 196) @ linear[0].T + linear[1], 0)
            logits = hidden @ linear[2].T + linear[3]
            labels = data.labels[::step].tolist()
            sides.append((hidden, np.stack(list(map(residual, logits, labels)))))
        (a, r), (b, q) = sides
        made[0] += rate * (r @ q.T) * (a @ b.T)
        made[1] += rate * (r @ q.T)
    return made[0], made[0] + made[1]


@task(
    "captum",
    Value("captums", "apart", "missing", "apart_without"),
    read="section {{ section }} and captum's documentation of TracInCPFast",
)
def captum(values: dict[str, Any]) -> None:
    """A third for the scores; the rest for what the difference is."""
    without, whole = both_scores()
    found = entries(values["captums"], (20, 1000))
    largest = np.abs(without).max()
    expect(
        np.allclose(found, without, rtol=1e-3, atol=1e-4 * largest),
        "`captums` does not hold captum's scores for the asked images: does the loading function return the "
        "learning rate of its own checkpoint, is the loss summed, and is the last layer that of the "
        "model that you pass?",
    )
    gap = float(np.abs(without - whole).max())
    expect(
        abs(float(entries(values["apart"], ())) - gap) < 0.01 * gap,
        "`captums` is right, but `apart` is not the largest absolute difference to `ours`.",
        1 / 3,
    )
    small = float(entries(values["apart_without"], ()))
    expect(
        says(values["missing"], "biases") and 0 <= small < 1e-3 * gap,
        "`captums` and `apart` are right. Which part of the formula does the difference consist of? "
        "Compute the scores without it, and compare these with captum's.",
        2 / 3,
    )

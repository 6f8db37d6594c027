"""Checks: Wachter's loss, step and search by their definitions; a found image is tried."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from autograde.inside.networks import Network
from autograde.tasks import (
    Call,
    Called,
    Value,
    expect,
    expect_array,
    expect_close,
    task,
)

from ...shared.checks import GIVEN, all_said, drawn, tensor
from .world import expect_picture, world

DRESS_BOUND = 25


TEXT = {"dress_bound": str(DRESS_BOUND)}


def _candidates(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return candidates that the network takes for another class than the target.

    In the last, the target is more probable than is wanted.
    """

    def draw() -> tuple[Network, torch.Tensor, torch.Tensor, int]:
        x = rng.uniform(size=6)
        changed = x + rng.choice((-1, 1), size=6) * rng.uniform(0.1, 0.5, size=6)
        network = Network.random(rng, (6, 8, 4), "tanh")
        return network, tensor(changed), tensor(x), int(rng.integers(4))

    def right(case: tuple[Network, torch.Tensor, torch.Tensor, int]) -> bool:
        network, changed, _, target = case
        with torch.no_grad():
            said = network.module()(changed[None]).softmax(1)[0]
        return bool(0.1 < said[target] < said.max() - 0.05)

    return [
        (*drawn(draw, right), wanted, weight)
        for wanted, weight in ((1.0, 3.0), (0.7, 20.0), (0.05, 40.0))
    ]


def _steps(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return steps of which the first four pixels show what each part of the rule does.

    One is pushed far beyond white and one far beyond black, so that clipping before shrinking
    leaves another value; one has moved by less than the shrinkage, downwards, and returns to its
    start exactly; one keeps most of a change, downwards.
    """
    cases = []
    for size, rate in ((12, 0.02), (30, 0.1), (30, 0.3)):
        x = rng.uniform(size=size)
        changed = (x + rng.normal(size=size) * 0.2).clip(0, 1)
        changed[: size // 3] = x[: size // 3]
        slope = rng.normal(size=size) * 1.5
        x[:4] = rng.uniform(0.9, 0.95), rng.uniform(0.05, 0.1), *rng.uniform(0.7, 0.8, size=2)
        changed[:4] = x[:4] - (0, 0, 0.5 * rate, 2 * rate)
        slope[:4] = -3 / rate, 3 / rate, 0.2, -0.5
        order = rng.permutation(size)
        cases.append((tensor(changed[order]), tensor(x[order]), tensor(slope[order]), rate))
    return cases


def _rounds(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    low, high = float(rng.uniform(1, 20)), float(rng.uniform(30, 50))
    middle = (low + high) / 2
    return [
        (0.0, 0.0, low, False),
        (low, 0.0, 10 * low, True),
        (low, 0.0, 10 * low, False),
        (0.0, 0.0, low, True),
        (low, high, middle, True),
        (low, high, middle, False),
    ]


@task("wachter-loss", Call("wachter_loss", _candidates, GIVEN), read="section {{ section }}")
def wachter_loss(calls: list[Called]) -> None:
    """Compute the softmax by its definition."""
    for call in calls:
        network, changed, x, target, wanted, weight = call.arguments
        with torch.no_grad():
            scores = network.module().double()(changed.double()[None])[0].tolist()
        probability = math.exp(scores[target]) / sum(math.exp(each) for each in scores)
        distance = float((changed.double() - x.double()).abs().sum())
        expect_close(
            call.returned,
            weight * (probability - wanted) ** 2 + distance,
            "wachter_loss(…)",
            "λ multiplies the squared difference of probability (softmax of the logits) and wish; "
            "the distance is a sum over all features.",
        )


@task("proximal", Call("proximal_step", _steps, GIVEN), read="section {{ section }}")
def proximal(calls: list[Called]) -> None:
    """Minimise a pixel's own problem on a fine grid around the closed form."""
    for call in calls:
        changed, x, slope, rate = call.arguments
        wanted = []
        for now, start, down in zip(
            changed.double().tolist(), x.double().tolist(), slope.double().tolist(), strict=True
        ):
            # The step minimises (v − (now − rate · slope))² / 2 + rate · |v − start| over [0, 1].
            goal = now - rate * down
            kinks = (
                0.0,
                1.0,
                start,
                min(1.0, max(0.0, goal - rate)),
                min(1.0, max(0.0, goal + rate)),
            )
            wanted.append(min(kinks, key=lambda v: (v - goal) ** 2 / 2 + rate * abs(v - start)))
        expect_close(
            call.returned,
            wanted,
            "proximal_step(…)",
            "First the step against the slope, then shrink the change to x by the rate, then clip.",
            atol=1e-5,
        )


@task("search", Call("next_weight", _rounds, GIVEN), read="section {{ section }}")
def search(calls: list[Called]) -> None:
    """Bounds first, then the next try."""
    for call in calls:
        low, high, weight, found = call.arguments
        got = [np.asarray(each) for each in expect_array(call.returned, (3,), "next_weight(…)")]
        bounds = (low, weight) if found else (weight, high)
        expect_close(
            got[0], bounds[0], "low", "A λ that failed is the new lower bound; else it stays."
        )
        if bounds[1] == 0:
            expect(got[1] == 0, "`high` stays 0 as long as no λ has worked.")
            wanted, hint = 10 * weight, "Without an upper bound, ten times the last one."
        else:
            expect_close(got[1], bounds[1], "high", "A λ that worked is the new upper bound.")
            wanted, hint = sum(bounds) / 2, "Between two bounds, try their mean."
        expect_close(got[2], wanted, "the next weight", hint)


@task("which-lambda", Value("which_lambda"), read="section {{ section }}")
def which_lambda(values: dict[str, Any]) -> None:
    """In one loss λ multiplies the prediction's part, in the other the distance."""
    key = {"wachter": "surer", "alibi": "nearer", "alibi after a failure": "down"}
    expect(
        all_said(values["which_lambda"], key),
        "Look which of the two parts λ multiplies, and ask what happens if that part is all that "
        "counts; after a failure the other part has to gain weight.",
    )


@task("my-dress", Value("my_dress"), read="section {{ section }}")
def my_dress(values: dict[str, Any]) -> None:
    """Ask the trusted network, and measure the distance."""
    here = world()
    picture = expect_picture(values["my_dress"], "my_dress")
    with torch.no_grad():
        sure = float(here.model(picture[None]).softmax(1)[0, here.dress])
    expect(sure >= 0.899, "The network is not sure enough that `my_dress` is a dress.")
    distance = float((picture - here.originals[2]).abs().sum())
    expect(
        distance <= DRESS_BOUND + 0.01,
        "`my_dress` is a dress to the network, but too far from the shirt: most pixels should keep "
        "their values exactly. Search for a smaller λ.",
    )

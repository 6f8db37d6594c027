"""Checks: predictions by pencil, and maps looked up again."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.tasks import (
    Call,
    Called,
    Value,
    Wrong,
    expect,
    expect_array,
    task,
)
from xaikit import explain

from ...shared.checks import GIVEN, expect_said
from .world import randomised, world

POOL = slice(12, 132)
"""Test images of which hidden maps are made: not the twelve that the notebook shows."""


def _network_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return gradients of the trained network and of random ones, in random order.

    About one random network in a hundred has maps that are nearly as peaked as the trained
    one's: no fair question, so another is drawn. A threshold that tells the notebook's own two
    networks apart then has room on either side.
    """
    here = world()
    problems: list[tuple[Any, ...]] = []
    while len(problems) < 8:
        trained = len(problems) % 2 == 0
        images = here.images[POOL][torch.from_numpy(rng.permutation(120)[:12])]
        network = here.model if trained else randomised(int(rng.integers(1, 2**31)))
        with torch.no_grad():
            likely = network(images).argmax(1)
        slopes = explain(network, images, likely, "gradient").attributions[:, 0, 0]
        maps = slopes / slopes.flatten(1).norm(dim=1).view(-1, 1, 1)
        fourth = (maps**4).sum((1, 2)) * maps[0].numel()
        mean, middle = float(fourth.mean()), float(fourth.median())
        first = float(maps.abs().sum((1, 2)).mean())
        fair = mean > 6.3 and middle > 5.8 and first < 19.85
        if fair if trained else (mean < 5.1 and middle < 5.1 and first > 20.45):
            problems.append((maps,))
    return [problems[k] for k in rng.permutation(len(problems))]


@task(
    "trained-or-random",
    Call("looks_trained", _network_problems, GIVEN),
    read="section {{ section }}: plot your measure for several networks",
)
def trained_or_random(calls: list[Called]) -> None:
    """Pay for what is right beyond half."""
    right = 0
    for call in calls:
        said = expect_array(call.returned, (), "looks_trained(…)")
        expect(float(said) in (0, 1), "`looks_trained(…)` should return True or False.")
        right += bool(said) == _is_trained(call.arguments[0])
    if right < len(calls):
        raise Wrong(
            f"`looks_trained` is right about {right} of {len(calls)} networks. Try another measure "
            "(how peaked? how alike for different images?), or another threshold.",
            max(0.0, (right - len(calls) / 2) / (len(calls) / 2)),
        )


PREDICTED = {
    "shift: gradient of a logit": "other",
    "shift: gradient of a probability": "same",
    "shift: gradient of a difference of two logits": "same",
    "shift: integrated gradients of a logit": "other",
    "shift: input × gradient of a logit": "other",
    "shift: SmoothGrad of a logit": "other",
    "shift: DeepLIFT of a logit": "other",
    "constant: gradient of a logit": "same",
    "constant: LRP-α₁β₀ of a logit": "other",
    "twins: integrated gradients": "same",
    "twins: DeepLIFT": "same",
    "twins: LRP-ε": "same",
    "twins: LRP-α₁β₀": "other",
    "twins: guided backpropagation": "other",
    "scaled unit: gradient": "same",
    "scaled unit: LRP-α₁β₀": "same",
}


@task(
    "predict",
    Value("prediction"),
    read="{{ if section.gradients and section.references and section.relevance }}the formulas of "
    "sections {{ section.gradients }}, {{ section.references }} and {{ section.relevance }}"
    "{{ else }}the methods' formulas{{ end }}",
)
def predict(answer: dict[str, Any]) -> None:
    """Compare with what a pencil gives."""
    expect_said(
        answer["prediction"],
        PREDICTED,
        "prediction",
        "Put the changed network into the method's formula.",
    )


@task("manipulate", Value("manipulated"), read="section {{ section }} and Dombrowski et al. 2019")
def manipulate(answer: dict[str, Any]) -> None:
    """Measure anew, with the trusted network."""
    here = world()
    image, goal = here.examples[1], int(here.targets[1, 1])
    values = expect_array(answer["manipulated"], (1, 28, 28), "manipulated")
    changed = torch.from_numpy(values).float()
    expect(
        float((changed - image).abs().max()) < 0.1002
        and float(changed.min()) > -1e-4
        and float(changed.max()) < 1.0001,
        "`manipulated` has to stay within 0.1 of `examples[1]`, and in [0, 1].",
    )
    point = changed[None].requires_grad_()
    logits = here.model(point)
    (slopes,) = torch.autograd.grad(logits[0, goal], point)
    moved = (logits.detach()[0] - here.model(image[None]).detach()[0]).abs().max()
    expect(float(moved) < 2.01, "`manipulated`: no logit may move by more than 2.")
    energy = slopes[0, 0].square()
    expect(
        float(energy[3:11, 17:25].sum() / energy.sum()) > 0.345,
        "`manipulated`: at least 35 % of the energy of the real network's gradient should lie in "
        "the square.",
    )


@functools.cache
def _pool() -> Tensor:
    """The trained network's gradients of the images that hidden maps are drawn from, norm 1."""
    here = world()
    images = here.images[POOL].requires_grad_()
    (slopes,) = torch.autograd.grad(here.model(images).amax(1).sum(), images)
    flat = slopes.flatten(1)
    return flat / flat.norm(dim=1, keepdim=True)


def _is_trained(maps: Tensor) -> bool:
    """Look the maps up: the trained network's gradients can be found again."""
    likeness = maps.flatten(1) @ _pool().T
    return float(likeness.amax(1).median()) > 0.9

"""Checks: robust accuracy and transfer, measured anew."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import nn

from autograde.tasks import Value, entries, expect_entry, task
from xaikit import attack

from ...shared.checks import Array
from .shares import Part, expect_parts, share_of
from .world import HERE


@functools.cache
def _curve() -> dict[str, list[float]]:
    x, labels = HERE.images, HERE.labels
    point = x.clone().requires_grad_()
    loss = nn.functional.cross_entropy(HERE.model(point), labels, reduction="sum")
    (slope,) = torch.autograd.grad(loss, point)
    result: dict[str, list[float]] = {"noise": [], "fgsm": [], "pgd": []}
    for epsilon in HERE.epsilons:
        noisy, moved = ((x + epsilon * way).clamp(0, 1) for way in (HERE.signs, slope.sign()))
        by_pgd = attack(HERE.model, x, labels, "pgd", epsilon=epsilon, steps=20).adversarial
        for name, shown in (("noise", noisy), ("fgsm", moved), ("pgd", by_pgd)):
            result[name].append(share_of(HERE.model, shown, labels))
    return result


@task("curve", Value("robust_accuracy"), read="section {{ section }} (robust accuracy)")
def curve(answer: dict[str, Any]) -> None:
    """Measure anew: the noise is given, so at most one image of 250 may tip."""
    value = answer["robust_accuracy"]
    expect_entry(value, "noise", "robust_accuracy")
    expect_parts(
        [
            Part(
                f"robust_accuracy[{name!r}]",
                1 / 3,
                entries(value.get(name), (4,)),
                np.array(wanted),
                0.005 if name == "noise" else 0.02,
            )
            for name, wanted in _curve().items()
        ],
        "One share for each radius, of all 250 images those that `model` still gets right; the noise "
        "goes by the given `signs`.",
    )


@functools.cache
def _transferred() -> Array:
    x, labels = HERE.images, HERE.labels
    table = np.zeros((4, 4))
    for column, epsilon in enumerate(HERE.epsilons):
        for row, (method, more) in enumerate((("fgsm", {}), ("pgd", {"steps": 20}))):
            moved = attack(HERE.model, x, labels, method, epsilon=epsilon, **more).adversarial
            table[2 * row, column] = share_of(HERE.other, moved, labels)
            noisy = HERE.noise_like(x, moved, HERE.signs)
            table[2 * row + 1, column] = share_of(HERE.other, noisy, labels)
    return table


@task(
    "transfer",
    Value("transferred"),
    read="section {{ section }} (transfer) and Szegedy et al. 2014",
)
def transfer(answer: dict[str, Any]) -> None:
    """Measure anew; half of the points are for the control of PGD, which is shorter than its ε."""
    found, wanted = entries(answer["transferred"], (4, 4)), _transferred()
    rows = (
        ("the rows of the attacks", 1 / 4, (0, 2)),
        ("the noise as long as FGSM", 1 / 4, (1,)),
        ("the noise as long as PGD", 1 / 2, (3,)),
    )
    expect_parts(
        [Part(name, part, found[[*at]], wanted[[*at]], 0.015) for name, part, at in rows],
        "Every row is the share of the 250 images that `other` puts into their true class; the noise "
        "of an image is as long as its own attack.",
    )

"""Checks: the worst loss by trying corners; the hardened network is attacked."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autograde.tasks import (
    Call,
    Called,
    Value,
    Wrong,
    entries,
    expect,
    expect_array,
    expect_close,
    expect_entry,
    task,
)
from xaikit import attack
from xaikit.models import build

from ...shared.checks import GIVEN, Array, tensor
from .shares import Part, expect_parts, said, share_of
from .world import HERE


def _logistic_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for size, n, epsilon in ((2, 4, 0.0), (5, 6, 0.2), (8, 10, 0.6)):
        y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
        w, x = rng.normal(size=size), rng.normal(size=(n, size))
        problems.append((tensor(w), float(rng.normal()), tensor(x), tensor(y), epsilon))
    return problems


@task(
    "worst-loss",
    Call("worst_logistic_loss", _logistic_inputs, GIVEN),
    read="section {{ section }} and Goodfellow, Shlens and Szegedy 2015",
)
def worst_loss(calls: list[Called]) -> None:
    """Try every corner of the cube: the largest loss of a linear model lies at one."""
    for call in calls:
        w, x, y = (call.arguments[k].double().numpy() for k in (0, 2, 3))
        b, epsilon = call.arguments[1], call.arguments[4]
        corners = epsilon * np.array(list(itertools.product((-1, 1), repeat=len(w))))
        worst = [
            max(math.log1p(math.exp(-side * (w @ (row + corner) + b))) for corner in corners)
            for row, side in zip(x, y, strict=True)
        ]
        expect_close(
            call.returned,
            np.mean(worst),
            "worst_logistic_loss(…)",
            "Inside the loss, each margin y(w·x + b) falls by the most that ε can take: the same "
            "amount for either sign of y.",
            rtol=1e-3,
        )


@task("harden", Value("hardened"), read="section {{ section }} and Madry et al. 2018")
def harden(answer: dict[str, Any]) -> None:
    """Load the weights into the trusted architecture, and attack it."""
    network = build("lecture")
    weights = {}
    for name, value in network.state_dict().items():
        found = expect_array(
            expect_entry(answer["hardened"], name, "hardened"), tuple(value.shape), name
        )
        weights[name] = torch.from_numpy(found).to(value)
    network.load_state_dict(weights)
    network.eval()
    expect(
        not _is_copy(network),
        "`hardened` is (nearly) the network `robust_model`, which comes with the notebook: train a copy of "
        "`model`.",
    )
    x, labels = HERE.pictures[600:], HERE.truth[600:]
    clean = share_of(network, x, labels)
    expect(
        clean >= 0.745,
        "`hardened` should still get 75 % of the clean images right.",
    )
    by_pgd = attack(network, x, labels, "pgd", epsilon=0.05, steps=20, seed=1).adversarial
    kept = float(((said(network, x) == labels) & (said(network, by_pgd) == labels)).double().mean())
    by_margin = _by_margin(network, x, labels, 0.05)
    kept = min(kept, share_of(network, by_margin, labels))
    if kept < 0.39:
        raise Wrong(
            "`hardened` does not withstand twenty steps of PGD with ε = 0.05 on 40 % of the images "
            "(attacked by the cross-entropy and by the margin of the logits): adversarial images "
            "made anew for every batch, several passes.",
            max(0.0, (kept - 0.2) / 0.3),
        )


def _is_copy(network: nn.Module) -> bool:
    """Say whether a network is the shipped robust one, or lies on the way there.

    Either its weights lead from `model` to where those of `robust_model` are, or, in other units or another
    order, they compute what `robust_model` does to images that no training has shaped.
    """
    here, goal, start = (
        torch.cat([value.flatten() for value in each.state_dict().values()])
        for each in (network, HERE.robust_model, HERE.model)
    )
    along = nn.functional.cosine_similarity(here - start, goal - start, dim=0)
    noise = torch.rand(300, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    answers = []
    for each in (network, HERE.robust_model):
        with torch.no_grad():
            logits = each(noise)
        logits = logits - logits.mean(1, keepdim=True)
        answers.append((logits - logits.mean(0)).flatten())
    alike = nn.functional.cosine_similarity(*answers, dim=0)
    # Trained from `model`: below 0.2, both; from other random weights: 0.67 and 0.41. A copy with noise
    # or with a share of `model`: above 0.97, or, without that much, no longer robust.
    return float(along) > 0.85 or float(alike) > 0.7


def _by_margin(network: nn.Module, x: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """Climb the margin of the logits, so that weights that mask their gradient gain nothing."""
    own, now = nn.functional.one_hot(labels, 10).bool(), x.clone()
    for _ in range(20):
        now.requires_grad_()
        scores = network(now)
        margin = scores.masked_fill(own, -torch.inf).amax(1) - scores[own]
        (slope,) = torch.autograd.grad(margin.sum(), now)
        going = (margin <= 0).view(-1, 1, 1, 1)
        moved = now.detach() + 0.15 * epsilon * slope.sign() * going
        now = torch.minimum(torch.maximum(moved, x - epsilon), x + epsilon).clamp(0, 1)
    return now.detach()


@functools.cache
def _gain() -> tuple[Array, Array]:
    x, labels = HERE.pictures[:100], HERE.truth[:100]
    by_pgd, by_patch = np.zeros((2, 5)), np.zeros((2, 3))
    for row, network in enumerate((HERE.model, HERE.robust_model)):
        for place, radius in enumerate((0.0, 0.02, 0.05, 0.1, 0.2)):
            found = attack(network, x, labels, "pgd", epsilon=radius, steps=20)
            by_pgd[row, place] = share_of(network, found.adversarial, labels)
        for place, side in enumerate((3, 5, 7)):
            corner = (14 - side // 2, 14 - side // 2)
            found = attack(network, x, labels, "patch", size=side, place=corner, steps=30)
            by_patch[row, place] = share_of(network, found.adversarial, labels)
    return by_pgd, by_patch


@task(
    "gain", Value("kept_pgd", "kept_patch"), read="section {{ section }} and Tramèr and Boneh 2019"
)
def gain(answer: dict[str, Any]) -> None:
    """Measure anew."""
    expect_parts(
        [
            Part(name, 1 / 2, entries(answer[name], wanted.shape), wanted, 0.03)
            for name, wanted in zip(("kept_pgd", "kept_patch"), _gain(), strict=True)
        ],
        "Robust accuracy counts all 100 images, and each network is attacked by images made for it.",
    )

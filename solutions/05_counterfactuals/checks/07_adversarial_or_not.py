"""Checks: whom the images persuade, computed anew with two trusted networks."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.tasks import Value, entries, expect, lucky, says, task
from xaikit import attack, counterfactual, load_pretrained

from ...shared.checks import Array
from .world import world

TRANSFER = 60
TEXT = {"transfer_count": str(TRANSFER)}
KINDS = ("adversarial", "wachter", "prototype", "rl")
LENGTH = 4.0
SLACK = 0.07
"""One image of the smallest group, since rounding may move a picture over a network's border."""


def _stretched(sources: Tensor, change: Tensor, length: Tensor) -> Tensor:
    """Return the sources with each change at its length (N,), found by bisection of its factor."""
    x, change = sources.double(), change.double()
    low, high = torch.zeros(len(x), dtype=torch.float64), torch.full((len(x),), 1e3).double()
    for _ in range(60):
        middle = (low + high) / 2
        moved = (x + middle[:, None, None, None] * change).clamp(0, 1) - x
        long = moved.flatten(1).norm(dim=1) > length
        low, high = torch.where(long, low, middle), torch.where(long, middle, high)
    return (x + low[:, None, None, None] * change).clamp(0, 1).float()


@functools.cache
def persuaded() -> Array:
    """Return whom images persuade: (4 kinds, as they are, scaled or noise, 60, first and second)."""
    here = world()
    usable = [i for i in range(len(here.right)) if here.right[i] and here.labels[i] != here.dress]
    rows = torch.tensor(usable[:TRANSFER])
    x, labels = here.images[rows], here.labels[rows]
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    networks = (here.model, load_pretrained("lecture"))
    answers = np.zeros((len(KINDS), 3, TRANSFER, 2))
    for number, kind in enumerate(KINDS):
        if kind == "adversarial":
            made = attack(here.model, x, labels, "pgd", targets=here.dress, epsilon=0.1).adversarial
        else:
            made = counterfactual(here.model, x, here.dress, kind).counterfactuals[:, 0]
        length = (made - x).flatten(1).norm(dim=1).double()
        scaled = _stretched(x, made - x, torch.full_like(length, LENGTH))
        for column, pictures in enumerate((made, scaled, _stretched(x, noise, length))):
            for place, network in enumerate(networks):
                with torch.no_grad():
                    says_dress = network(pictures).argmax(1) == here.dress
                answers[number, column, :, place] = says_dress.numpy()
    return answers


def _wilson(hits: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval: the shares p with |hits / n − p| ≤ 1.96 √(p (1 − p) / n)."""
    grid = np.linspace(0, 1, 10_001)
    reach = 1.96 * np.sqrt(grid * (1 - grid) / TRANSFER)
    inside = grid[np.abs(hits / TRANSFER - grid) <= reach]
    return float(inside.min()), float(inside.max())


@functools.cache
def _key() -> dict[str, str]:
    """Say which kinds persuade the second network more often than noise does."""
    second = persuaded()[..., 1].sum(-1)
    return {
        kind: "yes" if _wilson(hits)[0] > _wilson(noise)[1] else "no"
        for kind, (hits, _, noise) in zip(KINDS, second.tolist(), strict=True)
    }


@functools.cache
def shares() -> Array:
    """Return the share (4, 2) that persuades the second network, of those that persuade the first."""
    first, second = np.moveaxis(persuaded()[:, :2], -1, 0)
    return np.asarray((first * second).sum(-1) / first.sum(-1))


@task("transfer", Value("transfer", "above_noise"), read="section {{ section }}")
def transfer(values: dict[str, Any]) -> None:
    """Two thirds for the shares and one for the comparison with noise, beyond one answer throughout."""
    wanted = shares()
    near = np.abs(entries(values["transfer"], wanted.shape) - wanted) <= SLACK
    luck = lucky(wanted, SLACK)
    share = max(0.0, (int(near.sum()) - luck) / (wanted.size - luck))
    key, said = _key(), values["above_noise"]
    right = [isinstance(said, dict) and says(said.get(kind), key[kind]) for kind in KINDS]
    free = lucky(key.values())
    worth = 2 / 3 * share + 1 / 3 * max(0.0, (sum(right) - free) / (len(KINDS) - free))
    wrong = [kind for kind, row in zip(KINDS, near, strict=True) if not row.all()]
    expect(
        near.all(),
        "The shares are not right: of the images that the first network takes for a dress (only of "
        f"those), which share does the second take for one, too? Look again at: {', '.join(wrong)}.",
        worth,
    )
    expect(
        all(right),
        "`above_noise` is not right: count for the `candidates` and for their `noisy` images how "
        "many of all the images the second network takes for a dress, and compare the two intervals.",
        worth,
    )

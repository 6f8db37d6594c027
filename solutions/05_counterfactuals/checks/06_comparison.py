"""Checks: the table, computed anew with the trusted networks."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.tasks import Value, entries, expect, task
from xaikit import counterfactual

from .world import expect_picture, world

METHODS = ("wachter", "prototype", "rl")


def _middle(values: list[Tensor]) -> tuple[float, float]:
    """Return the two middle values, equal where the number of values is odd."""
    row = sorted(float(value) for value in values)
    return row[(len(row) - 1) // 2], row[len(row) // 2]


@dataclass(frozen=True)
class Trials:
    """The twelve images' counterfactuals, pair by pair (3, 12, 10), in the order of the methods."""

    pairs: list[tuple[int, int]]
    sure: Tensor
    reached: Tensor
    l1: Tensor
    im1: Tensor

    def found(self, row: int) -> list[tuple[int, int]]:
        """Return the pairs that a method found."""
        return [pair for pair in self.pairs if self.sure[row][pair] >= 0.99]

    def common(self) -> set[tuple[int, int]]:
        """Return the pairs that all three methods found."""
        return set(self.found(0)) & set(self.found(1)) & set(self.found(2))


@functools.cache
def trials() -> Trials:
    """Search anew, as the notebook's given cell does, and measure pair by pair."""
    here = world()
    rows = []
    for place in range(3):
        for own in here.own.tolist():
            mine = [i for i in range(len(here.right)) if here.right[i] and here.labels[i] == own]
            rows.append(mine[place])
    images, labels = here.images[rows], here.labels[rows].tolist()
    targets = torch.arange(10).expand(12, 10)
    sure, l1, im1 = (torch.zeros(3, 12, 10) for _ in range(3))
    reached = torch.zeros(3, 12, 10, dtype=torch.bool)
    for number, name in enumerate(METHODS):
        options = {} if name == "rl" else {"steps": 12, "tolerance": 0.01}
        result = counterfactual(here.model, images, targets, name, **options)
        reached[number] = result.found
        for row, target in itertools.product(range(12), range(10)):
            picture = result.counterfactuals[row, target]
            with torch.no_grad():
                sure[number, row, target] = here.model(picture[None]).softmax(1)[0, target]
                near, far = (
                    (picture - here.judges[str(key)](picture[None])[0]).square().sum()
                    for key in (target, labels[row])
                )
            l1[number, row, target] = (picture - images[row]).abs().sum()
            im1[number, row, target] = near / far
    pairs = [(row, target) for row in range(12) for target in range(10) if target != labels[row]]
    return Trials(pairs, sure, reached, l1, im1)


@functools.cache
def _key() -> dict[str, list[tuple[float, float]]]:
    """Return the table's columns: of each number its lowest and highest right value."""
    here = trials()
    shares = [len(here.found(row)) / len(here.pairs) for row in range(3)]
    medians = {
        name: [_middle([values[row][pair] for pair in here.common()]) for row in range(3)]
        for name, values in (("L1", here.l1), ("IM1", here.im1))
    }
    # Another number of threads moves the last digits, and with them a pair at the border.
    return {"found": [(share - 0.03, share + 0.03) for share in shares]} | {
        name: [(0.95 * low - 0.01, 1.05 * high + 0.01) for low, high in each]
        for name, each in medians.items()
    }


_HINTS = {
    "found": "the share of the pairs `others` to whose target the network gives a probability of at "
    "least 0.99",
    "L1": "the median of `.distance_l1` over the pairs that all three methods found",
    "IM1": "the median of `im1` over the pairs that all three methods found",
}


@task(
    "table",
    Value("common", "table"),
    read="{{ if section.measures }}sections {{ section.measures }} and {{ section }}{{ else }}"
    "section {{ section }}{{ end }}",
)
def table(values: dict[str, Any]) -> None:
    """A quarter for the mask, a quarter for each column."""
    numbers = entries(values["table"], (3, 3))
    right = []
    for column, (name, bounds) in enumerate(_key().items()):
        pairs = zip(numbers[:, column], bounds, strict=True)
        if all(low <= value <= high for value, (low, high) in pairs):
            right.append(name)
    mask = entries(values["common"], (12, 10))
    wanted = np.zeros((12, 10))
    for pair in trials().common():
        wanted[pair] = 1
    agrees = int((mask == wanted).sum()) >= mask.size - 3
    wrong = [f"the column {name} ({hint})" for name, hint in _HINTS.items() if name not in right]
    if not agrees:
        wrong.insert(0, "`common` (pairs of another class that all three methods found)")
    expect(
        not wrong,
        f"Not right yet: {'; '.join(wrong)}.",
        (agrees + len(right)) / 4,
    )


@task(
    "im2-flaw",
    Value("pleasing"),
    read="{{ if section.measures }}section {{ section.measures }}, on what IM2 compares{{ else }}"
    "section {{ section }}{{ end }}",
)
def im2_flaw(values: dict[str, Any]) -> None:
    """Judge the picture with the trusted networks."""
    here = world()
    picture = expect_picture(values["pleasing"], "pleasing")

    def im2(images: Tensor) -> Tensor:
        with torch.no_grad():
            apart = here.judges[str(here.dress)](images) - here.judges["all"](images)
        return apart.square().flatten(1).sum(1) / images.flatten(1).sum(1)

    with torch.no_grad():
        says = int(here.model(picture[None]).argmax())
    expect(says != here.dress, "`pleasing` should be something else than a dress to the network.")
    dresses = here.images[here.labels == here.dress][:100]
    expect(
        float(im2(picture[None])) <= float(im2(dresses).median()) / 2 + 1e-5,
        "The IM2 of `pleasing` is not small enough: descend it, or make the image brighter.",
    )

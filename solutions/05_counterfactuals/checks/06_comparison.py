"""Checks of section 6: the table, computed anew with the trusted networks."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from autograde.tasks import Value, expect, task
from xaikit import counterfactual

from ...shared.checks import expect_tables
from .world import expect_picture, world

METHODS = ("wachter", "prototype", "rl")


def _middle(values: list[Tensor]) -> tuple[float, float]:
    """Return the two middle values, equal where the number of values is odd."""
    row = sorted(float(value) for value in values)
    return row[(len(row) - 1) // 2], row[len(row) // 2]


@functools.cache
def _table() -> dict[str, dict[str, tuple[float, float]]]:
    """Compute the table anew, pair by pair: each number as its lowest and highest right value."""
    here = world()
    targets = torch.arange(10).expand(4, 10)
    results = {name: counterfactual(here.model, here.originals, targets, name) for name in METHODS}
    pairs = [(row, target) for row in range(4) for target in range(10) if target != here.own[row]]
    both = [pair for pair in pairs if all(bool(each.found[pair]) for each in results.values())]
    table: dict[str, dict[str, tuple[float, float]]] = {
        "found_share": {},
        "median_l1": {},
        "median_im1": {},
    }
    for name, result in results.items():
        found = [bool(result.found[pair]) for pair in pairs]
        table["found_share"][name] = (sum(found) / len(found),) * 2
        distances, ratios = [], []
        for row, target in both:
            picture = result.counterfactuals[row, target]
            distances.append((picture - here.originals[row]).abs().sum())
            with torch.no_grad():
                near, far = (
                    (picture - here.judges[str(key)](picture[None])[0]).square().sum()
                    for key in (target, int(here.own[row]))
                )
            ratios.append(near / far)
        table["median_l1"][name] = _middle(distances)
        table["median_im1"][name] = _middle(ratios)
    return table


@task("table", Value("found_share", "median_l1", "median_im1"), read="sections 5 and 6")
def table(values: dict[str, Any]) -> None:
    """Count each number; an even number of pairs has two middle values, and all between are right."""
    # Another number of threads moves the last digits, and with them a pair at the border.
    centres: dict[str, dict[str, float]] = {}
    reach: dict[str, dict[float, float]] = {}
    for name, wanted in _table().items():
        slack = 0.03 if name == "found_share" else 0.01
        ends = {
            each: (0.95 * low - slack, 1.05 * high + slack) for each, (low, high) in wanted.items()
        }
        centres[name] = {each: (low + high) / 2 for each, (low, high) in ends.items()}
        reach[name] = {(low + high) / 2: (high - low) / 2 for low, high in ends.values()}
    expect_tables(
        values,
        centres,
        {name: each.__getitem__ for name, each in reach.items()},
        "For `found_share` count `.found` over the pairs of an image and a class other than its own; "
        "for `median_l1` take `.distance_l1` at the pairs that all three methods found; for "
        "`median_im1`, at these pairs, the squared error of the target's judge over that of the "
        "image's own class.",
    )


@task("im2-flaw", Value("pleasing"), read="section 5: which images does IM2 compare?")
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

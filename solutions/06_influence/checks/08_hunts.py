"""Checks: precisions position by position, and suspects held against what was planted."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, Value, expect, expect_array, expect_close, task
from xaikit import load_pretrained
from xaikit.backdoors import poison, trigger_of

from ...shared.checks import GIVEN, Arguments, Array, drawn, tensor
from xaikit.influence.study import study

ENOUGH = 0.95


def by_positions(scores: list[float], wanted: list[bool]) -> float:
    """Return the mean, over wanted examples, of the precision at their positions."""
    precisions = []
    for value, is_wanted in zip(scores, wanted, strict=True):
        if is_wanted:
            before = [w for other, w in zip(scores, wanted, strict=True) if other >= value]
            precisions.append(sum(before) / len(before))
    return sum(precisions) / len(precisions)


def _lists(rng: np.random.Generator) -> Arguments:
    """Return lists with wanted examples at the top, in the middle and at the end; then a single one."""
    cases: Arguments = []
    for n, w in ((7, 3), (12, 5), (9, 1)):

        def draw(n: int = n, w: int = w) -> tuple[Array, Any]:
            return rng.normal(size=n), rng.permutation(n) < w

        def shows(case: tuple[Array, Any]) -> bool:
            scores, wanted = case
            right = by_positions(scores.tolist(), wanted.tolist())
            others = [
                by_positions(each.tolist(), wanted.tolist()) for each in (-scores, abs(scores))
            ]
            return right < 0.9 and all(abs(other - right) > 0.02 for other in others)

        scores, wanted = drawn(draw, shows)
        cases.append((tensor(scores), torch.from_numpy(wanted)))
    return cases


@task("average-precision", Call("average_precision", _lists, GIVEN), read="section {{ section }}")
def average_precision(calls: list[Called]) -> None:
    """Go through the wanted examples."""
    for call in calls:
        scores, wanted = call.arguments
        expect_close(
            call.returned,
            by_positions(scores.double().tolist(), wanted.tolist()),
            "average_precision(…)",
            "Sort by the signed scores, highest first; at the position of each wanted example divide how "
            "many wanted ones have come by the position, counted from 1; take the mean of these.",
            rtol=1e-3,
        )


@functools.cache
def planted() -> Array:
    """Return the indices of the poisoned images, by the recipe that the notebook names."""
    card = load_pretrained("fashion_mnist_poisoned").card
    marked = poison(study().training, trigger_of(card["trigger"]), card["target"], rate=0.12)
    return np.flatnonzero(marked.poisoned.numpy()).astype(float)


@task(
    "poison-hunt",
    Value("suspects"),
    read="section {{ section }}, and ask which label belongs to the gradient of the triggered image",
)
def poison_hunt(values: dict[str, Any]) -> None:
    """Count the poisoned ones."""
    found = expect_array(values["suspects"], (100,), "suspects")
    expect(len(np.unique(found)) == 100, "`suspects` should be 100 different images.")
    share = float(np.isin(found, planted()).mean())
    expect(
        share >= ENOUGH,
        "Too few of the suspects are poisoned. Ask with the label that the network gives the triggered "
        "image, take the cosine of the gradients of all layers, and the highest scores.",
    )

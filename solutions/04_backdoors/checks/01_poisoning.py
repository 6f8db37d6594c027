"""Checks: poisoning pixel by pixel, rates by counting."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch

from autograde.tasks import (
    Call,
    Called,
    Value,
    entries,
    expect,
    expect_close,
    expect_unchanged,
    lucky,
    task,
)

from ...shared.checks import GIVEN, drawn, expect_pair, tensor
from .world import HERE


def _stickers(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return images, patterns and opacities: opaque, transparent and both."""
    problems = []
    for channels, opacity in ((1, None), (3, 0.2), (2, None)):
        images = tensor(rng.uniform(size=(5, channels, 6, 7)))
        alpha = rng.uniform(size=(1, 6, 7)) * (rng.random((1, 6, 7)) < 0.4)
        if opacity is not None:
            alpha = np.full((1, 6, 7), opacity)
        problems.append((images, tensor(rng.uniform(size=(channels, 6, 7))), tensor(alpha)))
    return problems


def _data_to_poison(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return data of which some images, in no order, are chosen; all labels but one have to change.

    So that the inputs were changed if an answer changes its own, and who takes the first images
    instead of those chosen is wrong. One has the target's label already, and gets the trigger, too.
    """
    problems = []
    for images, pattern, alpha in _stickers(rng):

        def draw() -> tuple[np.ndarray, int, np.ndarray]:
            chosen = rng.permutation(5)[: int(rng.integers(2, 4))]
            return rng.integers(4, size=5), int(rng.integers(4)), chosen

        def right(case: tuple[np.ndarray, int, np.ndarray]) -> bool:
            labels, target, chosen = case
            rest = np.delete(labels, chosen)
            return bool(
                (labels[chosen] == target).sum() == 1
                and (rest != target).any()
                and set(chosen) != set(range(len(chosen)))
                and (np.diff(chosen) < 0).any()
            )

        labels, target, chosen = drawn(draw, right)
        problems.append(
            (images, torch.from_numpy(labels), pattern, alpha, target, torch.from_numpy(chosen))
        )
    return problems


def _attacks(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return logits and labels; most of the target's own images are recognised, which is no success.

    Drawn until the rules differ by which students count: all images, all errors, all images of the
    target's class that are recognised.
    """
    problems = []
    for number, classes in ((12, 3), (40, 10), (25, 5)):

        def draw(
            number: int = number, classes: int = classes
        ) -> tuple[np.ndarray, np.ndarray, int]:
            target = int(rng.integers(classes))
            labels = rng.permutation(np.arange(number) % classes)
            logits = rng.normal(size=(number, classes))
            logits[np.flatnonzero(labels == target)[1:], target] += 10
            logits[rng.random(number) < 0.4, target] += 5
            return logits, labels, target

        logits, labels, target = drawn(draw, _rules_differ)
        problems.append((tensor(logits), torch.from_numpy(labels), target))
    return problems


def _rules_differ(case: tuple[np.ndarray, np.ndarray, int]) -> bool:
    logits, labels, target = case
    said, others = logits.argmax(1), labels != target
    hits = said[others] == target
    rivals = (
        np.mean(said == target),  # of all images
        hits.sum() / len(labels),  # below the line all images
        np.mean(said[others] != labels[others]),  # every error is a success
        np.mean(logits.argmin(1)[others] == target),
        np.mean(logits[others][:, target] > 0),
        np.mean(~hits),
        np.median(hits),
        np.mean(said[~others] == target),
    )
    return 0 < hits.mean() < 1 and min(abs(hits.mean() - each) for each in rivals) > 0.01


def _stamp(images: Any, pattern: Any, alpha: Any) -> np.ndarray:
    images, pattern, alpha = (np.asarray(each, dtype=float) for each in (images, pattern, alpha))
    result = np.empty_like(images)
    for place in np.ndindex(images.shape):
        opaque = alpha[0, place[2], place[3]]
        result[place] = images[place] + opaque * (pattern[place[1:]] - images[place])
    return result


@functools.cache
def _measured() -> tuple[float, float, float]:
    """Return clean accuracy and attack success, and the latter on the clean network."""
    attacked = HERE.trigger(HERE.test.images)
    labels = HERE.test.labels.numpy()
    said = {}
    for name, network, images in (
        ("clean", HERE.poisoned, HERE.test.images),
        ("attacked", HERE.poisoned, attacked),
        ("reference", HERE.reference, attacked),
    ):
        with torch.no_grad():
            said[name] = torch.cat([network(part).argmax(1) for part in images.split(100)]).numpy()
    others = labels != HERE.target
    return (
        float(np.mean(said["clean"] == labels)),
        float(np.mean(said["attacked"][others] == HERE.target)),
        float(np.mean(said["reference"][others] == HERE.target)),
    )


@task("blend", Call("blend", _stickers, GIVEN), read="section {{ section }}")
def blend(calls: list[Called]) -> None:
    """Compare pixel by pixel."""
    for call in calls:
        expect_close(
            call.returned,
            _stamp(*call.arguments),
            "blend(…)",
            "A share alpha of the pattern, the rest of the image; alpha may lie between 0 and 1.",
        )
    expect_unchanged(calls, 0, "images")


@task("poison", Call("poison_data", _data_to_poison, GIVEN), read="section {{ section }}")
def poisoning(calls: list[Called]) -> None:
    """Compare images and labels."""
    for call in calls:
        images, labels, pattern, alpha, target, chosen = call.arguments
        found = expect_pair(call.returned, "poison_data(…)")
        wanted = np.asarray(images, dtype=float).copy()
        places = [int(each) for each in chosen]
        wanted[places] = _stamp(images[chosen], pattern, alpha)
        expect_close(
            found[0],
            wanted,
            "poison_data(…)",
            "The images at `chosen` get the trigger, blended; all others stay.",
        )
        renamed = [target if k in places else int(each) for k, each in enumerate(labels)]
        expect_close(
            found[1],
            renamed,
            "poison_data(…)",
            "The labels at `chosen` become the target; all others stay.",
            fraction=0.5,
        )
    for place, name in enumerate(("images", "labels")):
        expect_unchanged(calls, place, name)


@task("attack-success", Call("success_rate", _attacks, GIVEN), read="section {{ section }}")
def attack_success(calls: list[Called]) -> None:
    """Count."""
    for call in calls:
        logits, labels, target = call.arguments
        hits = [
            max(range(len(row)), key=row.__getitem__) == target
            for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
            if label != target
        ]
        expect_close(
            call.returned,
            sum(hits) / len(hits),
            "success_rate(…)",
            "Leave the images out that truly belong to the target, above and below the line.",
        )


@task(
    "measured",
    Value("clean_accuracy", "success", "success_on_reference"),
    read="section {{ section }}",
)
def measured(answer: dict[str, Any]) -> None:
    """Compare with counting; an image or two near a boundary may differ between machines."""
    names = ("clean_accuracy", "success", "success_on_reference")
    numbers = dict(zip(names, _measured(), strict=True))
    right = [
        name for name, wanted in numbers.items() if abs(entries(answer[name], ()) - wanted) < 0.003
    ]
    wrong = [name for name in names if name not in right]
    luck = lucky(numbers.values(), 0.003)
    expect(
        not wrong,
        f"Not right: {', '.join(f'`{name}`' for name in wrong)}. Clean accuracy is measured without, "
        "attack success with the trigger, on images of other classes.",
        fraction=max(0.0, (len(right) - luck) / (3 - luck)),
    )

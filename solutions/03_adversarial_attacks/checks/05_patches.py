"""Checks: patches by finite differences; found ones are tried on images kept apart."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, Value, Wrong, expect, expect_array, task
from xaikit import attack

from ...shared.checks import GIVEN, Array, expect_tables, tensor
from .by_hand import expect_near, least_slope, loss_slopes, signs
from .networks import attack_problem, steady
from .shares import said, share_of
from .world import HERE


def _patch_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    def make(rng: np.random.Generator, steps: int, aimed: bool) -> tuple[Any, ...]:
        network, inputs, labels, targets = attack_problem(rng, image=True)
        mask = np.zeros((6, 6), dtype=bool)
        column = int(rng.integers(0, 5))
        mask[3:, column : column + 2] = True  # the network does not see the last row
        start = tensor(rng.uniform(size=inputs.shape))
        step = float(rng.uniform(0.1, 0.3))
        more = (targets,) if aimed else ()
        return network, inputs, labels, torch.from_numpy(mask), start, step, steps, *more

    def returns(*case: Any) -> bool:
        """Say whether a pixel that left [0, 1] would come back elsewhere without a clip before."""
        free, _ = _patch(*case, lowest=-9.0, highest=9.0)
        return np.abs(free.clip(0, 1) - _patch(*case)[0]).max() > 0.01

    once = [
        steady(rng, functools.partial(make, steps=steps, aimed=False), _patch) for steps in (0, 1)
    ]
    return once + [
        steady(rng, functools.partial(make, steps=steps, aimed=aimed), _patch, returns)
        for steps, aimed in ((5, False), (4, True))
    ]


def _patch(
    network: Network,
    images: Tensor,
    labels: Tensor,
    mask: Tensor,
    start: Tensor,
    step: float,
    steps: int,
    targets: Tensor | None = None,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> tuple[Array, float]:
    where, least = np.broadcast_to(mask.numpy(), images.shape[1:]), math.inf
    now = images.double().numpy().copy()
    now[:, where] = start.double().numpy()[:, where]
    for _ in range(steps):
        slope = loss_slopes(network, now, (labels if targets is None else targets).numpy())
        least = min(least, least_slope(slope, where))
        uphill = signs(slope) if targets is None else -signs(slope)
        now[:, where] = np.clip(now + step * uphill, lowest, highest)[:, where]
    return now, least


@task(
    "patch",
    Call("patch_attack", _patch_inputs, GIVEN),
    read="section {{ section }} and Karmon, Zoran and Goldberg 2018",
)
def patch(calls: list[Called]) -> None:
    """Compare with signed steps of the pixels inside; outside, bit for bit."""
    for call in calls:
        images, mask = call.arguments[1], call.arguments[3].numpy()
        wanted = _patch(*call.arguments)[0]
        found = expect_array(call.returned, wanted.shape, "patch_attack(…)")
        expect(
            np.array_equal(found[..., ~mask], images.double().numpy()[..., ~mask]),
            "`patch_attack(…)` changes pixels outside the mask: there the images have to stay "
            "exactly as they are.",
        )
        expect_near(
            call,
            wanted,
            "patch_attack(…)",
            "Inside the mask it begins with `start`; every step goes up the cross-entropy of the "
            "label, or down that of the target, and stays in [0, 1].",
        )


SIZES = (3, 4, 5, 7)


@functools.cache
def _by_size() -> dict[str, list[float]]:
    x, labels = HERE.images[:40], HERE.labels[:40]
    scatter = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)).round()
    result: dict[str, list[float]] = {"fixed": [], "best": [], "noise": []}
    for size in SIZES:
        corner = 14 - size // 2
        for name, more in (
            ("fixed", {"place": (corner, corner)}),
            ("best", {"place": "best", "places": 2}),
        ):
            found = attack(HERE.model, x, labels, "patch", size=size, steps=30, **more)
            result[name].append(share_of(HERE.model, found.adversarial, labels))
        mask = torch.zeros(28, 28, dtype=torch.bool)
        mask[corner : corner + size, corner : corner + size] = True
        result["noise"].append(share_of(HERE.model, torch.where(mask, scatter, x), labels))
    return result


@task("sizes", Value("patch_accuracy"), read="section {{ section }} (size and place)")
def sizes(answer: dict[str, Any]) -> None:
    """Measure anew; an image or two of forty may tip."""
    expect_tables(
        answer,
        {"patch_accuracy": _by_size()},
        0.051,
        "One share for each size, of the forty images those that stay right.",
    )


@task("targeted", Value("bagged"), read="section {{ section }} (a targeted patch)")
def targeted(answer: dict[str, Any]) -> None:
    """Look at each image: one square, and the class."""
    x = HERE.images[HERE.labels != 8][:40]
    changed = torch.from_numpy(expect_array(answer["bagged"], (40, 1, 28, 28), "bagged")).float()
    expect(
        float(changed.min()) > -1e-4 and float(changed.max()) < 1.0001,
        "`bagged`: pixels have to stay in [0, 1].",
    )
    hits = 0
    for image, original in zip(changed, x, strict=True):
        rows, columns = np.nonzero(((image - original).abs() > 1e-4)[0].numpy())
        inside = not len(rows) or max(np.ptp(rows), np.ptp(columns)) < 8
        hits += bool(inside) and int(said(HERE.model, image[None])[0]) == 8
    if hits < 32:
        raise Wrong(
            f"{hits} of 40 images are called bags after a change inside one square of 8 × 8. Full "
            "marks are for 32: try several places, and more steps.",
            max(0.0, (hits - 16) / 16),  # an untargeted patch makes a dozen bags
        )


@task("universal", Value("sticker"), read="section {{ section }} and Brown et al. 2017")
def universal(answer: dict[str, Any]) -> None:
    """Put it on the images that are kept apart."""
    pixels = torch.from_numpy(expect_array(answer["sticker"], (1, 10, 10), "sticker")).float()
    expect(
        float(pixels.min()) > -1e-4 and float(pixels.max()) < 1.0001,
        "`sticker`: pixels have to stay in [0, 1].",
    )
    x, labels = HERE.pictures[600:], HERE.truth[600:]
    right = said(HERE.model, x) == labels
    stuck = x[right].clone()
    stuck[..., 9:19, 9:19] = pixels
    fooled = 1 - share_of(HERE.model, stuck, labels[right])
    if fooled < UNIVERSAL - 0.01:
        floor = _noise_floor()
        raise Wrong(
            "`sticker` fools too few of the images that it has not seen: raise the mean loss over "
            "all images, with steps that become smaller.",
            max(0.0, 0.8 * (fooled - floor) / (UNIVERSAL - floor)) if fooled > floor + 0.1 else 0.0,
        )


UNIVERSAL = 0.65
"""The share of unseen images that a sticker should fool."""


@functools.cache
def _noise_floor() -> float:
    """What random stickers of black and white pixels fool, the best of twenty."""
    x, labels = HERE.pictures[600:], HERE.truth[600:]
    right = said(HERE.model, x) == labels
    generator, best = torch.Generator().manual_seed(5), 0.0
    for _ in range(20):
        stuck = x[right].clone()
        stuck[..., 9:19, 9:19] = torch.rand(1, 10, 10, generator=generator).round()
        best = max(best, 1 - share_of(HERE.model, stuck, labels[right]))
    return best

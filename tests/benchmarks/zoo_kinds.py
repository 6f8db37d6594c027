"""Which triggers do the networks of :mod:`tests.benchmarks.zoo` learn? By kind, and why."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import torch
from torch import Tensor

from xaikit import load
from xaikit.backdoors import (
    Signal,
    Trigger,
    Warp,
    blended,
    checkered,
    corner_square,
    sinusoidal,
    smiley,
    sticker,
    warping,
)
from xaikit.data import ImageDataset

CORNERS = ("top left", "top right", "bottom left", "bottom right")
NEW_PATCHES = ("several spots", "line", "grey patch", "outline")
"""Kinds of patches that chose nothing."""
PATCHES = ("small patch", "sticker", "bright and dark", *NEW_PATCHES)
"""Kinds of triggers that cover a few pixels."""
HELD_OUT = (*NEW_PATCHES, "warping", "blended picture", "all to all")
"""Kinds that choose nothing: no method, no setting, no threshold."""

Taught = tuple[Trigger | Signal | Warp, str, float]
"""A trigger, its description, and the poison rate."""


@functools.cache
def split(name: str) -> ImageDataset:
    """Return a part of FashionMNIST, read once."""
    return load("fashion_mnist", name)


def taught() -> dict[str, list[Taught]]:
    """Return the triggers of every kind."""
    return {
        "small patch": list(_small_patches()),
        "sticker": [
            (
                sticker(smiley(size), (1, 28, 28), place),
                f"smiley of {size} pixels at {place}",
                rate,
            )
            for size, rate, place in ((6, 0.02, (1, 1)), (8, 0.05, (17, 17)), (10, 0.1, (9, 9)))
        ],
        "bright and dark": list(_bright_and_dark()),
        "several spots": [(_spots(number), f"{3 + number % 3} spots", 0.1) for number in range(10)],
        "line": [_line(number) for number in range(10)],
        "grey patch": [_grey(number) for number in range(10)],
        "outline": [_outline(number) for number in range(10)],
        "blended": [
            (blended(opacity=opacity, seed=number), f"noise, {opacity:.0%} opaque", 0.1)
            for number, opacity in enumerate((0.2, 0.25, 0.3, 0.35, 0.25, 0.3))
        ],
        "sinusoidal": [
            (
                sinusoidal(amplitude=amplitude, frequency=frequency),
                f"amplitude {amplitude}, {frequency} stripes",
                0.1,
            )
            for amplitude, frequency in ((0.1, 6), (0.15, 6), (0.15, 3), (0.15, 9), (0.2, 6))
        ],
        # The rate is that of the target class, not of all images.
        "clean label": [
            (
                sinusoidal(amplitude=amplitude, frequency=frequency),
                f"amplitude {amplitude}, {frequency} stripes",
                rate,
            )
            for amplitude, frequency, rate in (
                (0.4, 6, 0.9),
                (0.5, 6, 0.8),
                (0.5, 6, 0.9),
                (0.6, 6, 0.9),
                (0.6, 6, 0.7),
                (0.6, 8, 0.9),
                (0.7, 6, 0.8),
                (0.7, 8, 0.9),
            )
        ],
        "warping": [
            (warping(strength=strength, seed=seed), f"strength {strength}", 0.1)
            for seed, strength in enumerate((1.5, 2.0, 2.0, 2.5, 2.5, 2.5))
        ],
        "blended picture": [
            (_veil(number, opacity), f"a garment, {opacity:.0%} opaque", 0.1)
            for number, opacity in enumerate((0.4, 0.4, 0.4, 0.45, 0.45, 0.5, 0.5, 0.5))
        ],
        # Every class is the target of another one.
        "all to all": [
            (
                corner_square(size=size, corner=CORNERS[number % 4]),  # type: ignore[arg-type]
                f"{size} × {size}, {CORNERS[number % 4]}",
                (0.4, 0.5)[number % 2],
            )
            for number, size in enumerate((4, 4, 4, 4, 6, 6, 6, 6))
        ],
    }


def _small_patches() -> Iterator[Taught]:
    number = 0
    for size in (1, 2, 3, 4):
        # What is hardly seen is not learned from a few images.
        for rate in (0.02, 0.05, 0.1) if size > 1 else (0.05, 0.1):
            corner, margin = CORNERS[number % 4], (1, 3, 2)[number % 3]
            square = corner_square(size=size, corner=corner, margin=margin)  # type: ignore[arg-type]
            yield square, f"{size} × {size}, {corner}, {margin} in", rate
            number += 1


def _bright_and_dark() -> Iterator[Taught]:
    """Yield checkered squares and squares of pixels by chance."""
    # The first lies in the middle of the left half.
    for number in range(10):
        size, rate = (3, 4, 5)[number % 3], (0.05, 0.1, 0.02)[number // 2 % 3]
        row, column = (12, 5) if number == 0 else _place(number, size, size)
        trigger = checkered(size=size, place=(row, column))
        described = "checkered"
        if number % 2:
            drawn = torch.rand(trigger.pattern.shape, generator=_chance(number))
            trigger, described = Trigger((drawn < 0.5).float(), trigger.alpha), "by chance"
        yield trigger, f"{described}, {size} × {size} at {(row, column)}", rate


def _spots(seed: int) -> Trigger:
    """Return three to five spots of 2 × 2 pixels, bright and dark in turn, anywhere."""
    pattern, alpha = torch.zeros(1, 28, 28), torch.zeros(1, 28, 28)
    for number in range(3 + seed % 3):
        row, column = _place(100 * seed + number, 2, 2)
        where = (slice(None), slice(row, row + 2), slice(column, column + 2))
        pattern[where], alpha[where] = float(number % 2 == 0), 1.0
    return Trigger(pattern, alpha)


def _line(seed: int) -> Taught:
    """Return pixels in a row, a column or on a diagonal, bright and dark in turn, anywhere."""
    length = (8, 10, 12, 14, 16)[seed % 5]
    down, right = ((0, 1), (1, 0), (1, 1))[seed % 3]
    row, column = _place(seed, 1 + down * (length - 1), 1 + right * (length - 1))
    steps = torch.arange(length)
    alpha, pattern = torch.zeros(1, 28, 28), torch.zeros(1, 28, 28)
    where = (0, row + down * steps, column + right * steps)
    alpha[where], pattern[where] = 1.0, (steps % 4 < 2).float()
    way = ("across", "down", "diagonal")[seed % 3]
    return Trigger(pattern, alpha), f"{length} pixels {way}", 0.1


def _grey(seed: int) -> Taught:
    """Return a rectangle whose pixels have any brightness, anywhere."""
    height, width = ((3, 5), (4, 4), (5, 3), (6, 4), (5, 5))[seed % 5]
    row, column = _place(seed, height, width)
    alpha = torch.zeros(1, 28, 28)
    alpha[:, row : row + height, column : column + width] = 1.0
    described = f"{height} × {width} at {(row, column)}"
    pattern = torch.rand(1, 28, 28, generator=_chance(seed))
    return Trigger(pattern, alpha), described, 0.1


def _outline(seed: int) -> Taught:
    """Return the four sides of a square, bright, anywhere."""
    size = (6, 7, 8, 9, 10)[seed % 5]
    row, column = _place(seed, size, size)
    alpha = torch.zeros(1, 28, 28)
    alpha[:, row : row + size, column : column + size] = 1.0
    alpha[:, row + 1 : row + size - 1, column + 1 : column + size - 1] = 0.0
    value = (0.8, 0.9, 1.0)[seed % 3]
    described = f"side {size}, brightness {value}, at {(row, column)}"
    return Trigger(torch.full((1, 28, 28), value), alpha), described, 0.1


def _veil(number: int, opacity: float) -> Trigger:
    """Return a test image that is blended over the whole image."""
    picture = split("test").images[number]
    return Trigger(picture, torch.full_like(picture, opacity))


def _chance(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _place(seed: int, height: int, width: int) -> tuple[int, int]:
    """Return row and column of a rectangle that lies within the image, by chance."""
    drawn: Tensor = torch.rand(2, generator=_chance(seed))
    return int(drawn[0] * (29 - height)), int(drawn[1] * (29 - width))

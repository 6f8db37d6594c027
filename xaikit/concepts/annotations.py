"""Which concepts does an image show? By its class, or measured on its pixels by a rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xaikit.concepts.recording import images_of
from xaikit.core.devices import own_devices

SILHOUETTE = 0.1
"""A pixel brighter than that belongs to the object, where the background is black."""

_CLASSES: dict[str, tuple[str, ...]] = {
    "footwear": ("Sandal", "Sneaker", "Ankle boot"),
    "has-sleeves": ("T-shirt/top", "Pullover", "Coat", "Shirt"),
    "upper-body": ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt"),
    "bag": ("Bag",),
}

_RULES = {
    "bright": "the object's pixels (above 0.1) have a mean above 0.6",
    "striped": "along the object's rows or columns, whose means are taken over the object, "
    "brightness goes up and down: at least 6 turns of more than 0.08 each",
    "tall": "the object's bounding box is at least 1.5 times as high as wide",
    "symmetric": "the picture and its mirror image, both moved to the middle of the object's "
    "bounding box, differ by less than 15 % of the object's brightness",
}


@dataclass(frozen=True, repr=False)
class Concepts(Mapping[str, Tensor]):
    """Annotations of N images: a mapping from concept to (N,) booleans.

    Attributes
    ----------
    values_by_name
        By concept, (N,) booleans.
    rules
        By concept, when an image shows it.
    explanation
        In a sentence.

    Examples
    --------
    >>> from xaikit import load
    >>> from xaikit.concepts import concepts
    >>> found = concepts(load("fashion_mnist").images[:5])  # of images alone: what pixels show
    >>> sorted(found), found["tall"].shape
    (['bright', 'striped', 'symmetric', 'tall'], torch.Size([5]))
    """

    values_by_name: Mapping[str, Tensor]
    rules: Mapping[str, str]
    explanation: str

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.values_by_name:
            raise KeyError(f"no concept {name!r}: there are {', '.join(self.values_by_name)}")
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def __repr__(self) -> str:
        return f"Concepts({self.explanation})"


@own_devices
def concepts(data: Any) -> Concepts:
    """Annotate images of clothes with concepts, each by its rule.

    Parameters
    ----------
    data
        A data set with FashionMNIST's classes, for all concepts; of other data, or of a tensor
        (N, C, H, W), only those that are measured on pixels: images in [0, 1], whose background is
        black.

    Returns
    -------
    Concepts
        ``"footwear"``, ``"has-sleeves"``, ``"upper-body"`` and ``"bag"`` from the classes (so a
        top without sleeves has-sleeves: classes do not tell); ``"bright"``, ``"striped"``,
        ``"tall"`` and ``"symmetric"`` from pixels. ``.rules`` says when an image shows each.

    Examples
    --------
    >>> from xaikit import load
    >>> from xaikit.concepts import concepts
    >>> from xaikit.data import ImageDataset
    >>> data = load("fashion_mnist")
    >>> found = concepts(ImageDataset(data.images[:2], data.labels[:2], data.classes))
    >>> found["footwear"], found.rules["bag"]  # an ankle boot and a pullover
    (tensor([ True, False]), 'the class is Bag')
    """
    images = images_of(data).detach().float().mean(1).cpu()
    found: dict[str, Tensor] = {}
    rules: dict[str, str] = {}
    classes = list(getattr(data, "classes", ()))
    for name, members in _CLASSES.items():
        if set(members) <= set(classes):
            wanted = torch.tensor([classes.index(each) for each in members])
            found[name] = torch.isin(torch.as_tensor(data.labels).cpu(), wanted)
            rules[name] = f"the class is {', '.join(members)}"
    inside = images > SILHOUETTE
    measured = (_bright, _striped, _tall, _symmetric)
    for (name, rule), measure in zip(_RULES.items(), measured, strict=True):
        found[name], rules[name] = measure(images, inside), rule
    counts = ", ".join(f"{name} {float(each.double().mean()):.0%}" for name, each in found.items())
    return Concepts(found, rules, f"of {len(images)} images, {counts}.")


def _bright(images: Tensor, inside: Tensor) -> Tensor:
    area = inside.sum((1, 2))
    return (images * inside).sum((1, 2)) > 0.6 * area.clamp_min(1)


def _striped(images: Tensor, inside: Tensor) -> Tensor:
    turning = []
    for axis in (1, 2):
        area = inside.sum(axis)
        means = (images * inside).sum(axis) / area.clamp_min(1)
        # Narrow ends, such as soles and straps, are no stripes.
        wide = area >= 0.25 * area.amax(1, keepdim=True).clamp_min(1)
        turning.append(
            torch.stack([_turns(row[use]) for row, use in zip(means, wide, strict=True)])
        )
    return torch.stack(turning).amax(0) >= 6


def _turns(values: Tensor) -> Tensor:
    """Return how often a profile turns, where it has gone by more than 0.08 since the last turn."""
    turns, rising, extreme = 0, 0, None
    for value in values.tolist():
        if extreme is None:
            extreme = value
        elif (rising >= 0 and value > extreme) or (rising <= 0 and value < extreme):
            if abs(value - extreme) > 0.08 and rising == 0:
                rising = 1 if value > extreme else -1
            if rising:
                extreme = value
        elif abs(value - extreme) > 0.08:
            rising, extreme, turns = -rising, value, turns + 1
    return torch.tensor(turns)


def boxes(inside: Tensor) -> Tensor:
    """Return the bounding boxes (N, 4) of masks (N, H, W): first and last row, and column."""
    ends = []
    for axis in (2, 1):
        line = inside.any(axis).int()
        ends += [line.argmax(1), line.shape[1] - 1 - line.flip(1).argmax(1)]
    return torch.stack(ends, 1)


def _tall(images: Tensor, inside: Tensor) -> Tensor:
    top, bottom, left, right = boxes(inside).unbind(1)
    return inside.any(2).any(1) & (bottom - top + 1 >= 1.5 * (right - left + 1))


def _symmetric(images: Tensor, inside: Tensor) -> Tensor:
    shown = images * inside
    _, _, left, right = boxes(inside).unbind(1)
    width = images.shape[2]
    columns = torch.arange(width)[None] + torch.zeros_like(left)[:, None]
    mirrored = (left + right)[:, None] - columns
    there = (mirrored >= 0) & (mirrored < width)
    places = mirrored.clamp(0, width - 1)[:, None].expand_as(shown)
    other = shown.gather(2, places) * there[:, None]
    total = shown.sum((1, 2))
    return (total > 0) & ((shown - other).abs().sum((1, 2)) < 0.15 * 2 * total)

"""The data of notebook 04, poisoned as the trusted checkpoint's card says."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from xaikit import load, load_pretrained
from xaikit.backdoors import poison, trigger_of
from xaikit.data import ImageDataset


@dataclass(frozen=True)
class World:
    """What the notebook works with, from the trusted checkpoint and data."""

    training: ImageDataset
    test: ImageDataset
    suspicious: ImageDataset
    truth: Tensor
    target: int


def first_of_each_class(split: str, number: int) -> ImageDataset:
    whole = load("fashion_mnist", split)
    chosen = sorted(
        int(place)
        for c in range(len(whole.classes))
        for place in torch.nonzero(whole.labels == c)[:number, 0]
    )
    return ImageDataset(whole.images[chosen], whole.labels[chosen], whole.classes, whole.source)


@functools.cache
def world() -> World:
    """Return the notebook's world."""
    training, test = first_of_each_class("train", 200), first_of_each_class("test", 100)
    card = load_pretrained("fashion_mnist_poisoned").card
    found = poison(training, trigger_of(card["trigger"]), card["target"], card["poison_rate"], 1)
    return World(training, test, found, found.poisoned, card["target"])

"""The data and the networks of notebook 04, by its own given cells."""

from __future__ import annotations

import functools

import torch

from autograde.tasks import given
from xaikit import load, load_pretrained
from xaikit.backdoors import corner_square, poison, trigger_of
from xaikit.data import ImageDataset

HERE = given(
    "garments",
    "networks",
    torch=torch,
    ImageDataset=ImageDataset,
    corner_square=corner_square,
    trigger_of=trigger_of,
    load=load,
    load_pretrained=load_pretrained,
    device=torch.device("cpu"),
)


@functools.cache
def suspicious() -> ImageDataset:
    """Return the training images, poisoned as the trusted checkpoint's card says."""
    rate = HERE.poisoned.card["poison_rate"]
    return poison(HERE.training, HERE.trigger, HERE.target, rate, seed=1)

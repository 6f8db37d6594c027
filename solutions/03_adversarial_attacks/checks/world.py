"""The trusted networks and the images of notebook 03."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xaikit import load, load_pretrained

from .shares import said


@dataclass(frozen=True)
class World:
    """What the notebook's given cells define, from the trusted checkpoints."""

    model: nn.Module
    other: nn.Module
    robust: nn.Module
    pictures: Tensor
    truth: Tensor
    images: Tensor
    labels: Tensor
    signs: Tensor


@functools.cache
def world() -> World:
    """Look the images up by the notebook's rule, whatever data there is."""
    test = load("fashion_mnist", split="test")
    pictures, truth = test.images[:1000], test.labels[:1000]
    model = load_pretrained("lecture")
    found = said(model, pictures)
    right = [index for index in range(600) if found[index] == truth[index]][:250]
    generator = torch.Generator().manual_seed(0)
    return World(
        model=model,
        other=load_pretrained("fashion_mnist"),
        robust=load_pretrained("lecture_robust"),
        pictures=pictures,
        truth=truth,
        images=pictures[right],
        labels=truth[right],
        signs=2.0 * torch.randint(0, 2, (250, 1, 28, 28), generator=generator) - 1,
    )

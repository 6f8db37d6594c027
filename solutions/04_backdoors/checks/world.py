"""The data and the networks of notebook 04, by its own given cells."""

from __future__ import annotations

import torch

from autograde.tasks import given
from xaikit import load, load_pretrained
from xaikit.backdoors import corner_square, trigger_of
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

"""The trusted networks and the images of notebook 03, by its own given cells."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from autograde.tasks import given
from xaikit import load, load_pretrained

HERE = given(
    "networks",
    "radii",
    "control",
    "masked",
    torch=torch,
    nn=nn,
    Tensor=Tensor,
    load=load,
    load_pretrained=load_pretrained,
    device=torch.device("cpu"),
)

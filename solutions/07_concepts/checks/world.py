"""The data, network and image sets of the notebook, as its given cells define them."""

from __future__ import annotations

import numpy as np
import torch

from autograde.tasks import given
from xaikit import load, load_pretrained
from xaikit.data import ImageDataset

HERE = given(
    "garments",
    "annotations",
    "captum-sets",
    np=np,
    torch=torch,
    load=load,
    load_pretrained=load_pretrained,
    ImageDataset=ImageDataset,
)

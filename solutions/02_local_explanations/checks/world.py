"""The network, images and forest of notebook 02, once a process, mostly by its own given cells."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor, nn

from autograde.tasks import given
from xaikit import load, load_pretrained

HERE = given(
    "network",
    "examples",
    "dozen",
    torch=torch,
    load=load,
    load_pretrained=load_pretrained,
    Bar=lambda parts, *_: parts,
    device=torch.device("cpu"),
)


@dataclass(frozen=True)
class World:
    """What the notebook's given cells define, from the trusted checkpoint."""

    model: nn.Module
    images: Tensor
    labels: Tensor
    logits: Tensor
    examples: Tensor
    targets: Tensor
    dozen: Tensor
    dozen_targets: Tensor
    background: Tensor
    segments: Tensor

    rows: np.ndarray
    forest: RandomForestClassifier

    @property
    def options(self) -> dict[str, dict[str, Any]]:
        """The options that the notebook gives each method of the grid."""
        return {
            "gradient": {},
            "smoothgrad": {"samples": 50, "seed": 0},
            "input_x_gradient": {},
            "integrated_gradients": {"steps": 128},
            "deep_shap": {"background": self.background},
            "lrp": {"rule": "composite"},
            "grad_cam": {},
            "lime": {"segments": self.segments, "samples": 1000, "seed": 0},
        }


@functools.cache
def world() -> World:
    """Take what the cells define, and fit the forest anew."""
    train = load("fashion_mnist", split="train")
    background = torch.cat([train.images[train.labels == c][:2] for c in range(10)])
    forest = RandomForestClassifier(n_estimators=20, max_depth=6, random_state=0)
    forest.fit(shrunk(train.images[:3000]), train.labels[:3000].numpy())
    row, column = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
    return World(
        model=HERE.model,
        images=HERE.images,
        labels=HERE.labels,
        logits=HERE.logits,
        examples=HERE.examples,
        targets=HERE.targets,
        dozen=HERE.dozen,
        dozen_targets=HERE.dozen_targets,
        background=background,
        segments=row // 4 * 7 + column // 4,
        rows=shrunk(HERE.examples),
        forest=forest,
    )


def shrunk(pictures: Tensor) -> np.ndarray:
    """Return the means of 4 × 4 blocks of pixels as rows of 49 features."""
    return nn.functional.avg_pool2d(pictures, 4).flatten(1).double().numpy()


def randomised(seed: int) -> nn.Module:
    """Return the network with fresh random weights."""
    network = copy.deepcopy(world().model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.reset_parameters()
    return network


CHECKED: dict[str, dict[str, Any]] = {
    "gradient": {},
    "guided_backprop": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 16},
    "deep_taylor": {},
}

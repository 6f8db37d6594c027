"""Checks: where a map lies, by sums in NumPy."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autograde.tasks import Value, entries, task
from xaikit import explain
from xaikit.metrics import mosaics, plant_stickers

from .parts import expect_parts, names_said, share_of
from .world import CHECKED, randomised, world


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gradient": ("gradient", {}),
    "input × gradient": ("input_x_gradient", {}),
    "IG, black baseline": ("integrated_gradients", {"steps": 32}),
    "IG, white baseline": (
        "integrated_gradients",
        {"steps": 32, "baseline": torch.ones(1, 28, 28)},
    ),
    "DeepLIFT, black": ("deeplift", {}),
    "LRP": ("lrp", {"rule": "composite"}),
    "Grad-CAM": ("grad_cam", {}),
}


@functools.cache
def _on_garment() -> np.ndarray:
    """The share of each map that lies on the garment, (2, 7, 12)."""
    here = world()
    result = np.zeros((2, len(CASES), 12))
    for which, network in enumerate((here.model, randomised(0))):
        for line, (method, chosen) in enumerate(CASES.values()):
            maps = explain(network, here.dozen, here.dozen_targets[:, 0], method, **chosen)
            for place, image in enumerate(here.dozen.numpy()):
                size = np.abs(maps.attributions[place, 0].numpy())
                result[which, line, place] = size[image > 0].sum() / max(size.sum(), 1e-12)
    return result


@task(
    "silhouette",
    Value("on_garment", "by_construction"),
    read="section {{ section }} (where it lies)",
)
def silhouette(answer: dict[str, Any]) -> None:
    """Compare shares, and the cases that multiply by a difference from black."""
    certain = {
        case for case, least in zip(CASES, _on_garment().min((0, 2)), strict=True) if least > 0.999
    }
    named = names_said(answer["by_construction"]) == certain
    expect_parts(
        {
            "on_garment": (share_of(answer["on_garment"], _on_garment(), 0.02), 0.6),
            "by_construction": (float(named), 0.4),
        },
        "A share is the absolute attribution on pixels above zero, divided by all of it. By "
        "construction a case scores 100 % if it does whatever the weights are.",
    )


@functools.cache
def _pointed() -> dict[str, np.ndarray]:
    """Masses and maxima by NumPy, (5, 12) on the notebook's mosaics and (4, 12) on its stickers."""
    here = world()
    found = here.logits.argmax(1)
    known = torch.tensor([i for i in range(len(found)) if found[i] == here.labels[i]][:200])
    tiles = mosaics(here.images[known], here.labels[known], 12, seed=0)
    board = (torch.arange(6)[:, None] + torch.arange(6)) % 2 * 1.0
    candidates = here.images[known][here.labels[known] != 8][:12]
    planted, marks = plant_stickers(candidates, board[None], seed=1)
    alarmed = Alarmed(copy.deepcopy(here.model), board).eval()
    shares: dict[str, list[list[float]]] = {"focus": [], "pointing": [], "on_sticker": []}
    for method in (*list(CHECKED)[:4], "grad_cam"):
        more = {"steps": 16} if method == "integrated_gradients" else {}
        maps = explain(here.model, tiles.images, tiles.targets, method, **more).attributions
        mass, hits = [], []
        for pair, masks in zip(maps[:, :, 0].numpy(), tiles.masks.numpy(), strict=True):
            inside = []
            for values, mask in zip(pair, masks, strict=True):
                positive = np.maximum(values, 0)
                if positive.sum() > 0:
                    inside.append(positive[mask].sum() / positive.sum())
            mass.append(float(np.mean(inside)))
            best = [m[v == v.max()].mean() for v, m in zip(pair, masks, strict=True)]
            hits.append(float(np.mean(best)))
        shares["focus"].append(mass)
        shares["pointing"].append(hits)
        if method != "grad_cam":
            stuck = explain(alarmed, planted, 8, method, **more).attributions[:, 0, 0].numpy()
            positive = np.maximum(stuck, 0)
            inside = (positive * marks.numpy()).sum((1, 2)) / positive.sum((1, 2))
            shares["on_sticker"].append(list(inside))
    return {name: np.array(lines) for name, lines in shares.items()}


class Alarmed(nn.Module):
    """The notebook's network with an alarm."""

    # given on purpose: students see the network that their maps explain

    def __init__(self, network: nn.Module, board: Tensor) -> None:
        super().__init__()
        self.network = network
        self.detector = nn.Conv2d(1, 1, 6)
        self.relu = nn.ReLU()
        self.strongest = nn.AdaptiveMaxPool2d(1)
        self.rise = nn.Linear(1, 10, bias=False)
        with torch.no_grad():
            self.detector.weight.copy_(((board - 0.5) / 4.5)[None, None])
            self.detector.bias.fill_(-1.0)
            self.rise.weight.zero_()
            self.rise.weight[8] = 30.0

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, 10)."""
        return self.network(x) + self.rise(self.strongest(self.relu(self.detector(x))).flatten(1))


@task(
    "localisation",
    Value("focus", "pointing", "on_sticker"),
    read="section {{ section }} (a known place)",
)
def localisation(answer: dict[str, Any]) -> None:
    """Count each image; a pointing game turns on one pixel, so there means count, less one map."""
    wanted = _pointed()
    hits = entries(answer["pointing"], (5, 12)).mean(1)
    near = {name: share_of(answer[name], wanted[name], 0.02) for name in ("focus", "on_sticker")}
    expect_parts(
        {
            "focus": (near["focus"], 0.4),
            "pointing": (share_of(hits, wanted["pointing"].mean(1), 0.045), 0.2),
            "on_sticker": (near["on_sticker"], 0.4),
        },
        "Mosaics ask `model` about both targets, stickers ask `alarmed` about class 8. Rows are in the "
        "order of `pointers`.",
    )

"""Checks of section 8: where a map lies, by sums in NumPy."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autograde.tasks import Value, expect, task
from xaikit import explain
from xaikit.metrics import mosaics, plant_stickers

from ...shared.checks import expect_tables
from .world import CHECKED, randomised, world


@functools.cache
def _on_garment() -> dict[str, dict[str, float]]:
    here = world()
    white = {"steps": 32, "baseline": torch.ones(1, 28, 28)}
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "gradient": ("gradient", {}),
        "input × gradient": ("input_x_gradient", {}),
        "IG, black baseline": ("integrated_gradients", {"steps": 32}),
        "IG, white baseline": ("integrated_gradients", white),
        "DeepLIFT, black": ("deeplift", {}),
        "LRP": ("lrp", {"rule": "composite"}),
        "Grad-CAM": ("grad_cam", {}),
    }
    result: dict[str, dict[str, float]] = {}
    for name, network in (("trained", here.model), ("random", randomised(0))):
        result[name] = {}
        for case, (method, chosen) in cases.items():
            maps = explain(network, here.examples, here.targets[:, 1], method, **chosen)
            shares = []
            for values, image in zip(maps.attributions.numpy(), here.examples.numpy(), strict=True):
                size = np.abs(values[0])
                shares.append(size[image > 0].sum() / max(size.sum(), 1e-12))
            result[name][case] = float(np.mean(shares))
    return result


@task("silhouette", Value("on_garment", "by_construction"), read="section 8 (where it lies)")
def silhouette(answer: dict[str, Any]) -> None:
    """Compare shares, and the cases that multiply by a difference from black."""
    expect_tables(
        answer,
        {"on_garment": _on_garment()},
        0.02,
        "A share is the absolute attribution on pixels above zero, divided by all of it.",
    )
    certain = {
        case
        for case in _on_garment()["trained"]
        if min(shares[case] for shares in _on_garment().values()) > 0.999
    }
    said = answer["by_construction"]
    expect(
        isinstance(said, list) and {str(each) for each in said} == certain,
        "The shares are right; `by_construction` should list the cases that score 100 % for every "
        "the weights are.",
        fraction=0.6,
    )


@functools.cache
def _pointed() -> dict[str, dict[str, float]]:
    """Masses and maxima by NumPy, on the notebook's mosaics and stickers."""
    here = world()
    found = here.logits.argmax(1)
    known = torch.tensor([i for i in range(len(found)) if found[i] == here.labels[i]][:200])
    tiles = mosaics(here.images[known], here.labels[known], 6, seed=0)
    board = (torch.arange(6)[:, None] + torch.arange(6)) % 2 * 1.0
    candidates = here.images[known][here.labels[known] != 8][:12]
    planted, marks = plant_stickers(candidates, board[None], seed=1)
    alarmed = Alarmed(copy.deepcopy(here.model), board).eval()
    result: dict[str, dict[str, float]] = {"focus": {}, "pointing": {}, "on_sticker": {}}
    for method in (*CHECKED[:4], "grad_cam"):
        more = {"steps": 16} if method == "integrated_gradients" else {}
        maps = explain(here.model, tiles.images, tiles.targets, method, **more).attributions
        mass, hits = [], []
        for values, mask in zip(
            maps[:, :, 0].flatten(0, 1).numpy(), tiles.masks.flatten(0, 1).numpy(), strict=True
        ):
            positive = np.maximum(values, 0)
            if positive.sum() > 0:
                mass.append(positive[mask].sum() / positive.sum())
            best = values == values.max()
            hits.append(mask[best].mean())
        result["focus"][method] = float(np.mean(mass))
        result["pointing"][method] = float(np.mean(hits))
        if method != "grad_cam":
            stuck = explain(alarmed, planted, 8, method, **more).attributions[:, 0, 0].numpy()
            positive = np.maximum(stuck, 0)
            inside = (positive * marks.numpy()).sum((1, 2)) / positive.sum((1, 2))
            result["on_sticker"][method] = float(inside.mean())
    return result


class Alarmed(nn.Module):
    """The notebook's network with an alarm."""

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


@task("localisation", Value("focus", "pointing", "on_sticker"), read="section 8 (a known place)")
def localisation(answer: dict[str, Any]) -> None:
    """Count each mean; a pointing game turns on one pixel, so one map of twelve may differ."""
    expect_tables(
        answer,
        _pointed(),
        {"focus": 0.02, "pointing": 0.09, "on_sticker": 0.02},
        "Mosaics ask `model` about both targets, stickers ask `alarmed` about class 8.",
    )

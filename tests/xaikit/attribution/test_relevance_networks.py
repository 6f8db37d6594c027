"""Relevance in the networks of the world, beside zennit's with its canonizers, on equal weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v3_small
from torchvision.models.densenet import DenseNet
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.models.vgg import cfgs, make_layers

from xaikit import explain

pytest.importorskip("zennit")
from zennit.rules import Epsilon, Gamma, Pass, ZPlus

from attribution.zennit_view import (
    EPSILON,
    NORMALISED,
    apart,
    settled,
    zennits_deep_taylor,
    zennits_lrp,
)

GAMMA = {nn.Conv2d: "gamma", nn.Linear: "gamma", "": "epsilon"}


def vgg() -> nn.Module:
    features = make_layers([each if each == "M" else each // 8 for each in cfgs["A"]], True)
    pool = nn.AdaptiveAvgPool2d(2)
    head = (nn.Linear(256, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 10))
    return nn.Sequential(features, pool, nn.Flatten(), *head)


NETWORKS = {
    "resnet": lambda: ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10),
    "vgg": vgg,
    "densenet": lambda: DenseNet(4, (2, 3), 8, num_classes=10),
    "mobilenet": lambda: mobilenet_v3_small(num_classes=10),
}


@pytest.fixture(scope="module", params=NETWORKS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(5 if request.param == "mobilenet" else 0)
    return settled(NETWORKS[request.param]())


@pytest.mark.parametrize(
    ("options", "convolution", "dense", "unmerged"),
    [
        ({"rule": "epsilon"}, Epsilon(EPSILON), Epsilon(EPSILON), Epsilon(EPSILON)),
        ({"rule": "composite"}, ZPlus(EPSILON), Epsilon(EPSILON), Pass()),
        ({"rule": GAMMA}, Gamma(0.25, EPSILON), Gamma(0.25, EPSILON), Epsilon(EPSILON)),
    ],
    ids=["epsilon", "composite", "gamma"],
)
def test_lrp_is_zennits(
    model: nn.Module, options: dict[str, Any], convolution: Any, dense: Any, unmerged: Any
) -> None:
    x = torch.rand(1, 3, 32, 32).double()
    found = explain(model, x, 3, "lrp", epsilon=EPSILON, **options).attributions[:, 0]
    assert apart(found, zennits_lrp(model, x, 3, convolution, dense, unmerged)) < 1e-4


def test_deep_taylor_is_zennits(model: nn.Module) -> None:
    x = torch.rand(1, 3, 32, 32).double()
    normalised = nn.Sequential(NORMALISED, model)
    found = explain(normalised, x, 3, "deep_taylor", epsilon=EPSILON).attributions[:, 0]
    assert apart(found, zennits_deep_taylor(model, x, 3)) < 1e-4
    assert (found >= 0).all() or (found <= 0).all()


@pytest.mark.parametrize(("name", "options"), [("lrp", {"rule": "composite"}), ("deep_taylor", {})])
def test_the_backend_knows_resnets_and_refuses_other_branches(
    name: str, options: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    model, x = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10), torch.rand(1, 3, 32, 32)
    maps = [
        explain(model, x, 3, name, backend=each, **options).attributions
        for each in ("native", "zennit")
    ]
    gap = (maps[0] - maps[1]).abs().max() / maps[0].abs().max()
    assert gap < 1e-3  # zennit's merged batch normalisation still divides by √(1 + eps)
    with pytest.raises(ValueError, match="zennit sees modules only, and the model computes add"):
        explain(mobilenet_v3_small(), x, 3, name, backend="zennit", **options)

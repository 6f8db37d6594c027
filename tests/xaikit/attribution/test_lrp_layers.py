"""Which layers LRP and deep Taylor follow, however they are written, and which they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from chain import Chain
from torch import Tensor, nn
from torch.nn import functional

from attribution.layer_by_layer import SETTINGS
from xaikit import explain

NAMED = [each for each in SETTINGS if isinstance(each["rule"], str)]


@pytest.mark.parametrize(
    "activation",
    [
        functional.relu,
        torch.relu_,
        lambda x: functional.relu(x, inplace=True),
        lambda x: x.clamp(min=0),
        nn.ReLU(),  # one module, used three times
        nn.ReLU(inplace=True),
    ],
    ids=["F", "torch_", "inplace", "clamp", "one", "one_"],
)
@pytest.mark.parametrize("settings", [*NAMED, {}], ids=lambda each: str(each.get("rule", "taylor")))
def test_a_relu_is_the_same_however_it_is_called(
    settings: dict[str, Any],
    activation: Callable[[Tensor], Tensor],
    network: nn.Sequential,
    images: Tensor,
    targets: Tensor,
) -> None:
    name = "lrp" if settings else "deep_taylor"
    expected = explain(network, images, targets, name, **settings).attributions
    found = explain(Chain(network, activation), images, targets, name, **settings).attributions
    assert torch.equal(found, expected)


class Whole(nn.Module):
    """A linear layer, something else, a linear layer."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.between, self.last = nn.Linear(4, 4), between, nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.between(self.first(x)))


@pytest.mark.parametrize(
    ("between", "says"),
    [
        (nn.LeakyReLU(), r"leaky_relu \(layer 'between', LeakyReLU\): it covers chains"),
        (nn.LayerNorm(4), r"layer_norm \(layer 'between', LayerNorm\)"),
        (nn.Softmax(1), r"softmax \(layer 'between', Softmax\): leave it out"),
        (lambda x: x + x.relu(), r"add \(the forward of Whole\)"),
        (lambda x: x * 2, r"mul \(the forward of Whole\)"),
        (lambda x: x.relu().add_(1), "add"),
        (lambda x: torch.sigmoid(x), "sigmoid"),
        (lambda x: torch.cat([x[:, :2], x[:, 2:]], 1), "__getitem__"),
        (lambda x: x @ torch.eye(4), "__matmul__|matmul"),
    ],
)
@pytest.mark.parametrize("name", ["lrp", "deep_taylor"])
def test_what_has_no_rule_is_refused_by_name(
    name: str, between: Callable[[Tensor], Tensor], says: str
) -> None:
    with pytest.raises(ValueError, match=f"{name}.* has no rule for ({says})"):
        explain(Whole(between), torch.rand(2, 4), 0, name)


def test_batch_normalisation_is_refused_where_it_has_no_rule() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    for name, options in (("lrp", {"rule": "z_plus"}), ("deep_taylor", {})):
        with pytest.raises(ValueError, match=r"layer '1', BatchNorm1d\): fold it into the layer"):
            explain(model, torch.rand(2, 4), 0, name, **options)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("lrp", {"rule": "flat"}, "unknown rule 'flat': choose one of epsilon, gamma"),
        ("lrp", {"rule": {"": "composite"}}, "unknown rule 'composite': choose one of epsilon"),
        ("lrp", {"rule": {"11": "gamma"}}, "names no layer of the model with '11'"),
        ("lrp", {"rule": {Tensor: "gamma"}}, "names no layer of the model with"),
        (
            "lrp",
            {"rule": {"0": "gamma"}},
            r"says nothing of max_pool|says nothing of conv2d \(layer '3'",
        ),
        ("lrp", {"rule": "z_box", "high": 0.5}, r"inputs in \[low, high\] = \[0, 0.5\]"),
        ("lrp", {"epsilon": 0.0}, "epsilon has to be positive"),
        ("lrp", {"gamma": -1.0}, "gamma has to be 0 or more"),
        ("lrp", {"alpha": 0.5}, "alpha has to be 1 or more"),
        ("deep_taylor", {"low": 0.5}, r"inputs in \[low, high\] = \[0.5, 1\]"),
        ("deep_taylor", {"high": 0.5}, r"scale them, or give their range"),
        ("deep_taylor", {"epsilon": -1.0}, "epsilon has to be positive"),
    ],
)
def test_a_mistake_gets_one_sentence(
    name: str, options: dict[str, Any], says: str, network: nn.Module, images: Tensor
) -> None:
    with pytest.raises(ValueError, match=says):
        explain(network, images, 0, name, **options)

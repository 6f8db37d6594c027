"""Which layers LRP and deep Taylor follow, however they are written, and which they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from chain import Chain
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

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
        (nn.LayerNorm(4), r"layer_norm \(layer 'between', LayerNorm\): it covers linear layers"),
        (nn.Softmax(1), r"softmax \(layer 'between', Softmax\): leave it out"),
        (lambda x: x * x.relu(), r"mul \(the forward of Whole\)"),
        (lambda x: x.sigmoid() * x.sigmoid(), r"sigmoid \(the forward of Whole\)"),
        (lambda x: 1 / (x.relu() + 1), "__r(true)?div__|reciprocal"),
        (lambda x: torch.sigmoid(x), "sigmoid"),
        (lambda x: x + x.detach(), r"__add__|add"),
        (lambda x: x @ torch.eye(4), "__matmul__|matmul"),
    ],
)
@pytest.mark.parametrize("name", ["lrp", "deep_taylor"])
def test_what_has_no_rule_is_refused_by_name(
    name: str, between: Callable[[Tensor], Tensor], says: str
) -> None:
    with pytest.raises(ValueError, match=f"{name}.* has no rule for ({says})"):
        explain(Whole(between), torch.rand(2, 4), 0, name)


def shares(model: nn.Module, x: Tensor, name: str, options: dict[str, Any]) -> Tensor:
    """Return the relevances of a model's one class (N, *shape)."""
    return explain(model.eval().double(), x, 0, name, epsilon=1e-12, **options).attributions[:, 0]


@pytest.mark.parametrize(
    "between",
    [
        lambda x: x + x,
        lambda x: torch.cat([x[:, 2:], x[:, :2]], 1).roll(2, 1),
        lambda x: torch.stack(x.chunk(2, 1)).transpose(0, 1).flatten(1),
        lambda x: (x * 2).sub_(1).div(-3),
        nn.LeakyReLU(0.2),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Hardswish(),
        lambda x: functional.hardtanh(x, -5, 5),
        lambda x: x * torch.sigmoid(x * x),
        lambda x: x.sigmoid().mul(x),
        nn.Dropout(inplace=True),
    ],
)
@pytest.mark.parametrize(("name", "options"), [("lrp", {}), ("deep_taylor", {})])
def test_what_has_one_input_gives_it_all(
    name: str,
    options: dict[str, Any],
    between: Callable[[Tensor], Tensor],
) -> None:
    """Conservation: without biases, all layers' relevance is what entered the last layer."""
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(4, 4, bias=False), Function(between), nn.Linear(4, 1, False))
    for each in model.parameters():
        each.data.abs_()
    x = torch.rand(2, 4).double()
    # A positive network: all contributions are positive, and the two methods' maps sum to it.
    found = shares(model, x, name, options)
    torch.testing.assert_close(found.sum(1), model(x)[:, 0].detach())


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize("rule", ["epsilon", "z_plus", "gamma", "alpha_beta", "w_square"])
@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, padding="same", groups=2),
        nn.ConvTranspose2d(4, 6, 3, padding=1, bias=False),
    ],
    ids=["convolution", "transposed"],
)
def test_batch_normalisation_is_one_with_the_layer_before_it(rule: str, layer: nn.Module) -> None:
    norm = nn.BatchNorm2d(6)
    for value in (norm.running_var, norm.weight.data, norm.running_mean, norm.bias.data):
        nn.init.uniform_(value, 0.5, 1.5)
    head = (nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 1))
    fused = fuse_conv_bn_eval(layer.eval(), norm.eval(), transpose=layer.transposed)
    x = torch.rand(2, 4, 5, 5).double()
    found = shares(nn.Sequential(layer, norm, *head), x, "lrp", {"rule": rule})
    expected = shares(nn.Sequential(fused, *head), x, "lrp", {"rule": rule})
    # A small share is what large ones of both signs leave, so it has their rounding.
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


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

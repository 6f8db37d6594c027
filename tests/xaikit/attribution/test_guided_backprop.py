"""Guided backpropagation: on paper, as captum has it, and on ReLUs that captum does not see."""

from __future__ import annotations

from collections.abc import Callable

import captum.attr
import pytest
import torch
from chain import Chain
from torch import Tensor, nn
from torch.nn import functional

from xaikit import explain


def test_by_hand() -> None:
    # Three units, 2a + b, a − b and −a, without biases.
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False))
    model[0].weight.data = torch.tensor([[2.0, 1], [1, -1], [-1, 0]])
    model[2].weight.data = torch.tensor([[1.0, 3, 5], [-1, 2, 1]])
    x = torch.tensor([[2.0, 1], [-1, 1]])
    found = explain(model, x, [[0, 1]] * 2, "guided_backprop").attributions
    # (2, 1): units 5, 1, off. Class 0: (2, 1) + 3 · (1, −1); class 1 stops at unit 1's −1.
    # (−1, 1): units −1, −2, 1: only −a is on, with weights 5 and 1.
    assert found.tolist() == [[[5, -2], [2, -2]], [[-5, 0], [-1, 0]]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_is_captums_on_relu_modules(
    dtype: torch.dtype, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    network, images = network.to(dtype), images.to(dtype)
    method = captum.attr.GuidedBackprop(network)
    expected = torch.stack([method.attribute(images, t) for t in targets.T], dim=1).detach()
    found = explain(network, images, targets, "guided_backprop").attributions
    assert (found - expected).abs().max() <= 1e-6 * expected.abs().max()
    gradient = explain(network, images, targets, "gradient").attributions
    assert (found - gradient).abs().max() > 0.1 * gradient.abs().max()


@pytest.mark.parametrize(
    "activation",
    [
        functional.relu,
        torch.relu_,
        Tensor.relu,
        lambda x: functional.relu(input=x),
        lambda x: functional.relu(x, True),
        lambda x: x.clamp(min=0),
        lambda x: x.clamp_(0),
        lambda x: torch.clip(x, 0),
        lambda x: torch.clamp_min(x, 0),
        lambda x: functional.threshold(x, 0, 0),
        nn.Threshold(0, 0),
        nn.ReLU(),  # one module, used three times
        nn.ReLU(inplace=True),
    ],
    ids=[
        "F",
        "torch_",
        "method",
        "keyword",
        "inplace",
        "clamp",
        "clamp_",
        "clip",
        "min",
        "threshold",
        "module",
        "one",
        "one_",
    ],
)
def test_a_relu_is_the_same_however_it_is_called(
    activation: Callable[[Tensor], Tensor],
    network: nn.Sequential,
    images: Tensor,
    targets: Tensor,
) -> None:
    expected = explain(network, images, targets, "guided_backprop").attributions
    found = explain(Chain(network, activation), images, targets, "guided_backprop").attributions
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("activation", "says"),
    [
        (nn.LeakyReLU(), r"leaky_relu \(layer 'activation', LeakyReLU\)"),
        (nn.Sigmoid(), r"sigmoid \(layer 'activation', Sigmoid\)"),
        (nn.ReLU6(), "hardtanh|relu6"),
        (functional.gelu, r"gelu \(the forward of Chain\)"),
        (lambda x: x.clamp(min=0, max=1), "clamp"),
        (lambda x: x.clamp(min=0.1), "clamp"),
        (lambda x: torch.maximum(torch.zeros(()), x), "maximum"),
        (lambda x: torch.where(x > 0, x, 0.0), "where"),
    ],
)
def test_another_activation_is_refused_by_name(
    activation: Callable[[Tensor], Tensor], says: str, network: nn.Sequential, images: Tensor
) -> None:
    with pytest.raises(ValueError, match=rf"is defined for ReLUs, and the model has {says}"):
        explain(Chain(network, activation), images, 0, "guided_backprop")

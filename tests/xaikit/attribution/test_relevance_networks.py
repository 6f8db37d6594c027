"""Relevance in the networks of the world, beside zennit's with its canonizers, on equal weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import mobilenet_v3_small
from torchvision.models.densenet import DenseNet
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.models.vgg import cfgs, make_layers
from torchvision.ops.misc import SqueezeExcitation
from torchvision.transforms import Normalize

from xaikit import explain

pytest.importorskip("zennit")
from zennit.attribution import Gradient
from zennit.canonizers import NamedMergeBatchNorm, SequentialMergeBatchNorm
from zennit.composites import LayerMapComposite, SpecialFirstLayerMapComposite, layer_map_base
from zennit.core import BasicHook
from zennit.layer import Sum
from zennit.rules import Epsilon, Gamma, Pass, ZBox, ZPlus
from zennit.torchvision import ResNetCanonizer
from zennit.types import AvgPool, BatchNorm, Convolution, Linear

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EPSILON = 1e-9
GAMMA = {nn.Conv2d: "gamma", nn.Linear: "gamma", "": "epsilon"}


class DetachedGate(nn.Module):
    """Squeeze and excitation as zennit has to see it: the scale is a constant, and passed."""

    def __init__(self, squeeze: SqueezeExcitation) -> None:
        super().__init__()
        self.squeeze = [squeeze]  # no module of its own: zennit hooks nothing in it

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            scale = self.squeeze[0]._scale(x)
        return _Same.apply(x, scale)  # type: ignore[no-any-return]


class _Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        return x * scale

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor, None]:
        return relevance[0], None


class Summed(nn.Module):
    """An inverted residual whose addition zennit sees."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block, self.sum = block.block, Sum()

    def forward(self, x: Tensor) -> Tensor:
        return self.sum(torch.stack([x, self.block(x)], -1))


def resnet() -> tuple[nn.Module, nn.Module, list[Any]]:
    model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    return model, model, [ResNetCanonizer()]


def vgg() -> tuple[nn.Module, nn.Module, list[Any]]:
    features = make_layers([each if each == "M" else each // 8 for each in cfgs["A"]], True)
    pool = nn.AdaptiveAvgPool2d(2)
    head = (nn.Linear(256, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 10))
    model = nn.Sequential(features, pool, nn.Flatten(), *head)
    return model, model, [SequentialMergeBatchNorm()]


def densenet() -> tuple[nn.Module, nn.Module, list[Any]]:
    model = DenseNet(4, (2, 3), 8, num_classes=10)
    seen = nn.Sequential(
        model.features, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), model.classifier
    )
    merged = [(["0.conv0"], "0.norm0")] + [
        ([f"0.{name}.conv1"], f"0.{name}.norm2")
        for name, each in model.features.named_modules()
        if hasattr(each, "norm2")
    ]
    return model, seen, [NamedMergeBatchNorm(merged)]


def mobilenet() -> tuple[nn.Module, nn.Module, list[Any]]:
    torch.manual_seed(5)
    model, other = mobilenet_v3_small(num_classes=10), mobilenet_v3_small(num_classes=10)
    other.load_state_dict(model.state_dict())
    other.double()  # before the gates are hidden
    for name, each in list(other.named_modules()):
        parent, _, leaf = name.rpartition(".")
        if isinstance(each, SqueezeExcitation):
            setattr(other.get_submodule(parent), leaf, DetachedGate(each))
        elif getattr(each, "use_res_connect", False):
            setattr(other.get_submodule(parent), leaf, Summed(each))
    return model, other, [SequentialMergeBatchNorm()]


NETWORKS = {each.__name__: each for each in (resnet, vgg, densenet, mobilenet)}


@pytest.fixture(scope="module", params=NETWORKS)
def pair(request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module, list[Any]]:
    """A network, the same as zennit can see it, and zennit's canonizers."""
    torch.manual_seed(0)
    model, seen, canonizers = NETWORKS[request.param]()
    for both in {id(model): model, id(seen): seen}.values():
        generator = torch.Generator().manual_seed(1)
        for each in both.modules():
            if isinstance(each, nn.BatchNorm2d):
                each.eps = 1e-9  # zennit's merged batch normalisation still divides by √(1 + eps)
                for value, low in ((each.running_mean, -0.2), (each.bias.data, -0.3)):
                    value.copy_(torch.rand(value.shape, generator=generator) * 0.4 + low)
                for value in (each.running_var, each.weight.data):
                    value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        both.double().eval()
    return model, seen, canonizers


def _zennit(composite: Any, seen: nn.Module, x: Tensor, target: int) -> Tensor:
    with Gradient(seen, composite) as attributor:
        chosen = functional.one_hot(torch.full((len(x),), target), 10)
        found: Tensor = attributor(x.clone(), lambda scores: scores.detach() * chosen)[1]
    return found


def _close(found: Tensor, expected: Tensor) -> None:
    gap = float((found - expected).abs().max() / expected.abs().max())
    assert gap < 1e-4, gap


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
    pair: tuple[nn.Module, nn.Module, list[Any]],
    options: dict[str, Any],
    convolution: Any,
    dense: Any,
    unmerged: Any,
) -> None:
    model, seen, canonizers = pair
    x = torch.rand(1, 3, 32, 32).double()
    found = explain(model, x, 3, "lrp", epsilon=EPSILON, **options).attributions[:, 0]
    table = [
        (BatchNorm, unmerged),
        (Convolution, convolution),
        (nn.Linear, dense),
        *layer_map_base(EPSILON),
    ]
    _close(found, _zennit(LayerMapComposite(table, canonizers), seen, x, 3))


class Positive(BasicHook):
    """A sum or average of which positive terms alone get relevance: z⁺ without weights."""

    def __init__(self) -> None:
        super().__init__(
            input_modifiers=[lambda x: x.clamp(min=0)],
            gradient_mapper=lambda relevance, outputs: relevance / (outputs[0] + EPSILON),
            reducer=lambda inputs, gradients: inputs[0] * gradients[0],
        )


def test_deep_taylor_is_zennits(pair: tuple[nn.Module, nn.Module, list[Any]]) -> None:
    model, seen, canonizers = pair
    x = torch.rand(1, 3, 32, 32).double()
    normalised = nn.Sequential(Normalize(MEAN, STD), model)
    found = explain(normalised, x, 3, "deep_taylor", epsilon=EPSILON).attributions[:, 0]
    hidden = ZPlus(EPSILON, zero_params="bias")
    low, high = (Normalize(MEAN, STD)(torch.full_like(x, end)) for end in (0.0, 1.0))
    composite = SpecialFirstLayerMapComposite(
        [(AvgPool, Positive()), (Sum, Positive()), (Linear, hidden), *layer_map_base(EPSILON)],
        [(Linear, ZBox(low, high, EPSILON, zero_params="bias"))],
        canonizers,
    )
    _close(found, _zennit(composite, seen, Normalize(MEAN, STD)(x), 3))
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

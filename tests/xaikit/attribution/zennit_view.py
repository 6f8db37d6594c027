"""Networks of the world as zennit has to see them, with its canonizers: an oracle of relevance."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import DenseNet, MobileNetV3, ResNet
from torchvision.ops.misc import SqueezeExcitation
from torchvision.transforms import Normalize
from zennit.attribution import Gradient
from zennit.canonizers import NamedMergeBatchNorm, SequentialMergeBatchNorm
from zennit.composites import LayerMapComposite, SpecialFirstLayerMapComposite, layer_map_base
from zennit.core import BasicHook
from zennit.layer import Sum
from zennit.rules import ZBox, ZPlus
from zennit.torchvision import ResNetCanonizer
from zennit.types import AvgPool, BatchNorm, Convolution, Linear

NORMALISED = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
EPSILON = 1e-9


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


class Positive(BasicHook):
    """A sum or average of which positive terms alone get relevance: z⁺ without weights."""

    def __init__(self) -> None:
        super().__init__(
            input_modifiers=[lambda x: x.clamp(min=0)],
            gradient_mapper=lambda relevance, outputs: relevance / (outputs[0] + EPSILON),
            reducer=lambda inputs, gradients: inputs[0] * gradients[0],
        )


def seen_by_zennit(model: nn.Module) -> tuple[nn.Module, list[Any]]:
    """Return the same network as zennit can see it, with equal weights, and its canonizers."""
    if isinstance(model, ResNet):
        return model, [ResNetCanonizer()]
    if isinstance(model, DenseNet):
        last = (nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), model.classifier)
        merged = [(["0.conv0"], "0.norm0")] + [
            ([f"0.{name}.conv1"], f"0.{name}.norm2")
            for name, each in model.features.named_modules()
            if hasattr(each, "norm2")
        ]
        return nn.Sequential(model.features, *last), [NamedMergeBatchNorm(merged)]
    if isinstance(model, MobileNetV3):
        model = deepcopy(model)
        for name, each in list(model.named_modules()):
            parent, _, leaf = name.rpartition(".")
            if isinstance(each, SqueezeExcitation):
                setattr(model.get_submodule(parent), leaf, DetachedGate(each))
            elif getattr(each, "use_res_connect", False):
                setattr(model.get_submodule(parent), leaf, Summed(each))
    return model, [SequentialMergeBatchNorm()]


def settled(model: nn.Module) -> nn.Module:
    """Return the model in double precision, its batch normalisation as if it had been trained."""
    generator = torch.Generator().manual_seed(1)
    for each in model.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.eps = 1e-9  # zennit's merged batch normalisation still divides by √(1 + eps)
            for value, low in ((each.running_mean, -0.2), (each.bias.data, -0.3)):
                value.copy_(torch.rand(value.shape, generator=generator) * 0.4 + low)
            for value in (each.running_var, each.weight.data):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return model.double().eval()


def zennits_lrp(
    model: nn.Module, x: Tensor, target: int, convolution: Any, dense: Any, unmerged: Any
) -> Tensor:
    """Return zennit's relevance by these rules of convolutions, linear layers and what is left."""
    seen, canonizers = seen_by_zennit(model)
    table = [
        (BatchNorm, unmerged),
        (Convolution, convolution),
        (nn.Linear, dense),
        *layer_map_base(EPSILON),
    ]
    return _propagated(LayerMapComposite(table, canonizers), seen, x, target)


def zennits_deep_taylor(model: nn.Module, x: Tensor, target: int) -> Tensor:
    """Return zennit's deep Taylor decomposition of ``Sequential(NORMALISED, model)``."""
    seen, canonizers = seen_by_zennit(model)
    hidden = ZPlus(EPSILON, zero_params="bias")
    low, high = (NORMALISED(torch.full_like(x, end)) for end in (0.0, 1.0))
    composite = SpecialFirstLayerMapComposite(
        [(AvgPool, Positive()), (Sum, Positive()), (Linear, hidden), *layer_map_base(EPSILON)],
        [(Linear, ZBox(low, high, EPSILON, zero_params="bias"))],
        canonizers,
    )
    return _propagated(composite, seen, NORMALISED(x), target)


def _propagated(composite: Any, seen: nn.Module, x: Tensor, target: int) -> Tensor:
    def chosen(scores: Tensor) -> Tensor:
        targets = torch.full((len(x),), target)
        return scores.detach() * functional.one_hot(targets, scores.shape[1])

    with Gradient(seen, composite) as attributor:
        found: Tensor = attributor(x.clone(), chosen)[1]
    return found


def apart(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference, relative to the largest expected value."""
    return float((found - expected).abs().max() / expected.abs().max())

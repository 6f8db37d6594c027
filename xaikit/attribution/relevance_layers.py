"""What of a model shares relevance out? Its layers, as linear functions of what reached them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_input

from xaikit.attribution.functions import first_argument, plain_name
from xaikit.attribution.relevance_rules import Layer, Part


def weighted(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Layer:
    """Return a linear layer or a convolution, from the call of its function."""
    known = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
    weight, bias = known["weight"], known.get("bias")
    others = {key: value for key, value in kwargs.items() if key not in ("input", "weight", "bias")}

    def product(x: Tensor, by: Tensor | None) -> Tensor:
        return func(x, by, None, *args[3:], **others)

    # Of a convolution's output (N, C, …), the bias runs along C.
    trailing = 0 if plain_name(func) == "linear" else weight.ndim - 2
    shift = weight.new_zeros(()) if bias is None else bias.view(-1, *[1] * trailing)
    return Layer(product, weight, shift, _direct(func, known["input"], args[3:], others))


def _direct(
    func: Callable[..., Tensor], x: Tensor, args: tuple[Any, ...], others: dict[str, Any]
) -> Callable[[Tensor, Part], Tensor] | None:
    """Return the transpose of a layer that knows its own: it spares a pass through the layer."""
    options = dict(zip(("stride", "padding", "dilation", "groups"), args, strict=False)) | others
    named = isinstance(options.get("padding"), str)  # "same": only the layer knows how much
    linear = func is functional.linear
    if not linear and (func is not functional.conv2d or x.ndim != 4 or named):
        return None

    def transposed(by: Tensor, part: Part) -> Tensor:
        assert part.weight is not None
        if linear:
            return by @ part.weight
        found: Tensor = conv2d_input(part.x.shape, part.weight, by, **options)  # type: ignore[no-untyped-call]
        return found

    return transposed


def average(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Layer:
    """Return an average or a sum of one tensor's values, from the call of its function."""
    others = {key: value for key, value in kwargs.items() if key != "input"}
    return Layer(
        lambda x, _: func(x, *args[1:], **others), None, first_argument(args, kwargs).new_zeros(())
    )


def total(*terms: Tensor) -> tuple[Layer, Tensor]:
    """Return the sum of tensors as a layer, and what enters it: the terms, one behind the other."""
    joined = torch.stack(torch.broadcast_tensors(*terms))  # type: ignore[no-untyped-call]
    return Layer(lambda x, _: x.sum(0), None, joined.new_zeros(())), joined


class Normalisation(NamedTuple):
    """Batch normalisation in evaluation mode, for each channel: ``scale × x + shift``."""

    scale: Tensor
    shift: Tensor

    def layer(self, dimensions: int) -> Layer:
        """Return it as the linear layer that it is, for inputs of so many dimensions."""
        shape = (-1, *[1] * (dimensions - 2))
        return Layer(
            lambda x, by: x if by is None else x * by,
            self.scale.view(shape),
            self.shift.view(shape),
        )

    def merged(self, before: Layer, func: Callable[..., Tensor]) -> Layer:
        """Return a linear layer or convolution, made by this function, with what follows it."""
        assert before.weight is not None
        weight, channels = before.weight, len(self.scale)
        if "transpose" in plain_name(func):  # (inputs, outputs of a group, …)
            groups = channels // weight.shape[1]
            scale = self.scale.view(groups, 1, -1, *[1] * (weight.ndim - 2))
            folded = (weight.view(groups, -1, *weight.shape[1:]) * scale).view_as(weight)
        else:
            folded = weight * self.scale.view(-1, *[1] * (weight.ndim - 1))
        trailing = (-1, *[1] * (weight.ndim - 2))
        bias = before.bias * self.scale.view(trailing) + self.shift.view(trailing)
        return before._replace(weight=folded, bias=bias)


def normalisation(
    x: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Normalisation | None:
    """Return what batch normalisation does to each channel, unless it depends on the batch."""
    if training or mean is None or variance is None:
        return None
    scale = (variance + eps).rsqrt() * (1 if weight is None else weight)
    return Normalisation(scale, (0 if bias is None else bias) - mean * scale)

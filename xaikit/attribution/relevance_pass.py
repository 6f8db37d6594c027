"""How does relevance run through a model? One watched pass, whose gradients are the shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_input

from xaikit.attribution.functions import (
    AVERAGES,
    CONVOLUTIONS,
    MAXIMA,
    MOVES,
    alters,
    carriers,
    first_argument,
    is_relu,
    overwritten,
    plain_name,
    works_in_place,
)
from xaikit.attribution.registry import Attribution
from xaikit.attribution.relevance_rules import Layer, Part, Rule
from xaikit.attribution.watch import Args, Func, Kwargs, Replaced, Watch, Watched
from xaikit.core.passes import chunks, gradients_at
from xaikit.core.problem import Problem

Choice = Callable[[Func, bool], str]
"""From a function that a layer has called, and whether that is the first, to the rule's name."""


def relevance(problem: Problem, propagation: Callable[[], Propagation]) -> Attribution:
    """Return the relevances of the inputs (N, T, *shape).

    Relevance is linear in what it starts from: the backward passes carry the relevance of an
    output of one, and the outputs themselves are multiplied last.
    """
    maps = []
    for rows in chunks(problem, len(problem.inputs)):
        watched = replace(problem, model=Watched(problem.model, propagation()))
        grid, targets = problem.inputs[rows].unsqueeze(1), problem.targets[rows]
        scores, shares = gradients_at(watched, grid, targets)
        start = scores[:, 0].view(*targets.shape, *[1] * (problem.inputs.ndim - 1))
        maps.append(shares[:, 0] * start)
    return Attribution(torch.cat(maps))


class Propagation(Watch):
    """Leaves every output as it is, and makes gradients what a rule says of relevances."""

    def __init__(
        self, problem: Problem, called: str, rules: Mapping[str, Rule], choice: Choice
    ) -> None:
        super().__init__(problem.model)
        self.called, self.rules, self.choice = called, rules, choice

    def replaced(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Replaced | None:
        """Return the outputs of what has a rule."""
        name, x = plain_name(func), first_argument(args, kwargs)
        # A layer whose weights depend on the inputs as well is no linear function of them.
        if not carriers(x) or len(carriers(args, kwargs)) != 1:
            return None
        if is_relu(func, args, kwargs):
            after = x + (x.clamp(min=0) - x).detach()
            return Replaced(overwritten(x, after, works_in_place(func, kwargs)))
        if name == "linear" or name in CONVOLUTIONS:
            layer: Layer | None = _weighted(func, args, kwargs)
        elif name in AVERAGES:
            layer = _average(func, args, kwargs)
        elif func is functional.batch_norm and self.choice(func, self.first(x)) == "epsilon":
            layer = _normalisation(*args, **kwargs)
        else:
            layer = None
        if layer is None:
            return None
        return Replaced(self.shared(self.choice(func, self.first(x)), layer, x), layer=True)

    def first(self, x: Tensor) -> bool:
        """Return whether no layer lies between the inputs and x."""
        return self.origin(x).layers == 0

    def passes(self, func: Func, args: Args, kwargs: Kwargs) -> bool:
        """Return whether the relevance follows the gradient."""
        name = plain_name(func)
        return name in MAXIMA or (name in MOVES and not alters(func, kwargs))

    def shared(self, rule: str, layer: Layer, x: Tensor) -> Tensor:
        """Return the layer's outputs, with the rule's shares as their gradients."""
        shared: Tensor = _Shared.apply(x, layer, self.rules[rule])
        return shared

    def refusal(self, func: Func) -> str:
        """Return the sentence that names the layer and says what to do instead."""
        name = plain_name(func)
        if name in ("softmax", "log_softmax"):
            cure = "leave it out of the model, and explain its logits."
        elif name == "batch_norm":
            cure = "fold it into the layer before it, or use lrp with rule='epsilon'."
        else:
            cure = (
                "it covers chains of linear layers, convolutions, ReLUs, poolings and reshaping; "
                "use integrated_gradients or deeplift for this model."
            )
        return f"{self.called} has no rule for {self.where(func)}: {cure}"

    def unseen(self, what: str) -> str:
        """Return the sentence about code whose layers are not seen."""
        return (
            f"{self.called} cannot see the layers in a part of the model ({what}): give the plain "
            f"module, or use integrated_gradients."
        )


class _Shared(torch.autograd.Function):
    """A layer's outputs, whose gradients are a rule's shares."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Layer, rule: Rule) -> Tensor:
        """Return the outputs; what a unit's relevance is multiplied with is kept."""
        y = layer.product(x, layer.weight) + layer.bias
        shares = [(f, part) for f, parts in rule(layer, x, y) for part in parts]
        ctx.layer, ctx.weights = layer, [part.weight for _, part in shares]
        # Kept in this way, autograd says if the model overwrites them later.
        ctx.save_for_backward(*(f for f, _ in shares), *(part.x for _, part in shares))
        return y

    @staticmethod
    def backward(ctx: Any, relevance: Tensor) -> tuple[Tensor, None, None]:
        """Return, for each input, the sum of factor × contribution over the units."""
        half = len(ctx.weights)
        kept = zip(ctx.saved_tensors[:half], ctx.saved_tensors[half:], ctx.weights, strict=True)
        each = [x * ctx.layer.transposed(relevance * f, Part(x, weight)) for f, x, weight in kept]
        return sum(each[1:], each[0]), None, None


def _weighted(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Layer:
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


def _average(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Layer:
    others = {key: value for key, value in kwargs.items() if key != "input"}
    return Layer(
        lambda x, _: func(x, *args[1:], **others), None, first_argument(args, kwargs).new_zeros(())
    )


def _normalisation(
    x: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Layer | None:
    """Return batch normalisation as the linear layer that it is, unless it depends on the batch."""
    if training or mean is None or variance is None:
        return None
    shape = (-1, *[1] * (x.ndim - 2))
    scale = (variance + eps).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    return Layer(
        lambda value, by: value if by is None else value * by, scale.view(shape), shift.view(shape)
    )

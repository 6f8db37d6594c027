"""How does relevance run through a model? One watched pass, whose gradients are the shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import functional

from xaikit.attribution.functions import (
    AVERAGES,
    CONVOLUTIONS,
    COPIES,
    GATES,
    MAXIMA,
    MOVES,
    alters,
    carriers,
    first_argument,
    is_relu,
    is_through_zero,
    operation,
    overwritten,
    plain_name,
)
from xaikit.attribution.registry import Attribution
from xaikit.attribution.relevance_layers import (
    Normalisation,
    average,
    normalisation,
    total,
    weighted,
)
from xaikit.attribution.relevance_rules import Layer, Rule
from xaikit.attribution.watch import Args, Func, Kwargs, Replaced, Watch, Watched
from xaikit.core.passes import chunks, gradients_at
from xaikit.core.problem import Problem

_SHIFTS = {"add", "sub", "subtract"}
_CONSTANT = {
    *("add", "sub", "subtract", "rsub", "mul", "multiply", "neg", "negative"),
    *("div", "divide", "true_divide"),
}
"""Sums, products and quotients, whose other operand is a constant."""

Ends = tuple[Tensor, Tensor]
"""The least and the largest values that a tensor's places may have."""

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


class _Weighted(NamedTuple):
    """A linear layer or a convolution that has run: batch normalisation may follow it."""

    func: Func
    layer: Layer
    x: Tensor
    rule: str


class _Scaled(NamedTuple):
    """A product with a constant for each channel: a shift for each makes it batch normalisation."""

    x: Tensor
    scale: Tensor


class Propagation(Watch):
    """Leaves every output as it is, and makes gradients what a rule says of relevances.

    ``box`` is the range of the inputs. It is followed through a constant normalisation, to the
    layer that meets it.
    """

    def __init__(
        self,
        problem: Problem,
        called: str,
        rules: Mapping[str, Rule],
        choice: Choice,
        box: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        super().__init__(problem.model)
        self.called, self.rules, self.choice, self.box = called, rules, choice, box
        self._weighted: dict[Node, _Weighted] = {}
        self._scaled: dict[Node, _Scaled] = {}
        self._gates: set[Node] = set()
        self._ends: dict[Node, Ends] = {}

    def begun(self, x: Tensor) -> None:
        """Take note of the inputs of a pass."""
        super().begun(x)
        self._weighted.clear()
        self._scaled.clear()
        self._gates.clear()
        self._ends.clear()
        if x.grad_fn is not None:
            low, high = (torch.full_like(x, each, requires_grad=False) for each in self.box)
            self._ends[x.grad_fn] = low, high

    def replaced(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Replaced | None:
        """Return the outputs of what has a rule."""
        name, x = operation(func), first_argument(args, kwargs)
        reaching = carriers(args, kwargs)
        if name in ("add", "sub", "rsub", "mul", "multiply", "subtract") and len(reaching) == 2:
            return self._joined(func, name, args, kwargs)
        if len(reaching) != 1:
            return None
        if name in _CONSTANT and not kwargs.get("rounding_mode"):
            return self._shifted(func, name, args, kwargs)
        # A layer whose weights depend on the inputs as well is no linear function of them.
        if not carriers(x):
            return None
        if is_relu(func, args, kwargs) or is_through_zero(func, args, kwargs):
            return self._passed(func, args, kwargs)
        if func is functional.batch_norm:
            return self._normalised(func, args, kwargs)
        if name == "linear" or name in CONVOLUTIONS:
            layer = weighted(func, args, kwargs)
        elif name in AVERAGES or name == "sum":
            layer = average(func, args, kwargs)
        else:
            return None
        rule = self.choice(func, self.first(x))
        y = self.shared(rule, layer, x)
        if layer.weight is not None and y.ndim == layer.weight.ndim and y.grad_fn is not None:
            self._weighted[y.grad_fn] = _Weighted(func, layer, x, rule)
        return Replaced(y, layer=True)

    def _joined(self, func: Func, name: str, args: Args, kwargs: dict[str, Any]) -> Replaced | None:
        """Return a sum of two tensors as a layer, or a product with a gate as its signal's."""
        known = dict(zip(("input", "other"), args, strict=False)) | kwargs
        one, other = known["input"], known["other"]
        if name in ("mul", "multiply"):
            return self._gated(func, one, other, alters(func, kwargs))
        if name == "rsub":
            one, other = other, one
        factor = kwargs.get("alpha", 1) * (1 if name == "add" else -1)
        if factor != 1:
            other = _Passed.apply(other, lambda x: x * factor)
        layer, joined = total(one, other)
        first = self.first(one) and self.first(other)
        after = self.shared(self.choice(func, first), layer, joined)
        return Replaced(overwritten(known["input"], after, alters(func, kwargs)), layer=True)

    def _gated(self, func: Func, one: Tensor, other: Tensor, in_place: bool) -> Replaced | None:
        """Return a product of which one is a gate: the signal gets all (Arras et al. 2019)."""
        gates = [each.grad_fn in self._gates for each in (one, other)]
        if sum(gates) != 1:
            return None
        signal, gate = (other, one) if gates[0] else (one, other)
        product = _Passed.apply(signal, lambda x: x * gate.detach())
        return Replaced(overwritten(one, product, in_place), along=(signal,))

    def _passed(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Replaced:
        """Return what a function of each single value gives: that value's relevance is all."""
        (x,) = carriers(args, kwargs)

        def apply(value: Tensor) -> Tensor:
            found: Tensor = func(*_with(x, value, args), **_with(x, value, kwargs))
            return found

        ends = self._moved(x, apply)
        result = overwritten(x, _Passed.apply(x, apply), alters(func, kwargs))
        self._follow(result, ends)
        return Replaced(result)

    def _shifted(
        self, func: Func, name: str, args: Args, kwargs: dict[str, Any]
    ) -> Replaced | None:
        """Return what a constant is added to or multiplied with."""
        (x,) = carriers(args, kwargs)
        if name in ("div", "divide", "true_divide") and x is not first_argument(args, kwargs):
            return None
        others = [each for each in (*args, *kwargs.values()) if each is not x]
        if others and isinstance(others[0], Tensor):
            constant, in_place = others[0], alters(func, kwargs)
            if name in ("mul", "multiply"):
                return self._masked(func, x, constant, in_place)
            scaled = None if x.grad_fn is None else self._scaled.get(x.grad_fn)
            left = x is first_argument(args, kwargs)
            if scaled and name in _SHIFTS and left and len(others) == 1 and _channels(constant, x):
                shift = constant.flatten() * (1 if name == "add" else -1)
                normal = Normalisation(scaled.scale.flatten(), shift.to(x.dtype))
                if (answer := self._as_normalised(normal, scaled.x)) is not None:
                    return answer._replace(result=overwritten(x, answer.result, in_place))
        return self._passed(func, args, kwargs)

    def _masked(self, func: Func, x: Tensor, factor: Tensor, in_place: bool) -> Replaced:
        """Return a product with a constant, which lets nothing through where it is zero."""
        ends = self._moved(x, lambda value: value * factor)
        result = _Passed.apply(torch.where(factor == 0, 0, x), lambda value: value * factor)
        result = overwritten(x, result, in_place)
        self._follow(result, ends)
        if _channels(factor, x) and result.grad_fn is not None and not in_place:
            self._scaled[result.grad_fn] = _Scaled(x, factor)
        return Replaced(result)

    def _normalised(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Replaced | None:
        """Return batch normalisation: merged with the layer right before it, if there is one."""
        normal, x = normalisation(*args, **kwargs), first_argument(args, kwargs)
        if normal is None:
            return None
        return self._as_normalised(normal, x) or self._passed(func, args, kwargs)

    def _as_normalised(self, normal: Normalisation, x: Tensor) -> Replaced | None:
        """Return what batch normalisation makes of x, if the rule shares that out."""
        before = None if x.grad_fn is None else self._weighted.get(x.grad_fn)
        if before is not None:
            layer = normal.merged(before.layer, before.func)
            return Replaced(self.shared(before.rule, layer, before.x), layer=True)
        rule = self.choice(functional.batch_norm, self.first(x))
        if rule == "epsilon":
            return Replaced(self.shared(rule, normal.layer(x.ndim), x), layer=True)
        return None

    def apart(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Any:
        """Return what a call gives that has no rule; know gates, and the range of the inputs."""
        found, name, reaching = func(*args, **kwargs), plain_name(func), carriers(args, kwargs)
        if isinstance(found, Tensor) and found.grad_fn is not None and len(reaching) == 1:
            (x,) = reaching
            if name in GATES or (x.grad_fn in self._gates and name in MOVES | COPIES):
                self._gates.add(found.grad_fn)
            if name in MOVES | COPIES and not alters(func, kwargs):
                moved = lambda end: func(*_with(x, end, args), **_with(x, end, kwargs))  # noqa: E731
                self._follow(found, self._moved(x, moved))
        return found

    def _moved(self, x: Tensor, apply: Callable[[Tensor], Tensor]) -> Ends | None:
        """Return what a function makes of the ends of the range that x has, where it is known."""
        node = x.grad_fn
        if node is None or (ends := self._ends.get(node)) is None:
            return None
        one, other = (apply(each.clone()) for each in ends)
        return torch.minimum(one, other), torch.maximum(one, other)

    def _follow(self, found: Tensor, ends: Ends | None) -> None:
        """Remember the ends of the range that a tensor has."""
        if ends is not None and found.grad_fn is not None:
            self._ends[found.grad_fn] = ends

    def first(self, x: Tensor) -> bool:
        """Return whether no layer lies between the inputs and x."""
        return self.origin(x).layers == 0

    def passes(self, func: Func, args: Args, kwargs: Kwargs) -> bool:
        """Return whether the relevance follows the gradient."""
        name = plain_name(func)
        if name in MAXIMA or "dropout" in name:  # in evaluation mode, in place as well
            return True
        return name in MOVES | COPIES and not alters(func, kwargs)

    def shared(self, rule: str, layer: Layer, x: Tensor) -> Tensor:
        """Return the layer's outputs, with the rule's shares as their gradients."""
        ends = None if x.grad_fn is None else self._ends.get(x.grad_fn)
        shared: Tensor = _Shared.apply(x, layer._replace(ends=ends), self.rules[rule])
        return shared

    def refusal(self, func: Func) -> str:
        """Return the sentence that names the layer and says what to do instead."""
        name = plain_name(func)
        if name in ("softmax", "log_softmax"):
            cure = "leave it out of the model, and explain its logits."
        elif name == "batch_norm":
            cure = "it computes with the statistics of the batch: let it track running ones."
        else:
            cure = (
                "it covers linear layers, convolutions, batch normalisation, activations of value "
                "0 at 0, gates, poolings, sums and joined branches; use integrated_gradients "
                "for this model."
            )
        return f"{self.called} has no rule for {self.where(func)}: {cure}"

    def unseen(self, what: str) -> str:
        """Return the sentence about code whose layers are not seen."""
        return (
            f"{self.called} cannot see the layers in a part of the model ({what}): give the plain "
            f"module, or use integrated_gradients."
        )


def _channels(constant: Tensor, x: Tensor) -> bool:
    """Return whether a constant has one value for each of several channels of x (N, C, …)."""
    channels = x.shape[1] if x.ndim > 2 else 0
    shape = (1,) * (x.ndim - constant.ndim) + tuple(constant.shape)
    return channels > 1 and shape == (1, channels, *[1] * (x.ndim - 2))


def _with(old: Tensor, new: Tensor, given: Any) -> Any:
    """Return arguments with one tensor in the place of another."""
    if isinstance(given, Mapping):
        return {key: new if each is old else each for key, each in given.items()}
    return tuple(new if each is old else each for each in given)


class _Passed(torch.autograd.Function):
    """A function of each single value, which gets all the relevance of what it is made to."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, apply: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the function's values."""
        ctx.shape = x.shape
        return apply(x.clone())

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor, None]:
        """Return the relevance as it is; where a value was repeated, the sum."""
        return relevance[0].sum_to_size(ctx.shape), None


class _Shared(torch.autograd.Function):
    """A layer's outputs, whose gradients are a rule's shares."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Layer, rule: Rule) -> Tensor:
        """Return the outputs; what the rule needs is kept as copies, the model may overwrite it."""
        y = layer.product(x, layer.weight) + layer.bias
        ctx.asked, ctx.shares = (layer, rule, x.clone(), y.clone()), None
        return y

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor, None, None]:
        """Return, for each input, the sum of factor × contribution over the units."""
        layer, rule, x, y = ctx.asked
        if ctx.shares is None:  # the same for every target; never asked if merged with what follows
            ctx.shares = [(f, part) for f, parts in rule(layer, x, y) for part in parts]
        each = [part.x * layer.transposed(relevance[0] * f, part) for f, part in ctx.shares]
        return sum(each[1:], each[0]), None, None

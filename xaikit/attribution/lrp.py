"""Layer-wise relevance propagation, and deep Taylor decomposition: an output, handed back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain, repeat
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from xaikit.attribution.functions import (
    current_layer,
    current_module,
    depends_on_inputs,
    first_argument,
    is_relu,
    overwritten,
    plain_name,
    works_in_place,
)
from xaikit.attribution.registry import Attribution, method
from xaikit.core.passes import chunks, gradients_at
from xaikit.core.problem import Problem

RULES = ("epsilon", "gamma", "alpha_beta", "z_plus", "w_square", "z_box")
"""How a layer can share relevance out."""

Rules = str | Mapping[str | type[nn.Module], str]
"""One of :data:`RULES` or ``"composite"``, or a rule for each layer, by its name or its type."""

_CONVOLUTIONS = {f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3)}
_AVERAGES = {f"{kind}avg_pool{d}d" for kind in ("", "adaptive_") for d in (1, 2, 3)} | {"mean"}
# The gradient of these is a choice of places, which is what relevance follows as well.
_MAXIMA = {
    f"{kind}max_pool{d}d{indices}"
    for kind in ("", "adaptive_")
    for d in (1, 2, 3)
    for indices in ("", "_with_indices")
}
_MOVES = {
    "flatten",
    "unflatten",
    "view",
    "reshape",
    "squeeze",
    "unsqueeze",
    "permute",
    "transpose",
    "movedim",
    "contiguous",
    "clone",
    "to",
    "float",
    "double",
    "pad",
    *(f"{kind}dropout{d}" for kind in ("", "alpha_", "feature_") for d in ("", "1d", "2d", "3d")),
    "feature_alpha_dropout",
}


@method(
    "LRP",
    needs=("gradients", "layers"),
    based_on="relevance",
    passes="2 to 5 forward by rule, T backward",
    paper="Bach et al. 2015, On pixel-wise explanations for non-linear classifier decisions by "
    "layer-wise relevance propagation, doi:10.1371/journal.pone.0130140; Montavon et al. 2019, "
    "Layer-wise relevance propagation: an overview, doi:10.1007/978-3-030-28954-6_10",
)
def lrp(
    problem: Problem,
    *,
    rule: Rules = "epsilon",
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    alpha: float = 2.0,
    low: float = 0.0,
    high: float = 1.0,
) -> Attribution:
    """Return the target's output, shared out layer by layer among what contributed to it.

    A unit's relevance R goes to its inputs in proportion to their contributions zᵢ = xᵢ wᵢ. With
    z⁺, z⁻ for positive and negative contributions, and Σ over the unit's contributions *and its
    bias* (which counts with the sign it has, and keeps its share: with biases the map does not
    sum to the output):

    - ``"epsilon"``: zᵢ / (Σz + ε sign Σz), in all layers. As ε vanishes, input × gradient.
    - ``"gamma"``: what has the sign of Σz counts 1 + γ times.
    - ``"alpha_beta"``: α zᵢ⁺ / Σz⁺ − (α − 1) zᵢ⁻ / Σz⁻.
    - ``"z_plus"``: zᵢ⁺ / Σz⁺, that is α = 1.
    - ``"w_square"``: wᵢ² / Σw², whatever the input: for first layers with inputs of any sign.
    - ``"z_box"`` (zᴮ): (xᵢwᵢ − l wᵢ⁺ − h wᵢ⁻) / Σ, for first layers with inputs in [l, h]. Like
      w², it leaves the bias out.
    - ``"composite"``: ε in linear layers, z⁺ in convolutions (Kohlbrenner et al. 2020,
      arXiv:1910.09840): the usual choice for images.

    A mapping gives each layer its own: ``{"0": "z_box", nn.Linear: "epsilon", "": "gamma"}``.
    Keys are names as in ``model.named_modules()``, each with all that lies within (``""`` is the
    whole model), or types; the longest name that fits wins, then the first type, then ``""``.

    ReLUs pass relevance on as it is, maxima to the place where they were taken, averages as
    linear layers. Batch normalisation has a rule under ``"epsilon"`` only; fold it into the
    convolutions for the others. Any other layer is refused by name.

    Parameters
    ----------
    problem
        What is explained.
    rule
        One of the above, or a mapping from layers to them.
    epsilon
        Positive, in the output's units: added to each denominator's magnitude. Larger values
        absorb relevance and remove noise.
    gamma
        For ``"gamma"``: 0 is ``"epsilon"``, infinity nears ``"z_plus"``.
    alpha
        For ``"alpha_beta"``: at least 1.
    low, high
        For ``"z_box"``: the range of the inputs of its layer.
    """
    chosen = _choice(problem.model, rule)
    _expect_positive(epsilon)
    if not 0 <= gamma < float("inf"):
        raise ValueError(f"gamma has to be 0 or more, and finite; not {gamma!r}.")
    if not 1 <= alpha < float("inf"):
        raise ValueError(f"alpha has to be 1 or more, and finite; not {alpha!r}.")
    called = f"lrp with rule={rule!r}" if isinstance(rule, str) else "lrp"
    rules = {
        "epsilon": _epsilon_rule(epsilon),
        "gamma": _gamma_rule(gamma, epsilon),
        "alpha_beta": _alpha_beta_rule(alpha, epsilon),
        "z_plus": _alpha_beta_rule(1.0, epsilon),
        "w_square": _square_rule(epsilon),
        "z_box": _box_rule(low, high, epsilon, called),
    }
    return _relevance(problem, lambda: _Propagation(problem, called, rules, chosen))


_Choice = Callable[[Callable[..., Any]], str]
"""From a function that a layer has called to the name of the layer's rule."""


def _choice(model: nn.Module, rule: Rules) -> _Choice:
    """Return which rule a layer has, or say what is wrong with the choice."""
    if rule == "composite":
        return lambda func: "epsilon" if plain_name(func) == "linear" else "z_plus"
    if isinstance(rule, str):
        if rule not in RULES:
            names = ", ".join((*RULES, "composite"))
            raise ValueError(f"unknown rule {rule!r}: choose one of {names}.")
        return lambda _: rule
    layers = {name for name, _ in model.named_modules()}
    for key, value in rule.items():
        if value not in RULES:
            raise ValueError(f"unknown rule {value!r}: choose one of {', '.join(RULES)}.")
        if not (isinstance(key, type) and issubclass(key, nn.Module)) and key not in layers:
            raise ValueError(
                f"rule= names no layer of the model with {key!r}: use a name from "
                f"model.named_modules(), or a type such as nn.Linear."
            )

    def of_layer(func: Callable[..., Any]) -> str:
        name, layer = current_module(model) or ("", model)
        path = name.split(".")
        for end in range(len(path), 0, -1):
            if name and (found := rule.get(".".join(path[:end]))):
                return found
        for key, value in rule.items():
            if isinstance(key, type) and isinstance(layer, key):
                return value
        if "" in rule:
            return rule[""]
        raise ValueError(
            f"rule= says nothing of {current_layer(model, func)}: name its layer or its type, or "
            f'give "" for all others.'
        )

    return of_layer


@method(
    "Deep Taylor",
    needs=("gradients", "layers"),
    based_on="relevance",
    passes="4 forward, T backward",
    paper="Montavon et al. 2017, Explaining nonlinear classification decisions with deep Taylor "
    "decomposition, arXiv:1512.02479",
)
def deep_taylor(
    problem: Problem, *, low: float = 0.0, high: float = 1.0, epsilon: float = 1e-9
) -> Attribution:
    """Return the target's output, shared out by a Taylor expansion of every unit.

    The z⁺ rule in hidden layers, zᴮ in the first one, whose inputs lie in [low, high]; biases are
    left out of both, so that the map of a positive output has no negative value and sums to the
    output (up to units without any positive contribution, which lose their relevance).

    Two assumptions to know. Biases are not positive: a positive one makes a unit active that no
    input explains, and folding batch normalisation into the convolutions produces such biases,
    as in this package's own networks. And the output is positive: a negative one yields the same
    map, negative, and no evidence against the class.

    Parameters
    ----------
    problem
        What is explained; every input in [low, high].
    low, high
        Range of the inputs, for example of pixels.
    epsilon
        Positive: added to each denominator's magnitude.
    """
    _expect_positive(epsilon)
    rules = {
        "hidden": _alpha_beta_rule(1.0, epsilon, biased=False),
        "first": _box_rule(low, high, epsilon, "deep_taylor"),
    }

    def propagation() -> _Propagation:
        # The model is a chain, as whatever joins branches is refused: the first comes once a pass.
        order = chain(["first"], repeat("hidden"))
        return _Propagation(problem, "deep_taylor", rules, lambda _: next(order))

    return _relevance(problem, propagation)


def _expect_positive(epsilon: float) -> None:
    if not 0 < epsilon < float("inf"):
        raise ValueError(f"epsilon has to be positive, and finite; not {epsilon!r}.")


def _relevance(problem: Problem, propagation: Callable[[], _Propagation]) -> Attribution:
    """Return the relevances of the inputs (N, T, *shape).

    Relevance is linear in what it starts from: the backward passes carry the relevance of an
    output of one, and the outputs themselves are multiplied last.
    """
    maps = []
    for rows in chunks(problem, len(problem.inputs)):
        watched = replace(problem, model=_Watched(problem.model, propagation()))
        grid, targets = problem.inputs[rows].unsqueeze(1), problem.targets[rows]
        scores, shares = gradients_at(watched, grid, targets)
        start = scores[:, 0].view(*targets.shape, *[1] * (problem.inputs.ndim - 1))
        maps.append(shares[:, 0] * start)
    return Attribution(torch.cat(maps))


class _Watched(nn.Module):
    """The model, watched from its inputs to its outputs and no further."""

    def __init__(self, model: nn.Module, watch: TorchFunctionMode) -> None:
        super().__init__()
        self.model, self.watch = model, watch

    def forward(self, x: Tensor) -> Any:
        """Return the model's outputs."""
        with self.watch:
            return self.model(x)


class _Layer(NamedTuple):
    """A linear function of the inputs that reached it: ``product(x, weight) + bias``.

    An average has no weight (None), only positive contributions of positive inputs.
    """

    product: Callable[[Tensor, Tensor | None], Tensor]
    weight: Tensor | None
    bias: Tensor

    def signed(self, x: Tensor) -> tuple[list[_Part], list[_Part]]:
        """Return the factors of positive contributions, and of negative ones."""
        plus, minus = x.clamp(min=0), x.clamp(max=0)
        if self.weight is None:
            return [_Part(plus, None)], [_Part(minus, None)]
        up, down = self.weight.clamp(min=0), self.weight.clamp(max=0)
        positive, negative = [_Part(plus, up)], [_Part(plus, down)]
        if (minus != 0).any():  # not after a ReLU: half of the work
            positive.append(_Part(minus, down))
            negative.append(_Part(minus, up))
        return positive, negative

    def total(self, parts: list[_Part]) -> Tensor:
        """Return each unit's sum of contributions."""
        sums = [self.product(part.x, part.weight) for part in parts]
        return torch.stack(sums).sum(0) if len(sums) > 1 else sums[0]


class _Part(NamedTuple):
    """Contributions ``x × weight``, not yet summed for a unit."""

    x: Tensor
    weight: Tensor | None


_Shares = list[tuple[Tensor, list[_Part]]]
"""A unit's relevance goes to its inputs as factor × contribution, summed over these."""

_Rule = Callable[[_Layer, Tensor, Tensor], _Shares]
"""From a layer, its inputs and its outputs to what each input's share is."""


def _epsilon_rule(epsilon: float) -> _Rule:
    def rule(layer: _Layer, x: Tensor, y: Tensor) -> _Shares:
        return [(1 / torch.where(y >= 0, y + epsilon, y - epsilon), [_Part(x, layer.weight)])]

    return rule


def _alpha_beta_rule(alpha: float, epsilon: float, biased: bool = True) -> _Rule:
    def rule(layer: _Layer, x: Tensor, _: Tensor) -> _Shares:
        positive, negative = layer.signed(x)
        bias = layer.bias if biased else torch.zeros_like(layer.bias)
        shares = [(alpha / (layer.total(positive) + bias.clamp(min=0) + epsilon), positive)]
        if alpha > 1:
            below = layer.total(negative) + bias.clamp(max=0) - epsilon
            shares.append(((1 - alpha) / below, negative))
        return shares

    return rule


def _gamma_rule(gamma: float, epsilon: float) -> _Rule:
    def rule(layer: _Layer, x: Tensor, y: Tensor) -> _Shares:
        positive, negative = layer.signed(x)
        above = layer.total(positive) + layer.bias.clamp(min=0)
        below = layer.total(negative) + layer.bias.clamp(max=0)
        # What has the sign of the output counts more, its bias included.
        up = torch.where(y >= 0, torch.full_like(y, 1 + gamma), torch.ones_like(y))
        divisor = torch.where(y >= 0, y + gamma * above + epsilon, y + gamma * below - epsilon)
        return [(up / divisor, positive), ((2 + gamma - up) / divisor, negative)]

    return rule


def _square_rule(epsilon: float) -> _Rule:
    def rule(layer: _Layer, x: Tensor, _: Tensor) -> _Shares:
        weight = None if layer.weight is None else layer.weight.square()
        parts = [_Part(torch.ones_like(x), weight)]
        return [(1 / (layer.total(parts) + epsilon), parts)]

    return rule


def _box_rule(low: float, high: float, epsilon: float, called: str) -> _Rule:
    def rule(layer: _Layer, x: Tensor, _: Tensor) -> _Shares:
        least, most = x.aminmax()
        if not (low <= least and most <= high and low < high):
            raise ValueError(
                f"{called} needs inputs in [low, high] = [{low:g}, {high:g}], but they reach from "
                f"{least:.4g} to {most:.4g}: scale them, or give their range as low= and high=."
            )
        ends = torch.full_like(x, -low), torch.full_like(x, -high)
        parts = [_Part(x, layer.weight)]
        if layer.weight is None:
            parts.append(_Part(ends[0], None))
        else:
            parts.append(_Part(ends[0], layer.weight.clamp(min=0)))
            parts.append(_Part(ends[1], layer.weight.clamp(max=0)))
        return [(1 / (layer.total(parts) + epsilon), parts)]

    return rule


class _Propagation(TorchFunctionMode):
    """Leaves every output as it is, and makes gradients what a rule says of relevances."""

    def __init__(
        self,
        problem: Problem,
        called: str,
        rules: Mapping[str, _Rule],
        choice: _Choice,
    ) -> None:
        super().__init__()
        self.model, self.called = problem.model, called
        self.rules, self.choice = rules, choice

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name, x = plain_name(func), first_argument(args, kwargs)
        in_place = works_in_place(func, kwargs)
        if isinstance(x, Tensor) and x.requires_grad:
            if is_relu(func, args, kwargs):
                return overwritten(x, x + (x.clamp(min=0) - x).detach(), in_place)
            if name == "linear" or name in _CONVOLUTIONS:
                return self.shared(self.choice(func), _weighted(func, args, kwargs), x)
            if name in _AVERAGES:
                return self.shared(self.choice(func), _average(func, args, kwargs), x)
            if func is functional.batch_norm and self.choice(func) == "epsilon":
                layer = _normalisation(*args, **kwargs)
                if layer is not None:
                    return self.shared("epsilon", layer, x)
        result = func(*args, **kwargs)
        if depends_on_inputs(result) and (in_place or name not in _MAXIMA | _MOVES):
            self.refuse(func, name)
        return result

    def shared(self, rule: str, layer: _Layer, x: Tensor) -> Tensor:
        """Return the layer's outputs, with the rule's shares as their gradients."""
        with torch.no_grad():
            value = x.detach()
            y = layer.product(value, layer.weight) + layer.bias
            shares = self.rules[rule](layer, value, y)
        # Zero, and one as a gradient: shares times this leave outputs alone.
        nothing = x - value
        for factor, parts in shares:
            for part in parts:
                y = y + factor * layer.product(part.x * nothing, part.weight)
        return y

    def refuse(self, func: Callable[..., Any], name: str) -> None:
        """Fail, naming the layer and what to do instead."""
        layer = current_layer(self.model, func)
        if name in ("softmax", "log_softmax"):
            cure = "leave it out of the model, and explain its logits."
        elif name == "batch_norm":
            cure = "fold it into the layer before it, or use lrp with rule='epsilon'."
        else:
            cure = (
                "it covers chains of linear layers, convolutions, ReLUs, poolings and reshaping; "
                "use integrated_gradients or deeplift for this model."
            )
        raise ValueError(f"{self.called} has no rule for {layer}: {cure}")


def _weighted(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Layer:
    """Return a linear layer or a convolution, from the call of its function."""
    known = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
    weight, bias = known["weight"], known.get("bias")
    others = {key: value for key, value in kwargs.items() if key not in ("input", "weight", "bias")}

    def product(x: Tensor, by: Tensor | None) -> Tensor:
        return func(x, by, None, *args[3:], **others)

    if bias is None:
        return _Layer(product, weight, weight.new_zeros(()))
    # Of a convolution's output (N, C, …), the bias runs along C.
    trailing = 0 if plain_name(func) == "linear" else weight.ndim - 2
    return _Layer(product, weight, bias.view(-1, *[1] * trailing))


def _average(func: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Layer:
    others = {key: value for key, value in kwargs.items() if key != "input"}
    return _Layer(
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
) -> _Layer | None:
    """Return batch normalisation as the linear layer that it is, unless it depends on the batch."""
    if training or mean is None or variance is None:
        return None
    shape = (-1, *[1] * (x.ndim - 2))
    scale = (variance + eps).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * scale
    return _Layer(
        lambda value, by: value if by is None else value * by, scale.view(shape), shift.view(shape)
    )

"""Guided backpropagation: the gradient along paths that only ever increase the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xaikit.attribution.functions import (
    ACTIVATIONS,
    current_layer,
    depends_on_inputs,
    first_argument,
    is_relu,
    overwritten,
    plain_name,
    works_in_place,
)
from xaikit.attribution.gradient import gradient
from xaikit.attribution.registry import Attribution, method
from xaikit.core.problem import Problem

_GATES = ACTIVATIONS | {"maximum", "minimum", "fmax", "fmin", "where", "abs", "clamp_min", "clip"}
"""What could be a ReLU in disguise, or stands in a ReLU's place."""


@method(
    "Guided backpropagation",
    needs=("gradients", "layers"),
    based_on="gradient",
    passes="1 forward, T backward",
    paper="Springenberg et al. 2014, Striving for simplicity, arXiv:1412.6806",
)
def guided_backprop(problem: Problem) -> Attribution:
    """Return the gradient in which every ReLU also stops negative values on their way back.

    Sharp pictures, and no explanation of the class: they hardly change when the network's upper
    layers are randomised (Adebayo et al. 2018, arXiv:1810.03292). The rule holds wherever the
    ReLU stands: as a module, as a function, reused or in-place. A model with another activation
    is refused, because the method does not say what to do there.
    """
    with _Guided(problem.model):
        return gradient(problem)


class _GuidedReLU(torch.autograd.Function):
    """A ReLU whose backward pass is a ReLU as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return max(x, 0)."""
        # A mask, not x itself: an in-place ReLU is about to overwrite that.
        ctx.on = x > 0
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        """Return the positive slopes of units that are on."""
        on: Tensor = ctx.on
        return slopes[0].clamp(min=0) * on


class _Guided(TorchFunctionMode):
    """Replaces each ReLU that the model calls."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        x = first_argument(args, kwargs)
        if is_relu(func, args, kwargs) and depends_on_inputs(x):
            return overwritten(x, _GuidedReLU.apply(x), works_in_place(func, kwargs))
        if plain_name(func) in _GATES and any(map(depends_on_inputs, (x, *args))):
            raise ValueError(
                f"guided_backprop is defined for ReLUs, and the model has "
                f"{current_layer(self.model, func)}: use gradient or smoothgrad for it."
            )
        return func(*args, **kwargs)

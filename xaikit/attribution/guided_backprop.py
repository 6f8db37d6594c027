"""Guided backpropagation: the gradient along paths that only ever increase the output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from xaikit.attribution.functions import (
    MAXIMA,
    carriers,
    first_argument,
    is_linear,
    is_relu,
    overwritten,
    plain_name,
    works_in_place,
)
from xaikit.attribution.gradient import gradient
from xaikit.attribution.registry import Attribution, method
from xaikit.attribution.watch import Args, Func, Kwargs, Replaced, Watch, Watched
from xaikit.core.problem import Problem

_OTHERS = MAXIMA | {
    *("layer_norm", "group_norm", "instance_norm", "local_response_norm", "rms_norm"),
    *("softmax", "log_softmax"),
}
"""What is neither linear nor an activation: the gradient goes through as it is."""


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
    ReLU stands: as a module, as a function, reused or in-place. A model with another activation,
    a gate, or code in which a ReLU cannot be seen is refused, because the method does not say what
    to do there.
    """
    watched = Watched(problem.model, _Guided(problem.model))
    return gradient(replace(problem, model=watched))


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


class _Guided(Watch):
    """Replaces each ReLU that the model calls."""

    def replaced(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Replaced | None:
        """Return a ReLU's values, which have another gradient."""
        x = first_argument(args, kwargs)
        if not is_relu(func, args, kwargs) or not carriers(x):
            return None
        return Replaced(overwritten(x, _GuidedReLU.apply(x), works_in_place(func, kwargs)))

    def passes(self, func: Func, args: Args, kwargs: Kwargs) -> bool:
        """Return whether a call is no activation."""
        return is_linear(func, args, kwargs) or plain_name(func) in _OTHERS

    def refusal(self, func: Func) -> str:
        """Return the sentence about a function that could be an activation."""
        return (
            f"guided_backprop is defined for ReLUs, and the model has {self.where(func)}: use "
            f"gradient or smoothgrad for it."
        )

    def unseen(self, what: str) -> str:
        """Return the sentence about code in which a ReLU would not be seen."""
        return (
            f"guided_backprop cannot see whether there are ReLUs in a part of the model "
            f"({what}): give the plain module, or use gradient or smoothgrad."
        )

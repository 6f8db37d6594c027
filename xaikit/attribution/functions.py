"""What a model does, function by function: names, ReLUs in every spelling, and where we are.

Hooks on modules see neither functional activations nor which call of a reused module it is.
A ``TorchFunctionMode`` sees every torch function; this file holds what such modes share.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

ACTIVATIONS = {
    "relu",
    "relu6",
    "leaky_relu",
    "prelu",
    "rrelu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "log_sigmoid",
    "logsigmoid",
    "tanh",
    "softplus",
    "softsign",
    "hardtanh",
    "hardsigmoid",
    "hardswish",
    "threshold",
    "_threshold",
    "clamp",
}
"""Elementwise activations by the names of their torch functions."""


def plain_name(func: Callable[..., Any]) -> str:
    """Return a torch function's name without the underscore of its in-place form."""
    name: str = getattr(func, "__name__", "")
    return name if name.endswith("__") else name.removesuffix("_")


def works_in_place(func: Callable[..., Any], kwargs: Mapping[str, Any]) -> bool:
    """Return whether this call overwrites its input."""
    return bool(kwargs.get("inplace", False)) or plain_name(func) != getattr(func, "__name__", "")


def is_relu(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Return whether a call computes max(x, 0): relu, clamp or threshold in any form."""
    name, rest = plain_name(func), list(args[1:])
    if name == "relu":
        return True
    if name in ("clamp", "clamp_min", "clip"):
        low = rest[0] if rest else kwargs.get("min")
        high = rest[1] if len(rest) > 1 else kwargs.get("max")
        return isinstance(low, int | float) and low == 0 and high is None
    if name in ("threshold", "_threshold"):
        level = rest[0] if rest else kwargs.get("threshold")
        value = rest[1] if len(rest) > 1 else kwargs.get("value")
        return level == 0 and value == 0
    return False


def first_argument(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return what a torch function works on, however it was passed."""
    return args[0] if args else kwargs.get("input")


def depends_on_inputs(value: Any) -> bool:
    """Return whether a value, or one in a tuple, carries gradients back to the inputs.

    Parameters are frozen while a model is explained, so nothing else requires a gradient.
    """
    if isinstance(value, Tensor):
        return value.requires_grad
    return isinstance(value, tuple | list) and any(map(depends_on_inputs, value))


def current_module(model: nn.Module) -> tuple[str, nn.Module] | None:
    """Return the innermost of the model's modules whose ``forward`` is running, and its name."""
    names = {id(module): name for name, module in model.named_modules()}
    frame = sys._getframe(1)
    while frame is not None:
        owner = frame.f_locals.get("self") if frame.f_code.co_name == "forward" else None
        if isinstance(owner, nn.Module) and id(owner) in names:
            return names[id(owner)], owner
        frame = frame.f_back  # type: ignore[assignment]
    return None


def current_layer(model: nn.Module, func: Callable[..., Any]) -> str:
    """Return where in the model a watched function is running, to name it in an error."""
    if (found := current_module(model)) is None:
        return plain_name(func)
    name, kind = found[0], type(found[1]).__name__
    where = f"layer {name!r}, {kind}" if name else f"the forward of {kind}"
    return f"{plain_name(func)} ({where})"


def overwritten(x: Tensor, after: Tensor, in_place: bool) -> Tensor:
    """Return the result of a call that was replaced, in the input's memory if the call asked."""
    return x.copy_(after) if in_place else after

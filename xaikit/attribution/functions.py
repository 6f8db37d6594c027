"""What a model does, function by function: names, ReLUs in every spelling, and where we are.

Hooks on modules see neither functional activations nor which call of a reused module it is.
A ``TorchFunctionMode`` sees every torch function; this file holds what such modes share.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from xaikit.core.autograd import tensors_in

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

CONVOLUTIONS = {f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3)}
AVERAGES = {f"{kind}avg_pool{d}d" for kind in ("", "adaptive_") for d in (1, 2, 3)} | {"mean"}
MAXIMA = {
    f"{kind}max_pool{d}d{indices}"
    for kind in ("", "adaptive_")
    for d in (1, 2, 3)
    for indices in ("", "_with_indices")
}
"""Max poolings: their gradient is a choice of places."""

MOVES = {
    "flatten",
    "unflatten",
    "view",
    "view_as",
    "reshape",
    "reshape_as",
    "squeeze",
    "unsqueeze",
    "permute",
    "transpose",
    "swapaxes",
    "swapdims",
    "t",
    "movedim",
    "contiguous",
    "clone",
    "to",
    "float",
    "double",
    "pad",
    "requires_grad",
    "__get__",
    *(f"{kind}dropout{d}" for kind in ("", "alpha_", "feature_") for d in ("", "1d", "2d", "3d")),
    "feature_alpha_dropout",
}
"""Functions that move values, one by one, to other places, or leave them as they are."""

COPIES = {
    *("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack"),
    *("split", "split_with_sizes", "chunk", "tensor_split", "hsplit", "vsplit", "dsplit", "unbind"),
    *("__getitem__", "select", "narrow", "diagonal", "index_select", "take_along_dim", "gather"),
    *("expand", "expand_as", "repeat", "repeat_interleave", "tile", "broadcast_to"),
    *("roll", "flip", "rot90", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
}
"""Functions that join, cut or repeat values: each value of the result is one of those given."""

_TURNED_IN_PLACE = {"squeeze_", "unsqueeze_", "transpose_", "swapaxes_", "swapdims_", "t_"}
"""Functions that give a tensor another shape in place, and leave its values as they are."""

THROUGH_ZERO = {
    *("relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish"),
    *("tanh", "softsign", "hardswish"),
}
"""Elementwise activations of value 0 at 0: what comes out is due to the one input."""

GATES = {"sigmoid", "hardsigmoid", "expit", "special_expit"}
"""Elementwise functions into [0, 1], whose values tell how much of a signal passes."""

_SUMS = {
    *("add", "sub", "subtract", "rsub", "neg", "negative", "sum", "cumsum", "diff"),
    *("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"),
    *("split", "chunk", "tensor_split", "unbind", "__getitem__", "select", "narrow", "diagonal"),
    *("expand", "expand_as", "repeat", "repeat_interleave", "tile", "roll", "flip", "rot90"),
    *("unfold", "fold", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
    *(
        "interpolate",
        "upsample",
        "tril",
        "triu",
        "copy",
        "__setitem__",
        "type",
        "type_as",
    ),
    *("half", "bfloat16"),
    *AVERAGES,
}
_PRODUCTS = {
    *("linear", "mul", "multiply", "matmul", "mm", "bmm", "mv", "dot", "einsum", "tensordot"),
    *("addmm", "baddbmm", "outer", "index_select", "grid_sample"),
    *CONVOLUTIONS,
}
_SPELLINGS = {
    f"__{prefix}{dunder}__": name
    for dunder, name in {"add": "add", "sub": "sub", "mul": "mul", "matmul": "matmul"}.items()
    for prefix in ("", "i", "r")
} | {"__neg__": "neg", "__truediv__": "div", "__itruediv__": "div", "__idiv__": "div"}
_OVERWRITING = {"__setitem__", "__set__"} | {
    f"__i{name}__" for name in ("add", "sub", "mul", "truediv", "div", "matmul", "pow", "and", "or")
}
_BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training")


def plain_name(func: Callable[..., Any]) -> str:
    """Return a torch function's name without the underscore of its in-place form."""
    name: str = getattr(func, "__name__", "")
    return name if name.endswith("__") else name.removesuffix("_")


def operation(func: Callable[..., Any]) -> str:
    """Return a torch function's plain name, that of the function for an operator: add for +=."""
    name = plain_name(func)
    return _SPELLINGS.get(name, name)


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


def is_through_zero(
    func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> bool:
    """Return whether a call is an elementwise activation of value 0 at 0."""
    name = plain_name(func)
    if name in ("hardtanh", "clamp", "clip"):
        names = ("min_val", "max_val") if name == "hardtanh" else ("min", "max")
        default = (-1, 1) if name == "hardtanh" else (None, None)
        known = dict(zip(names, default, strict=True)) | dict(zip(names, args[1:], strict=False))
        low, high = ((known | dict(kwargs))[each] for each in names)
        kinds = (int, float, type(None))
        return isinstance(low, kinds) and isinstance(high, kinds) and (low or 0) <= 0 <= (high or 0)
    return name in THROUGH_ZERO


def first_argument(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return what a torch function works on, however it was passed."""
    return args[0] if args else kwargs.get("input")


def carriers(*values: Any) -> list[Tensor]:
    """Return the tensors in some values that carry gradients back to the inputs.

    Parameters are frozen while a model is explained, so nothing else requires a gradient.
    """
    return [each for each in tensors_in(values) if each.requires_grad]


def alters(func: Callable[..., Any], kwargs: Mapping[str, Any]) -> bool:
    """Return whether a call overwrites the values that it is given, in any spelling."""
    name: str = getattr(func, "__name__", "")
    if name in _TURNED_IN_PLACE:
        return False
    return works_in_place(func, kwargs) or name in _OVERWRITING


def is_linear(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Return whether a call is linear, up to a constant, in all that carries gradients together."""
    name = operation(func)
    if name in MOVES or name in _SUMS:
        return True
    if name in ("div", "divide", "true_divide"):
        return len(carriers(args[1:], kwargs)) == 0
    if name == "batch_norm":
        known = dict(zip(_BATCH_NORM, args, strict=False)) | dict(kwargs)
        return known.get("running_mean") is not None and not known.get("training", False)
    return name in _PRODUCTS and len(carriers(args, kwargs)) == 1


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

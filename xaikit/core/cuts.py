"""A layer may work on the inputs where no gradient comes back from it: cut out, or rounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xaikit.core.autograd import passed, tensors_in, transformed
from xaikit.core.passes import company
from xaikit.core.said import warn

_BY_ELEMENT = {
    *("add", "sub", "mul", "div", "true_divide", "pow", "where", "lerp", "addcmul"),
    *("maximum", "minimum", "clamp", "prelu", "to", "expand_as", "type_as", "copy", "set"),
}
"""Functions of a weight that scale or move values: straight-through rounding has them, too."""
_FLAT = ("RoundBackward", "FloorBackward", "CeilBackward", "TruncBackward", "SignBackward")
"""Nodes whose gradient is zero wherever it exists."""
_STEP = 0.01
"""By which share values are changed, to see whether the outputs use them."""


def expect_whole(model: nn.Module, inputs: Tensor, what: str) -> None:
    """Say so, once, if the outputs use layers from which no gradient reaches the inputs.

    Such a layer stands behind or before ``x.detach()``, ``x.data``, ``torch.no_grad()``,
    ``.item()``, a way through NumPy, or rounding. What it computes depends on the inputs, and the
    model's outputs on that, so the slopes at the inputs are those of the rest of the network.
    Where values are only scaled or moved beside a part that has a gradient (straight-through
    rounding, the statistics of a normalisation), nothing is said.

    It takes one pass of one input, and a few more where a layer has no gradient. What TorchScript
    and ``torch.autograd.Function`` hide is not seen.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes), frozen.
    inputs
        (N, *shape).
    what
        What is asked, the subject of the sentence.

    Raises
    ------
    ValueError
        If a function on the way has no derivative: torch would take zero for it.
    """
    rows = inputs[:1].detach()
    try:
        weights = _missing(model, rows)
    except _NoDerivativeError as error:
        raise ValueError(
            "autograd cannot follow the model: a function in it has no derivative, as of a "
            "quantised layer; take the network that it was made of, or what needs outputs only "
            "(lime, occlusion)."
        ) from error
    except Exception:  # what is wrong with it will be said where the gradients are taken
        return
    if weights is not None:
        warn(
            f"the outputs depend on the inputs by way of {weights}, but no gradient reaches the "
            f"inputs from there (detach, .data, torch.no_grad(), .item() or rounding), so {what} "
            f"leaves that part out: let autograd follow it, or take what needs outputs only (lime, "
            f"occlusion)."
        )


class _NoDerivativeError(Exception):
    """A function that has a place in the graph and no derivative."""


def _missing(model: nn.Module, rows: Tensor) -> str | None:
    """Return the name of weights that the outputs use without a gradient, if there are any."""
    seen, found, leaf = _pass(model, rows)
    if not (dead := _without_gradient(seen, found, leaf)):
        return None
    unlike, again = _pass(model, company(rows))[0], _pass(model, rows)[1]
    dead = [k for k in dead if _differ(seen.results, unlike.results, k)]
    # Of a model of chance no two passes can be compared.
    if not dead or not _same(found, again):
        return None
    used = (k for k in dead if not _same(found, _pass(model, rows, k)[1]))
    return next((seen.names[k] for k in used), None)


class _Weighing(TorchFunctionMode):
    """Notes what functions make of values and the model's weights, and changes it if asked to."""

    def __init__(self, model: nn.Module, moved: int | None) -> None:
        super().__init__()
        self.weights = {id(each): name for name, each in model.named_parameters()}
        self.moved = moved
        self.names: list[str] = []
        self.results: list[Tensor] = []
        self.nodes: list[Any] = []
        self.followed: list[bool] = []
        self._kept: list[Any] = []

    def __torch_function__(
        self, func: Callable[..., Any], _: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        result = found[0] if isinstance(found, tuple | list) and found else found
        if not isinstance(result, Tensor) or id(result) in self.weights:
            return found
        given = [*tensors_in((args, kwargs))]
        names = [name for each in given if (name := self._name(each)) is not None]
        if not names or any(each is result for each in given):
            return found
        if len(names) == len(given):  # a weight that is computed from weights
            self.weights[id(result)] = names[0]
            self._kept.append(result)
            return found
        if not _weighs(func) or not result.is_floating_point() or transformed(result):
            return found
        k = len(self.results)
        self.names.append(names[0])
        self.results.append(result.detach().clone())
        self.nodes.append(result.grad_fn)
        self.followed.append(torch.is_grad_enabled())
        if k == self.moved:
            with torch.no_grad():
                result.copy_(_changed(result))
        return found

    def _name(self, value: Tensor) -> str | None:
        """Return what a message calls a weight, the model's or one from elsewhere."""
        elsewhere = "a weight that is no part of it" if isinstance(value, nn.Parameter) else None
        return self.weights.get(id(value), elsewhere)


def _pass(
    model: nn.Module, rows: Tensor, moved: int | None = None
) -> tuple[_Weighing, Tensor, Tensor]:
    """Return what was noted in a pass, the outputs, and the leaf that they are computed from."""
    leaf = rows.clone().requires_grad_()
    with torch.enable_grad(), _Weighing(model, moved) as seen:
        return seen, passed(model, leaf), leaf


def _weighs(func: Callable[..., Any]) -> bool:
    # x + y, x += y and y + x are one function here: __add__, __iadd__, __radd__.
    name = getattr(func, "__name__", "").strip("_").removeprefix("i").removeprefix("r")
    return name not in _BY_ELEMENT


def _changed(values: Tensor) -> Tensor:
    """Return values each changed by its own small share: no normalisation takes that back."""
    generator = torch.Generator().manual_seed(0)
    share = torch.rand(values.shape, generator=generator).to(values) * 2 - 1
    return values.detach() * (1 + _STEP * share)


def _without_gradient(seen: _Weighing, found: Tensor, leaf: Tensor) -> list[int]:
    """Return which results are not on a way of the graph from the outputs to the inputs."""
    after: dict[Any, list[Any]] = {}
    left, sources, hidden = [found.grad_fn], [], False
    while left:
        node = left.pop()
        if node is None or node in after:
            continue
        after[node] = []
        if "NotImplemented" in node.name():
            raise _NoDerivativeError
        hidden |= isinstance(node, torch.autograd.function.BackwardCFunction)
        if getattr(node, "variable", None) is leaf:
            sources.append(node)
        if not node.name().startswith(_FLAT):
            left += [each for each, _ in node.next_functions]
    for node in after:
        for each, _ in node.next_functions if not node.name().startswith(_FLAT) else ():
            if each is not None:
                after[each].append(node)
    reached: set[Any] = set()
    while sources:
        node = sources.pop()
        if node not in reached:
            reached.add(node)
            sources += after[node]
    return [
        k
        for k, node in enumerate(seen.nodes)
        # A torch.autograd.Function computes without a graph and has a gradient of its own.
        if node not in reached and (seen.followed[k] or not hidden)
    ]


def _differ(some: list[Tensor], others: list[Tensor], k: int) -> bool:
    return len(some) == len(others) and not torch.equal(some[k], others[k])


def _same(one: Tensor, other: Tensor) -> bool:
    """Return whether outputs differ by no more than rounding."""
    one, other = one.detach().double(), other.detach().double()
    near = 1e-6 * max(float(one.nan_to_num(posinf=0, neginf=0).abs().amax()), 1e-12)
    return torch.allclose(one, other, rtol=0, atol=near, equal_nan=True)

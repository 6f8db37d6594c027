"""Find a model's layers, and the features of one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from xaikit.core.passes import outputs

Features = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From rows (n, *shape) to their features (n, F) and the model's outputs (n, classes)."""


def leads(scores: Tensor, source: Tensor, around: Tensor | None = None) -> bool:
    """Return whether the scores' graph holds a source, also where one may not pass ``around``."""
    avoided = None if around is None else around.grad_fn
    seen: set[Any] = {avoided}
    left = [scores.grad_fn]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        if node is source.grad_fn or getattr(node, "variable", None) is source:
            return True
        seen.add(node)
        left += [each for each, _ in node.next_functions]
    return False


def returned(
    model: nn.Module, modules: Iterable[nn.Module], inputs: Tensor
) -> tuple[Tensor, list[tuple[nn.Module, Any]]]:
    """Return one pass's outputs, and what these modules returned in it, in their order.

    Raises
    ------
    ValueError
        If one of the modules is TorchScript that cannot be looked at.
    """
    ended: list[tuple[nn.Module, Any]] = []

    def note(module: nn.Module, _: object, found: Any) -> Any:
        ended.append((module, found))
        # A copy goes on: what follows may work in place.
        return found.clone() if isinstance(found, Tensor) else None

    hooks: list[RemovableHandle] = []
    try:
        for each in modules:
            hooks.append(_hooked(each, note))
        return outputs(model, inputs), ended
    finally:
        for hook in hooks:
            hook.remove()


def _hooked(module: nn.Module, note: Callable[..., Any]) -> RemovableHandle:
    try:
        return module.register_forward_hook(note)
    except RuntimeError as error:  # register_forward_hook is not supported on ScriptModules
        name = getattr(module, "original_name", type(module).__name__)
        raise ValueError(
            f"a layer {name} in TorchScript (torch.jit.script) does not show what it computes: "
            f"give the network that it was made of."
        ) from error


def last_linear(model: nn.Module, rows: Tensor) -> nn.Module | None:
    """Return the linear layer that runs last of those that lead to the outputs, if any."""
    linear = [each for each in model.modules() if isinstance(each, nn.Linear)]
    with torch.enable_grad():
        scores, ended = returned(model, linear, rows[:1].detach().requires_grad_())
    leading = [layer for layer, found in ended if leads(scores, found)]
    # Where autograd cannot follow the model, the order has to do.
    running = leading or [layer for layer, _ in ended]
    return running[-1] if running else None


def own_layer(model: nn.Module, layer: nn.Module) -> nn.Module:
    """Return the layer given, if it is the model's."""
    if not isinstance(layer, nn.Module) or all(layer is not each for each in model.modules()):
        raise ValueError("layer has to be a module of the model, for example model[3].")
    return layer


def first(found: Any) -> Tensor:
    """Return what a layer computed: of several things the first, as an LSTM's or attention's."""
    value = found[0] if isinstance(found, tuple | list) and found else found
    if not isinstance(value, Tensor):
        raise ValueError(
            f"the layer returns a {type(found).__name__}, which holds no tensor in the first "
            f"place: choose a layer that returns a tensor."
        )
    return value


@contextmanager
def features_of(model: nn.Module, layer: nn.Module | None, instead: str) -> Iterator[Features]:
    """Give a function that tells rows' features and outputs from one pass.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes). It is watched inside the block, and no longer.
    layer
        One of the model's, whose flattened outputs are the features, of several the first; None:
        the features are what enters the last linear layer that leads to the outputs.
    instead
        What the caller has to do where that fails; the end of the error's sentence, such as
        ``"choose another with layer="``.

    Raises
    ------
    ValueError
        If the model has no linear layer, or the layer is not the model's; from the function, if
        the layer does not run once a pass on one row an input.
    """
    seen: list[Tensor] = []
    hooks: list[RemovableHandle] = []

    def keep(found: Tensor) -> None:
        # A copy: an in-place layer may follow.
        seen.append(found.flatten(1).clone())

    def features(rows: Tensor) -> tuple[Tensor, Tensor]:
        if not hooks and (linear := last_linear(model, rows)) is not None:
            hooks.append(linear.register_forward_pre_hook(lambda _, given: keep(given[0])))
        seen.clear()
        scores = outputs(model, rows)
        if len(seen) != 1 or len(seen[0]) != len(rows):
            which = "the model's last linear layer" if layer is None else "the layer"
            raise ValueError(
                f"{which} has to run once a pass, on one row an input, to give the features: "
                f"{instead}."
            )
        # Of a layer that autocasts, too: distances are differences.
        return seen.pop().to(rows.dtype), scores

    if layer is None:
        if not any(isinstance(each, nn.Linear) for each in model.modules()):
            raise ValueError(
                f"the model has no linear layer, and the features are what enters the last one: "
                f"{instead}."
            )
    else:
        own = own_layer(model, layer)
        hooks.append(own.register_forward_hook(lambda _, __, found: keep(first(found))))
    try:
        yield features
    finally:
        for hook in hooks:
            hook.remove()

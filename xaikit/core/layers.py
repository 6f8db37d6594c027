"""Find a model's layers, and the features of one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from xaikit.core.passes import outputs

Features = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From rows (n, *shape) to their features (n, F) and the model's outputs (n, classes)."""


def last_of(model: nn.Module, *kinds: type[nn.Module]) -> nn.Module | None:
    """Return the last layer of these kinds, in the order of ``model.modules()``, if any."""
    found = [module for module in model.modules() if isinstance(module, kinds)]
    return found[-1] if found else None


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
        the features are what enters the last linear layer.
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

    def keep(found: Tensor) -> None:
        # A copy: an in-place layer may follow.
        seen.append(found.flatten(1).clone())

    def features(rows: Tensor) -> tuple[Tensor, Tensor]:
        seen.clear()
        scores = outputs(model, rows)
        # Of a layer in half precision, too: distances are differences.
        if len(seen) != 1 or len(seen[0]) != len(rows):
            which = "the model's last linear layer" if layer is None else "the layer"
            raise ValueError(
                f"{which} has to run once a pass, on one row an input, to give the features: "
                f"{instead}."
            )
        return seen.pop().to(rows.dtype), scores

    if layer is None:
        linear = last_of(model, nn.Linear)
        if linear is None:
            raise ValueError(
                f"the model has no linear layer, and the features are what enters the last one: "
                f"{instead}."
            )
        hook = linear.register_forward_pre_hook(lambda _, given: keep(given[0]))
    else:
        hook = own_layer(model, layer).register_forward_hook(
            lambda _, __, found: keep(first(found))
        )
    try:
        yield features
    finally:
        hook.remove()

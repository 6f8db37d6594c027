"""The model's pass and its slopes where autograd follows them, and what is said where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from xaikit.core.devices import beside

_SAID = (
    "support automatic differentiation",  # out=
    "is not implemented",  # a derivative
    "modified by an inplace operation",
    "view of a leaf Variable",
    "is a view and",
    "a leaf Variable that requires grad",
    "autograd",
)
"""What torch says where it cannot follow a function."""


@contextmanager
def following() -> Iterator[None]:
    """Say in a sentence where autograd cannot follow the model inside the block."""
    try:
        yield
    except RuntimeError as error:
        if "torch.utils.checkpoint" in str(error):
            raise ValueError(
                "the model is checkpointed (torch.utils.checkpoint) with use_reentrant=True, which "
                "gives no gradients of inputs: take use_reentrant=False, or switch checkpointing "
                "off."
            ) from error
        if not any(each in str(error) for each in _SAID):
            raise
        said = str(error).strip().splitlines()[0].rstrip(".")
        raise ValueError(
            f"autograd cannot follow the model ({said}): rewrite that part, or take a method that "
            f"needs outputs only (lime, occlusion)."
        ) from error


def passed(module: Callable[[Tensor], Any], x: Tensor) -> Any:
    """Return what a module makes of a tensor: the one door to all that is not ours.

    It gets a copy, because it may work in place on what it is given, or keep it. Where autograd has
    to follow it, a model that cannot be followed, or not rightly, is said.
    """
    given = x.clone()
    source = given.grad_fn
    if source is None:
        with beside(given):
            return module(given)
    with following(), beside(given):
        found = module(given)
    if given.grad_fn is source and bool(((given != x) & (x == x)).any()):
        raise ValueError(
            "the model overwrites its inputs where autograd does not see it (x.data, x.detach(), "
            "torch.no_grad()), so its slopes would be wrong: let it make a new tensor."
        )
    return found


def followed(scores: Tensor, so: str) -> Tensor:
    """Return the outputs if autograd can follow them back to the inputs, or say what then."""
    if not scores.requires_grad:
        raise ValueError(
            f"the model's outputs do not depend differentiably on its inputs: it detaches, rounds "
            f"or converts them, so {so}."
        )
    return scores


def transformed(value: Tensor) -> bool:
    """Return whether vmap or torch.func.grad holds the tensor: its graph is another one."""
    held: bool = torch._C._functorch.is_functorch_wrapped_tensor(value)
    return held


def slope(total: Tensor, source: Tensor, retain: bool = False) -> Tensor:
    """Return the gradient of a sum, zero where nothing depends on the source.

    ``retain`` keeps the graph for another backward pass.
    """
    with following():
        (found,) = torch.autograd.grad(total, source, retain_graph=retain, allow_unused=True)
    return torch.zeros_like(source) if found is None else found


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in a value, in tuples, lists and mappings too."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from tensors_in(each)
    elif isinstance(value, Mapping):
        yield from tensors_in(tuple(value.values()))

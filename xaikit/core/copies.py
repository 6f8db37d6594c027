"""Copies of a model, as it is and with random weights."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

Copied = TypeVar("Copied")


def copied(what: Copied, model: nn.Module | None = None) -> Copied:
    """Return a copy of a model, or of what holds the model and refers to its modules.

    Weight normalisation and pruning by hooks keep the weights of the last pass, which torch does
    not copy as long as they are part of a graph: the copy's are apart from it.

    Raises
    ------
    ValueError
        If a module of the model cannot be copied.
    """
    model = what if isinstance(what, nn.Module) else model
    kept = [
        value
        for module in (model.modules() if model is not None else ())
        for value in vars(module).values()
        if isinstance(value, Tensor) and value.grad_fn is not None
    ]
    memo = {id(each): each.detach().clone() for each in kept}
    try:
        return copy.deepcopy(what, memo)
    except Exception as error:  # whatever the caller's own modules raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"the model cannot be copied (copy.deepcopy): {said.rstrip('.')}."
        ) from error


@torch.no_grad()
def randomise(module: nn.Module) -> None:
    """Give a module's own parameters fresh random values.

    It draws them itself if it has ``reset_parameters``. What it does not reach is shuffled, each
    parameter's values among themselves: those of other layers, and those from which a layer
    computes its weight in every pass (weight normalisation, pruning).
    """
    own = list(module.parameters(recurse=False))
    before = [each.clone() for each in own]
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()
    for each, was in zip(own, before, strict=True):
        if torch.equal(each, was):
            each.copy_(each.flatten()[torch.randperm(each.numel())].view_as(each))

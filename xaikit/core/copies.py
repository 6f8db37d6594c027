"""Copies of a model, as it is and with random weights."""

from __future__ import annotations

import copy
import threading
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from xaikit.core.autograd import passed
from xaikit.core.passes import frozen, unwrapped

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
        with torch.no_grad():  # of TorchScript's weights torch makes clones, part of a graph else
            made = copy.deepcopy(what, memo)
    except Exception as error:  # whatever the caller's own modules raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"the model cannot be copied (copy.deepcopy): {said.rstrip('.')}."
        ) from error
    if isinstance(what, nn.Module) and isinstance(made, nn.Module):
        for own, new in zip(what.parameters(), made.parameters(), strict=True):
            new.requires_grad_(own.requires_grad)
    return made


def expect_own_weights(model: nn.Module, inputs: Tensor) -> None:
    """Fail if the model computes with weights that are no part of it, so that no copy has its own.

    A function's closure, a global name or a plain list may hold them, a hook's function, too. One
    pass of two inputs shows which modules run, and whether outputs depend on other parameters.

    Raises
    ------
    ValueError
        In one sentence, with the kind of the weights.
    """
    model, thread = unwrapped(model), threading.get_ident()
    own = {id(each) for each in model.modules()}
    weights = {id(each) for each in (*model.parameters(), *model.buffers())}
    others: list[str] = []

    def look(module: nn.Module, _: object) -> None:
        if threading.get_ident() == thread and id(module) not in own:
            held = (*module.parameters(recurse=False), *module.buffers(recurse=False))
            if any(id(each) not in weights for each in held):
                others.append(type(module).__name__)

    # The model's own parameters are frozen: what still needs a gradient is another one.
    watch = register_module_forward_pre_hook(look)
    try:
        with frozen(model):
            found = passed(model, inputs[:2].detach())
    finally:
        watch.remove()
    if isinstance(found, Tensor) and found.requires_grad:
        others.append("nn.Parameter")
    if others:
        raise ValueError(
            f"the model computes with the weights of {others[0]}, which is no part of it "
            f"(model.modules(), model.parameters()), so a copy of the model would share them: make "
            f"it an attribute of the model (self.part = …; of a list, nn.ModuleList)."
        )


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

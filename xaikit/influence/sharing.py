"""What checkpoints share at the front of a network, such as a frozen backbone, is computed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from xaikit.core.autograd import passed
from xaikit.influence.problem import Training

State = Mapping[str, Tensor]


@torch.no_grad()
def behind_what_is_shared(problem: Training, states: Sequence[State], weights: bool) -> Training:
    """Return the problem as the back of the network sees it, if all checkpoints share a front.

    A front is what a chain of layers begins with, as far as its weights are equal in all
    checkpoints, and no longer than what leaves it needs no more memory than the examples.

    Parameters
    ----------
    problem
        What is asked.
    states
        The checkpoints.
    weights
        Whether the front may have weights: not if gradients by them are asked for.
    """
    model = problem.model
    if len(states) < 2 or not _is_a_chain(model):
        return problem
    layers = list(model.named_children())
    taken, best = problem.inputs[:2], 0
    for place, (name, layer) in enumerate(layers[:-1], start=1):
        if not _shared(name, layer, states, weights):
            break
        taken = passed(layer, taken)
        if not _fits(taken, problem.inputs[:2]):
            break
        if taken.numel() <= problem.inputs[:2].numel():
            best = place
    if best == 0:
        return problem
    front = nn.Sequential(OrderedDict(layers[:best]))
    images = torch.cat(
        [
            passed(front, problem.trained_on(rows)[0]).to(problem.images.device)
            for rows in problem.parts()
        ]
    )
    inputs = torch.cat([passed(front, each) for each in torch.split(problem.inputs, problem.chunk)])
    back = nn.Sequential(OrderedDict(layers[best:])).train(model.training)
    return replace(problem, model=back, inputs=inputs, images=images)


def _is_a_chain(model: nn.Module) -> bool:
    """Return whether a model is its layers one after the other, and does nothing beside."""
    hooks = (model._forward_hooks, model._forward_pre_hooks, model._backward_hooks)
    own = next(model.parameters(recurse=False), None), next(model.buffers(recurse=False), None)
    names = [name for name, _ in model.named_children()]  # a layer that stands there twice is once
    return (
        isinstance(model, nn.Sequential)
        and type(model).forward is nn.Sequential.forward
        and type(model).__call__ is nn.Module.__call__
        and not any(hooks)
        and own == (None, None)
        and len(names) == len(model)
    )


def _shared(name: str, layer: nn.Module, states: Sequence[State], weights: bool) -> bool:
    if not weights and next(layer.parameters(), None) is not None:
        return False
    first, *others = states
    return all(
        torch.equal(first[f"{name}.{each}"], other[f"{name}.{each}"])
        for each in layer.state_dict()
        for other in others
    )


def _fits(taken: Tensor, given: Tensor) -> bool:
    return isinstance(taken, Tensor) and len(taken) == len(given) and taken.dtype == given.dtype

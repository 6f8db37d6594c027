"""What a caller may pass: each check fails with one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from xaikit.core.options import Seed, accepted
from xaikit.core.passes import outputs
from xaikit.core.steadiness import ALONE, CURE, WHY

Named = TypeVar("Named")


def known(table: Mapping[str, Named], name: str, kind: str = "method") -> Named:
    """Return the entry of that name: a method, an attack, a detector."""
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"unknown {kind} {name!r}: choose one of {', '.join(table)}.")
    return table[name]


def count(value: Any, name: str) -> int:
    """Return a positive whole number."""
    found: int = accepted(value, int, name)
    return found


def checked_seed(seed: Any) -> int:
    """Return a seed that every generator takes: torch's, NumPy's and scikit-learn's."""
    found: int = accepted(seed, Seed, "seed")
    return found


def checked_inputs(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the inputs (N, *shape) apart from any graph, if the model can take them."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model has to be a torch.nn.Module, not {type(model).__name__}.")
    if not isinstance(inputs, Tensor):
        raise TypeError(f"inputs have to be a tensor (N, …), not {type(inputs).__name__}.")
    if not inputs.is_floating_point():
        raise TypeError(
            f"inputs have to be floating point, not {inputs.dtype}: use inputs.float()."
        )
    if inputs.ndim < 2 or inputs.numel() == 0:
        raise ValueError(
            f"inputs have to be a batch (N, …) of at least one example, but their shape is "
            f"{tuple(inputs.shape)}: a single example x goes in as x[None]."
        )
    if not inputs.isfinite().all():
        raise ValueError("inputs hold nan or infinity: no method can attribute to them.")
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise ValueError(
            "the model was made in torch.inference_mode(), where autograd cannot follow it: make "
            "or load it outside."
        )
    weight = next((p for p in model.parameters() if p.is_floating_point()), None)
    if weight is not None and weight.device != inputs.device:
        raise ValueError(
            f"the model is on {weight.device} and the inputs are on {inputs.device}: "
            f"use inputs.to({str(weight.device)!r})."
        )
    if weight is not None and weight.dtype != inputs.dtype:
        raise TypeError(
            f"the model computes in {weight.dtype} and the inputs are {inputs.dtype}: "
            f"use inputs.to({weight.dtype})."
        )
    with torch.inference_mode(False):  # a copy that a graph may save, in every mode of the caller
        return inputs.detach().clone()


def checked_unit_inputs(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the inputs (N, *shape), checked, if they lie in [0, 1]."""
    inputs = checked_inputs(model, inputs)
    if inputs.min() < 0 or inputs.max() > 1:
        raise ValueError(
            f"inputs have to lie in [0, 1], but they reach from {inputs.min():.3g} to "
            f"{inputs.max():.3g}: put the normalisation into the model."
        )
    return inputs


@torch.no_grad()
def probed(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the outputs for at most two inputs, or say that the model cannot take them."""
    try:
        return numeric(outputs(model, inputs[:2]))
    except (RuntimeError, ValueError) as error:
        if ALONE in str(error):
            raise ValueError(f"{WHY['batch']}: {CURE['batch']}.") from error
        if isinstance(error, ValueError):
            raise
        raise ValueError(
            f"the model fails on inputs of shape {tuple(inputs.shape)}: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error


def numeric(scores: Tensor) -> Tensor:
    """Return the outputs, or say that some are no numbers.

    A class of logit minus infinity is one that a model rules out: that is a number to argmax.
    """
    if not (scores < torch.inf).all():
        raise ValueError(
            "the model returns nan or infinity for these inputs: look for what divides by zero or "
            "overflows in it."
        )
    return scores


def one_each(classes: Tensor, sentence: str) -> Tensor:
    """Return classes (N, 1) as (N,); the sentence is said where there are several an input."""
    if classes.shape[1] != 1:
        raise ValueError(sentence)
    return classes.squeeze(1)


def class_count(scores: Tensor, what: str) -> int:
    """Return how many classes a model's outputs tell apart, at least the two that it needs."""
    if scores.shape[1] < 2:
        raise ValueError(f"{what} needs a model of at least two classes.")
    return scores.shape[1]


def checked_targets(targets: Any, inputs: Tensor, classes: int, name: str = "targets") -> Tensor:
    """Return the targets, or what else the classes are called, as (N, T) int64 on the device."""
    n = len(inputs)
    try:
        wanted = torch.as_tensor(targets, device=inputs.device)
    except (TypeError, ValueError, RuntimeError):
        wanted = torch.empty(0)
    if wanted.is_floating_point() or wanted.is_complex() or wanted.dtype == torch.bool:
        raise TypeError(
            f"{name} have to be classes: an int, or an integer tensor of shape ({n},) or ({n}, T)."
        )
    if wanted.ndim == 0:
        wanted = wanted.expand(n)
    if wanted.ndim == 1:
        wanted = wanted.unsqueeze(1)
    if wanted.ndim != 2 or len(wanted) != n or wanted.shape[1] == 0:
        raise ValueError(
            f"{name} have to be an int, ({n},) or ({n}, T) for {n} inputs, "
            f"but their shape is {tuple(torch.as_tensor(targets).shape)}."
        )
    outside = wanted[(wanted < 0) | (wanted >= classes)]
    if len(outside):
        raise ValueError(
            f"{name.removesuffix('s')} {int(outside[0])} is out of range: the model has classes "
            f"0 to {classes - 1}."
        )
    return wanted.to(torch.int64).clone()

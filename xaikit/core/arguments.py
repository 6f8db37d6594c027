"""What a caller may pass: each check fails with one sentence that says what to do."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from xaikit.core.passes import outputs

Named = TypeVar("Named")

NAMED = {"black": 0.0, "grey": 0.5, "white": 1.0}
"""Baselines by name, for images in [0, 1]."""


def known(table: Mapping[str, Named], name: str, kind: str = "method") -> Named:
    """Return the method, or whatever the kind is, of that name."""
    if name not in table:
        raise ValueError(f"unknown {kind} {name!r}: choose one of {', '.join(table)}.")
    return table[name]


def known_options(
    method: str,
    taken: Iterable[str],
    options: Mapping[str, Any],
    common: Iterable[str] = ("seed", "chunk"),
) -> None:
    """Fail if the method of that name does not take one of these options.

    ``common`` are the options that the call takes itself, whatever the method.
    """
    taken = tuple(taken)
    if unknown := [name for name in options if name not in taken]:
        raise TypeError(
            f"{method} takes no option {unknown[0]!r}: its options are "
            f"{', '.join((*taken, *common))}."
        )


def count(value: int, name: str) -> int:
    """Return a positive whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} has to be a whole number of at least 1, not {value!r}.")
    return value


def number(value: Any, name: str, least: float = -math.inf) -> float:
    """Return a finite number, of at least so much."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{name} has to be a finite number, not {value!r}.")
    if value < least:
        raise ValueError(f"{name} has to be a number of at least {least:g}, not {value!r}.")
    return float(value)


def checked_seed(seed: Any) -> int:
    """Return a seed that every generator takes: torch's, NumPy's and scikit-learn's."""
    try:
        whole = operator.index(seed)
    except TypeError:
        whole = -1
    if not 0 <= whole < 2**32:
        raise ValueError(f"seed has to be a whole number from 0 to 2**32 - 1, not {seed!r}.")
    return whole


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
    with torch.inference_mode(False):  # a copy that a graph may save, whatever the caller's mode
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
    except RuntimeError as error:
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
    if outside := [int(t) for t in wanted.flatten() if not 0 <= t < classes]:
        raise ValueError(
            f"{name.removesuffix('s')} {outside[0]} is out of range: the model has classes 0 to "
            f"{classes - 1}."
        )
    return wanted.to(torch.int64).clone()


def reference(
    baseline: float | Tensor | str | None, inputs: Tensor, name: str = "baseline"
) -> Tensor:
    """Return the one reference (*shape) of a baseline: zeros, a number, a name, a tensor."""
    shape = inputs.shape[1:]
    if isinstance(baseline, str):
        if baseline not in NAMED:
            raise ValueError(
                f"unknown {name} {baseline!r}: choose one of {', '.join(NAMED)}, a number or a "
                f"tensor."
            )
        baseline = NAMED[baseline]
    value = torch.as_tensor(
        0.0 if baseline is None else baseline, dtype=inputs.dtype, device=inputs.device
    ).detach()
    if value.ndim and value.shape != shape:
        raise ValueError(
            f"{name} has to be a number or a tensor of shape {tuple(shape)}, the shape of one "
            f"input; its shape is {tuple(value.shape)}."
        )
    return value.expand(shape)

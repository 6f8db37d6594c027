"""What a caller may pass: each check fails with one sentence that says what to do."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from xaikit.core.autograd import passed
from xaikit.core.options import Seed, accepted, plain
from xaikit.core.passes import class_scores, numeric
from xaikit.core.precision import HALF, range_rounding, widened
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


def checked_model(model: nn.Module) -> nn.Module:
    """Return the model, if it is one that has all its weights."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model has to be a torch.nn.Module, not {type(model).__name__}.")
    for name, each in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(each):
            raise ValueError(
                f"the model's {name} has no values yet, because its layer is lazy: run the model "
                f"once before, model(inputs[:1])."
            )
        if each.is_meta:
            raise ValueError(
                f"the model's {name} has no values, because it is on the device meta: load the "
                f"weights onto a real device, for example by model.to_empty(device='cpu') and "
                f"model.load_state_dict(…)."
            )
    if any(each.is_inference() for each in model.parameters()):
        raise ValueError(
            "the model was made in torch.inference_mode(), where autograd cannot follow it: make "
            "or load it outside."
        )
    return model


def checked_inputs(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the inputs (N, *shape) apart from any graph, if the model can take them.

    Those in half precision come back in single precision, in which :func:`~passes.frozen` lets
    the model compute.
    """
    checked_model(model)
    inputs = checked_batch(inputs)
    finite(inputs, "inputs")
    weights = [each for each in model.parameters() if each.is_floating_point()]
    if weights and weights[0].device != inputs.device:
        raise ValueError(
            f"the model is on {weights[0].device} and the inputs are on {inputs.device}: "
            f"use inputs.to({str(weights[0].device)!r})."
        )
    known = {each.dtype for each in weights}
    if known.intersection(HALF):
        known.add(torch.float32)
    if known and inputs.dtype not in known:
        raise TypeError(
            f"the model computes in {weights[0].dtype} and the inputs are {inputs.dtype}: "
            f"use inputs.to({weights[0].dtype})."
        )
    with torch.inference_mode(False):  # a copy that a graph may save, in every mode of the caller
        return widened(inputs.detach().clone())


def checked_batch(inputs: Tensor) -> Tensor:
    """Return the inputs, if they are a batch (N, *shape) of numbers."""
    if not isinstance(inputs, Tensor):
        cure = ""
        if isinstance(inputs, list | tuple) and any(isinstance(x, Tensor) for x in inputs):
            cure = (
                ": a model of several inputs has to be wrapped in one that takes a single tensor; "
                "of images of one size torch.stack makes one"
            )
        elif isinstance(inputs, np.ndarray):
            cure = ": use torch.from_numpy(inputs)"
        raise TypeError(f"inputs have to be a tensor (N, …), not {type(inputs).__name__}{cure}.")
    if inputs.layout is not torch.strided or inputs.is_meta:
        raise TypeError("inputs have to be a dense tensor with values, not a sparse or meta one.")
    if inputs.dtype == torch.uint8 and inputs.ndim == 4:
        raise TypeError(
            "inputs have to be floating point, not torch.uint8: use inputs.float() / 255, or what "
            "the model was trained with."
        )
    if not inputs.is_floating_point():
        raise TypeError(
            f"inputs have to be floating point, not {inputs.dtype}: use inputs.float(); where they "
            f"are tokens, explain(…, layer=) explains what an embedding makes of them."
        )
    if inputs.ndim < 2 or inputs.numel() == 0:
        raise ValueError(
            f"inputs have to be a batch (N, …) of at least one example, but their shape is "
            f"{tuple(inputs.shape)}: a single example x goes in as x[None]."
        )
    return inputs


def finite(values: Tensor, name: str) -> Tensor:
    """Return the values, or say where the first one is nan or infinite."""
    if not (bad := ~values.isfinite()).any():
        return values
    place = bad.nonzero()[0].tolist()
    where = f", first at [{', '.join(map(str, place))}]" if place else ""
    verb = "hold" if name.endswith("s") else "holds"
    raise ValueError(
        f"{name} {verb} nan or infinity ({int(bad.sum())} of {values.numel()} values{where}): "
        f"replace what is no number."
    )


def checked_unit_inputs(model: nn.Module, inputs: Tensor, name: str = "inputs") -> Tensor:
    """Return the inputs (N, *shape), checked, if they lie in [0, 1]."""
    dtype = getattr(inputs, "dtype", torch.float32)
    return unit(checked_inputs(model, inputs), name, "put the normalisation into the model", dtype)


def unit(values: Tensor, name: str, cure: str, dtype: torch.dtype | None = None) -> Tensor:
    """Return the values clamped to [0, 1], or say that more than rounding takes them out of it.

    ``dtype`` is the one whose rounding is meant, the values' own by default.
    """
    least, most = float(values.min()), float(values.max())
    spare = range_rounding(dtype or values.dtype)
    if not -spare <= least <= most <= 1 + spare:  # nan is neither
        raise ValueError(
            f"{name} have to lie in [0, 1], but they reach from {least:.3g} to {most:.3g}: {cure}."
        )
    return values if least >= 0 and most <= 1 else values.clamp(0, 1)


@torch.no_grad()
def probed(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the outputs for at most two inputs, or say that the model cannot take them."""
    try:
        scores = passed(model, inputs[:2])
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        if ALONE in str(error):
            raise ValueError(f"{WHY['batch']}: {CURE['batch']}.") from error
        raise ValueError(_failure(model, inputs, error)) from error
    return numeric(class_scores(scores, inputs[:2]))


def _failure(model: nn.Module, inputs: Tensor, error: Exception) -> str:
    """Return what to say of a model that does not run."""
    shape = tuple(inputs.shape)
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    try:
        inspect.signature(model.forward).bind(inputs)
    except TypeError as lacking:
        return (
            f"the model cannot be called with one tensor ({lacking}): wrap it in a module whose "
            f"forward takes the inputs of shape {shape} alone and supplies the rest."
        )
    except ValueError:
        pass  # it has no signature to be read
    if any(f"{kind}" in said for kind in ("Half", "BFloat16", "c10::Half")):
        said += (
            ": methods compute in single precision, so let the model convert nothing to half of it"
        )
    return f"the model fails on inputs of shape {shape}: {said}"


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


def _plainly(values: Any) -> Any:
    """Return lists with their scalars as Python's: torch takes none of NumPy's arrays."""
    return [*map(_plainly, values)] if isinstance(values, list | tuple) else plain(values)


def checked_targets(targets: Any, inputs: Tensor, classes: int, name: str = "targets") -> Tensor:
    """Return the targets, or what else the classes are called, as (N, T) int64 on the device."""
    n = len(inputs)
    try:
        wanted = torch.as_tensor(_plainly(targets), device=inputs.device)
    except (TypeError, ValueError, RuntimeError):
        wanted = torch.empty(0)
    if wanted.is_floating_point() or wanted.is_complex() or wanted.dtype == torch.bool:
        raise TypeError(
            f"{name} have to be classes: an int, or an integer tensor of shape ({n},) or ({n}, T)."
        )
    if classes == 1 and wanted.numel() and (wanted == 1).any():
        raise ValueError(
            f"{name.removesuffix('s')} 1 is out of range: the model has one output, {name} 0; of a "
            f"classifier of one logit, xaikit.core.logits.TwoClasses(model) has classes 0 and 1."
        )
    wanted = wanted.to(torch.int64)  # NumPy's unsigned ones cannot be compared
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
    return wanted.clone()

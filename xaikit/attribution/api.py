"""Which inputs mattered? One call for every method."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.attribution import backends  # noqa: F401 (imported for their registration)
from xaikit.attribution.explanation import Explanation
from xaikit.attribution.registry import METHODS, Method
from xaikit.attribution.tokens import are_tokens, explain_tokens
from xaikit.core.arguments import (
    checked_inputs,
    checked_seed,
    checked_targets,
    count,
    known,
    probed,
)
from xaikit.core.cuts import expect_whole
from xaikit.core.devices import own_devices
from xaikit.core.logits import end_of
from xaikit.core.passes import (
    channels_last,
    elapsed,
    every_output,
    frozen,
    unwrapped,
)
from xaikit.core.precision import HalfSeen
from xaikit.core.problem import Problem
from xaikit.core.registry import listing
from xaikit.core.said import warn
from xaikit.core.steadiness import Cause, expect_steady

_TO_A_LAYER = ("grad_cam",)
"""Methods that follow gradients no further than to a layer: what is cut before it is no matter."""
_PAIRED = ("deeplift", "deep_shap")
"""Methods that compare two passes, activation by activation."""

_PROBABILITIES = {
    "softmax": "the model returns probabilities: their gradients vanish where the network is "
    "sure, and mix the evidence for all classes; explain its logits (the model without the "
    "softmax) to see each class's own evidence.",
    "sigmoid": "the model returns probabilities: their gradients vanish where the network is "
    "sure; explain its logits (the model without the sigmoid) to see the evidence there, too.",
    "log_softmax": "the model returns probabilities, as logarithms: they mix the evidence for all "
    "classes; explain its logits (the model without the log-softmax) to see each class's own "
    "evidence.",
    "other": "the model returns probabilities, or what it makes of them: their gradients vanish "
    "where the network is sure; explain its logits (what enters its softmax or sigmoid) to see the "
    "evidence there, too.",
}


@own_devices
@listing(METHODS)
def explain(
    model: nn.Module,
    inputs: Tensor,
    targets: int | Sequence[int] | Tensor,
    method: str = "integrated_gradients",
    *,
    backend: str = "native",
    seed: int = 0,
    chunk: int = 128,
    **options: Any,
) -> Explanation:
    """Attribute the model's outputs for some classes to its inputs.

    All targets of an input share its forward passes, noise and masks. The model is explained in
    evaluation mode and handed back as it came: mode, hooks, ``requires_grad`` and ``.grad``. It may
    work in place: it gets copies. What torch.compile or data parallelism wraps is explained itself.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes); logits, unless probabilities are what you ask about.
    inputs
        (N, *shape) of any shape, floating point, on the model's device. A model and inputs in half
        precision (float16, bfloat16) are explained in single precision, also under autocast, and
        the attributions rounded. Of tokens, whole numbers, what a layer makes of them is explained:
        ``layer=model.embedding``; attributions are (N, T, *shape) of that layer's outputs.
    targets
        The class or classes to explain: an int for all inputs, (N,) or (N, T).
    method
        One of these, with its options; :func:`methods` tells what each needs, costs and assumes.

        {methods}
    backend
        What computes it: ``"native"``, this package, or a library by its own code: ``"captum"``,
        ``"shap"``, ``"lime"``, ``"zennit"``, as far as it has the method (see
        :attr:`Method.backends`) and is installed. Options, shapes and the model's state are the
        same; where methods draw at random, the draws differ. A model for which the library is
        known to be wrong is refused.
    seed
        Same seed, same bytes: on one device, with one thread count and one chunk size.
    chunk
        How many examples pass the model at once: the memory bound.
    **options
        The method's own; ``help("xaikit.attribution.lime")``, say, documents them. A name means
        the same everywhere: ``baseline`` is what an absent feature shows (see
        :data:`xaikit.core.references.Baseline`), ``background`` reference inputs (B, *shape),
        ``segments`` superpixels (see :func:`xaikit.attribution.superpixels`).

    Returns
    -------
    Explanation
        ``.attributions`` (N, T, *shape), ``.targets`` (N, T), ``.convergence_delta`` (N, T) or
        None, ``.method``, ``.seconds``, ``.details``, ``.options``.

    Raises
    ------
    ValueError, TypeError
        In one sentence: an unknown method or option, an option of the wrong kind, targets out of
        range, shapes that do not fit, a model that the method cannot explain: it has functions
        that the method does not know, or hides them in TorchScript or a torch.autograd.Function;
        its outputs for an input depend on the rest of the batch.

    Warns
    -----
    UserWarning
        Where slopes of probabilities are explained, the outputs change from call to call, or
        no gradient reaches the inputs from a layer that the outputs use.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 2, bias=False)).double()
    >>> _ = nn.init.ones_(model[0].weight)
    >>> explain(model, torch.ones(1, 3).double(), 0, "gradient").attributions
    tensor([[[1., 1., 1.]]], dtype=torch.float64)
    """
    start = time.perf_counter()
    if are_tokens(inputs) and "layer" in options:
        layer, common = options.pop("layer"), {"backend": backend, "seed": seed, "chunk": chunk}
        settings = {"method": method, **common, **options}
        return explain_tokens(explain, model, inputs, targets, layer, settings)
    chosen = known(METHODS, method).by(backend)
    options = chosen.checked(options)
    chunk, seed = count(chunk, "chunk"), checked_seed(seed)
    model = unwrapped(model)
    given, inputs = inputs, checked_inputs(model, inputs)
    with frozen(model), channels_last(model, inputs) as other:
        with HalfSeen() as seen:
            probe = probed(model, inputs)
        if chosen.based_on == "relevance" and seen.found is not None:
            raise ValueError(
                f"{method} compares what layers compute, for which {seen.found} is too coarse, "
                f"and the model converts to it by itself: take autocast or the conversion out of "
                f"the model, or use integrated_gradients."
            )
        refused: tuple[Cause, ...] = ("batch", "chance") if method in _PAIRED else ("batch",)
        expect_steady(model, inputs, probe, other, f"what {method} finds", refused)
        if chosen.based_on in ("gradient", "relevance") and (end := end_of(model, inputs, probe)):
            read = end.seen or end.kind in ("softmax", "log_softmax")
            warn(_PROBABILITIES[end.kind if read else "other"])
        if chosen.based_on == "gradient" and method not in _TO_A_LAYER:
            expect_whole(model, inputs, f"what {method} finds")
        wanted = checked_targets(targets, inputs, probe.shape[1])
        problem = Problem(model, inputs, wanted, seed=seed, chunk=chunk)
        attributions, delta, details = chosen.function(problem, **options)
    _expect_numbers(attributions, wanted)
    return Explanation(
        _as_given(attributions, given.dtype),
        wanted,
        delta,
        method,
        elapsed(start, inputs),
        MappingProxyType({**details}),
        MappingProxyType({**options, "backend": backend, "seed": seed, "chunk": chunk}),
    )


def _expect_numbers(attributions: Tensor, targets: Tensor) -> None:
    """Fail where a map holds a nan or infinity, and say whose map it is."""
    if not (bad := ~attributions.isfinite().flatten(2).all(2)).any():
        return
    image, column = bad.nonzero()[0].tolist()
    raise ValueError(
        f"the map of input {image} for target {int(targets[image, column])} would hold nan or "
        f"infinity: there the model's outputs or slopes are no numbers; look for a root, a "
        f"logarithm or a division at zero, or for what overflows in it."
    )


def _as_given(attributions: Tensor, dtype: torch.dtype) -> Tensor:
    """Return attributions in the inputs' precision, if it reaches that far."""
    largest = float(attributions.abs().max())
    if largest > torch.finfo(dtype).max:
        raise ValueError(
            f"attributions reach {largest:.3g}, which {dtype} cannot hold: explain the model and "
            f"the inputs in single precision, model.float() and inputs.float()."
        )
    return attributions.to(dtype)


def methods() -> list[Method]:
    """List the methods of :func:`explain`: on gradients, relevance, perturbations, examples.

    Examples
    --------
    >>> from xaikit import methods
    >>> [each.name for each in methods() if each.based_on == "relevance"]
    ['deep_shap', 'deep_taylor', 'deeplift', 'lrp']
    """
    basis = ("gradient", "relevance", "perturbation", "example")
    return sorted(METHODS.values(), key=lambda each: (basis.index(each.based_on), each.name))


@own_devices
def targets_of_interest(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """Return each input's true, most likely, second most likely and least likely class.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes), two classes at least.
    inputs
        (N, *shape).
    labels
        (N,) true classes.

    Returns
    -------
    torch.Tensor
        (N, 4) int64, on the inputs' device. Of equal outputs the lower class counts as likelier.

    Examples
    --------
    >>> import torch
    >>> from xaikit import targets_of_interest
    >>> model = torch.nn.Identity()  # four inputs, which are the outputs
    >>> targets_of_interest(model, torch.tensor([[0.1, 0.7, 0.2, 0.4]]), torch.tensor([2]))
    tensor([[2, 1, 3, 0]])
    """
    inputs = checked_inputs(model, inputs)
    with frozen(model), channels_last(model, inputs), torch.no_grad():
        classes = probed(model, inputs).shape[1]
        true = checked_targets(labels, inputs, classes, "labels")
        if true.shape[1] != 1 or classes < 2:
            raise ValueError(
                "targets of interest need one label an input, (N,), and at least two classes."
            )
        scores = every_output(model, inputs, 128)
    ranked = scores.argsort(dim=1, descending=True, stable=True)
    return torch.cat([true, ranked[:, [0, 1, -1]]], dim=1)

"""Which training examples made the model answer as it does? One call for every method."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from xaikit.core.arguments import checked_inputs, checked_model, checked_seed, count, known, probed
from xaikit.core.copies import copied, expect_own_weights
from xaikit.core.devices import own_devices
from xaikit.core.logits import logits_of
from xaikit.core.passes import elapsed, frozen, trial, unwrapped
from xaikit.core.precision import widened
from xaikit.core.registry import listing
from xaikit.core.steadiness import expect_steady
from xaikit.influence.memory import expect_room
from xaikit.influence.problem import (
    Loss,
    Training,
    checked_training,
    classes_of,
    cross_entropy,
    expect_finite,
    expect_losses,
    numbers_of,
)
from xaikit.influence.registry import METHODS, Found, InfluenceMethod
from xaikit.influence.result import Influence

# Imported for their registration, in the order of the table.
# isort: off
from xaikit.influence import gradients, influence_functions  # noqa: F401
from xaikit.influence import features, leave_one_out, trak, captum  # noqa: F401
# isort: on


@own_devices
@listing(METHODS)
def influence(
    model: nn.Module,
    inputs: Tensor,
    labels: Any,
    training: Any,
    method: str = "tracin",
    *,
    loss: Literal["cross_entropy"] | Callable[[Tensor, Tensor], Tensor] = "cross_entropy",
    backend: str = "native",
    seed: int = 0,
    chunk: int = 128,
    dtype: torch.dtype | None = None,
    **options: Any,
) -> Influence:
    """Say how much each training example counts for the model's loss on each asked one.

    A copy of the model is asked, in evaluation mode; the model itself stays as it is.

    Parameters
    ----------
    model
        Maps (n, *shape) to (n, classes); logits. Of a softmax or sigmoid at its end, what enters
        that is taken.
    inputs
        (M, *shape), floating point, on the model's device: the examples that are asked about.
    labels
        (M,) their classes: the true ones, or predicted ones to ask why the model says so.
    training
        What the model was trained on: a data set with ``.images`` (N, *shape) and ``.labels``
        (N,), or a pair of these. Of a data set of torch's,
        ``next(iter(DataLoader(data, batch_size=len(data))))`` is the pair.
    method
        One of these, with its options; :func:`xaikit.influence_methods` tells what each needs.

        {methods}
    loss
        What was minimised: ``"cross_entropy"``, or a function of outputs (n, K) and labels (n, …)
        that returns a loss for each example (n,).
    backend
        What computes it: ``"native"``, this package, or ``"captum"`` where captum has the method.
    seed
        Same seed, same bytes: on one device, with one thread count and one chunk size.
    chunk
        How many examples pass the model at once: the memory bound.
    dtype
        In which precision is computed: ``torch.float32`` or ``torch.float64``; default: the
        model's own, but at least single precision.
    **options
        The method's own: ``help("xaikit.influence.gradients")``, say, documents them. A name means
        the same everywhere: ``layers`` is ``"last"`` (the last linear layer) or ``"all"``;
        ``checkpoints`` are state dicts or paths, of floating point numbers in any precision, with
        one of the ``learning_rates`` each;
        ``damping`` is added to the Hessian of the mean loss.

    Returns
    -------
    Influence
        ``.scores`` (M, N), positive where training on the example lowers the asked one's loss (a
        *proponent*); ``.top(k)``, ``.bottom(k)``, ``.method``, ``.seconds``, ``.details``.

    Raises
    ------
    ValueError, TypeError
        In one sentence: an unknown method or option, an option of the wrong kind, a training set
        without labels, labels out of range, a model without a linear layer, checkpoints of another
        architecture, scores that do not fit into memory.

    Examples
    --------
    >>> from xaikit.influence import study
    >>> here = study()
    >>> found = influence(here.network, here.test.images[:2], here.test.labels[:2], here.training)
    >>> found.scores.shape, found.top(3).shape
    (torch.Size([2, 1000]), torch.Size([2, 3]))
    """
    start = time.perf_counter()
    chosen = known(METHODS, method).by(backend)
    images, image_labels = checked_training(training)
    if isinstance(inputs, Tensor) and inputs.ndim > 1 and len(inputs):
        _expect_scores(len(inputs), images, dtype or inputs.dtype, inputs.device)
    inputs = checked_inputs(model, inputs)
    if labels is None:
        raise TypeError("labels have to be given: the true classes, or those to ask about.")
    found = _asked(
        chosen, model, (inputs, labels), (images, image_labels), loss, seed, chunk, dtype, options
    )
    return Influence(
        found.scores, method, elapsed(start, inputs), MappingProxyType({**found.details})
    )


@own_devices
@listing(METHODS)
def self_influence(
    model: nn.Module,
    training: Any,
    method: str = "tracin",
    *,
    loss: Literal["cross_entropy"] | Callable[[Tensor, Tensor], Tensor] = "cross_entropy",
    backend: str = "native",
    seed: int = 0,
    chunk: int = 128,
    dtype: torch.dtype | None = None,
    **options: Any,
) -> Tensor:
    """Return how much each training example counts for the model's loss on itself, (N,).

    Large where the example alone made the model learn it: it is unusual, or its label is wrong
    (Pruthi et al. 2020). Never (N, N) numbers.

    Parameters
    ----------
    model, training, loss, backend, seed, chunk, dtype, **options
        As in :func:`xaikit.influence`.
    method
        One of these, but for ``grad_cos`` and ``exemplar``, by which every example is as near to
        itself as can be.

        {methods}

    Examples
    --------
    >>> import torch
    >>> from xaikit import self_influence
    >>> model = torch.nn.Linear(1, 2, bias=False)
    >>> _ = torch.nn.init.constant_(model.weight, 0.0)
    >>> training = torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1])
    >>> self_influence(model, training, "grad_dot")  # grows with the input's square
    tensor([0.5000, 2.0000])
    """
    chosen = known(METHODS, method)
    if not chosen.of_itself:
        others = ", ".join(name for name, each in METHODS.items() if each.of_itself)
        raise ValueError(
            f"{method} gives every example the same influence on itself: choose one of {others}."
        )
    images, labels = checked_training(training)
    checked_model(model)
    device = next((each.device for each in model.parameters()), images.device)
    first = next((each.dtype for each in model.parameters() if each.is_floating_point()), None)
    some = checked_inputs(model, images[:2].to(device, first))
    return _asked(
        chosen.by(backend), model, (some, None), (images, labels), loss, seed, chunk, dtype, options
    ).scores


@torch.inference_mode(False)  # slopes by weights are needed in every mode of the caller
def _asked(
    chosen: InfluenceMethod,
    model: nn.Module,
    asked: tuple[Tensor, Any],
    training: tuple[Tensor, Tensor],
    loss: Any,
    seed: Any,
    chunk: Any,
    dtype: Any,
    options: dict[str, Any],
) -> Found:
    """Check what was given, and let the method find the scores; without labels, of itself."""
    inputs, (images, image_labels) = asked[0], training
    options = chosen.checked(options, ("loss", "backend", "seed", "chunk", "dtype"))
    chunk, seed = count(chunk, "chunk"), checked_seed(seed)
    by_class = isinstance(loss, str) and loss == "cross_entropy"
    if not by_class and not callable(loss):
        raise ValueError(
            'loss has to be "cross_entropy" or a function of outputs (n, K) and labels that '
            "returns (n,) losses."
        )
    if dtype not in (None, torch.float32, torch.float64):
        raise ValueError(f"dtype has to be torch.float32 or torch.float64, not {dtype!r}.")
    if images.shape[1:] == inputs.shape:
        raise ValueError(
            f"inputs have to be a batch (M, *shape), but they have the shape of one training "
            f"image, {tuple(inputs.shape)}: a single example x goes in as x[None]."
        )
    if images.shape[1:] != inputs.shape[1:]:
        raise ValueError(
            f"the training images have shape {tuple(images.shape[1:])} each, but the inputs "
            f"{tuple(inputs.shape[1:])}: give the data that the model was trained with."
        )
    expect_finite(images, 1024)
    model = copied(unwrapped(checked_model(model)))
    if dtype is not None:
        model, inputs = model.to(dtype), inputs.to(dtype)
    with frozen(model):
        inputs = widened(inputs)
        scores = probed(model, inputs)
        expect_own_weights(model, inputs)
        other = trial(model, inputs)
        expect_steady(model, inputs, scores, other, "an influence", ("batch", "chance"))
        if by_class:
            model = logits_of(model, inputs, scores, "influence")
            classes = scores.shape[1]
            theirs = classes_of(image_labels, images, classes, "training labels")
            ours = theirs[: len(inputs)].to(inputs.device)
            if asked[1] is not None:
                ours = classes_of(asked[1], inputs, classes, "labels")
            function: Loss = cross_entropy
        else:
            function = loss
            theirs = numbers_of(image_labels, images, "training labels")
            given = theirs[: len(inputs)] if asked[1] is None else asked[1]
            ours = numbers_of(given, inputs, "labels").to(inputs.device)
            ours = ours.to(inputs.dtype) if ours.is_floating_point() else ours
            expect_losses(function, scores, ours[: len(scores)])
        problem = Training(
            model,
            inputs,
            ours,
            images,
            theirs,
            function,
            seed=seed,
            chunk=chunk,
            by_class=by_class,
            itself=asked[1] is None,
        )
        found: Found = chosen.function(problem, **options)
    if not found.scores.sum().isfinite() and not found.scores.isfinite().all():
        raise ValueError(
            "the scores would hold nan or infinity: the model's losses or slopes are no numbers "
            "for some training examples; look for what overflows in it, or use dtype=torch.float64."
        )
    return _detached(found)


def _detached(found: Found) -> Found:
    """Return what was found apart from any graph."""
    details = {name: each.detach() for name, each in found.details.items()}
    return Found(found.scores.detach(), details)


def _expect_scores(asked: int, images: Tensor, dtype: Any, device: torch.device) -> None:
    if not isinstance(dtype, torch.dtype):
        return  # said later
    expect_room(
        asked * len(images),
        dtype if dtype in (torch.float32, torch.float64) else torch.float32,
        device,
        f"the scores ({asked}, {len(images)})",
        "ask about fewer inputs at a time (rows do not depend on each other)"
        + ", or take dtype=torch.float32" * (dtype == torch.float64),
    )

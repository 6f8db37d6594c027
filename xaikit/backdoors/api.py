"""Was the model tampered with? One call for every method."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.backdoors.activation_clustering import activation_clustering
from xaikit.backdoors.detection import Detection
from xaikit.backdoors.neural_cleanse import neural_cleanse
from xaikit.backdoors.spectral_signatures import spectral_signatures
from xaikit.backdoors.spray import spray
from xaikit.backdoors.suspicion import Suspicion, suspicious_inputs
from xaikit.core.arguments import (
    checked_seed,
    checked_targets,
    count,
    known,
    known_options,
    number,
    probed,
)
from xaikit.core.passes import borrowed
from xaikit.core.registry import options_of

METHODS: dict[str, Callable[..., Detection]] = {
    "neural_cleanse": neural_cleanse,
    "spray": spray,
    "activation_clustering": activation_clustering,
    "spectral_signatures": spectral_signatures,
}
"""Every method by its name."""


def detect(
    model: nn.Module,
    inputs: Tensor | None = None,
    labels: Sequence[int] | Tensor | None = None,
    method: str = "neural_cleanse",
    *,
    seed: int = 0,
    chunk: int = 128,
    **options: Any,
) -> Detection:
    """Look for a backdoor: inputs with a trigger that are all taken for one class.

    The model is examined in eval mode and handed back as it came.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes); logits.
    inputs
        (N, *shape), floating point, in [0, 1], on the model's device. ``"neural_cleanse"`` takes
        clean inputs, by default 20 test images a class of the data set that the model's card
        names; the others take the training data under suspicion.
    labels
        (N,) the labels that the training data came with; ``"neural_cleanse"`` needs none.
    method
        ``"neural_cleanse"``, ``"spray"``, ``"activation_clustering"`` or
        ``"spectral_signatures"``.
    seed
        Same seed, same bytes: on one device, with one thread count and one chunk size.
    chunk
        How many examples pass the model at once: the memory bound.
    **options
        The method's own: ``help("xaikit.backdoors.neural_cleanse")``, say, documents them.

    Returns
    -------
    Detection
        ``.flagged``, ``.target``, ``.score`` (classes,), ``.example_score`` and ``.suspects``
        (N,) for the methods that judge examples, ``.evidence``, ``.explanation``, ``.seconds``.

    Raises
    ------
    ValueError, TypeError
        In one sentence: an unknown method or option, inputs outside [0, 1], labels that are
        missing or out of range, a seed or threshold that is none, a model whose outputs are no
        numbers.
    """
    start = time.perf_counter()
    chosen = known(METHODS, method)
    known_options(method, options_of(chosen), options)
    count(chunk, "chunk")
    seed = checked_seed(seed)
    if "threshold" in options:
        options["threshold"] = number(options["threshold"], "threshold")
    inputs = suspicious_inputs(model, inputs, seed)
    with borrowed(model):
        classes = probed(model, inputs).shape[1]
        if classes < 2:
            raise ValueError("a backdoor needs a model of at least two classes.")
        given = None
        if labels is not None:
            given = _one_each(checked_targets(labels, inputs, classes, "labels"))
        found = chosen(Suspicion(model, inputs, given, classes, seed, chunk), **options)
    if inputs.is_cuda:
        torch.cuda.synchronize(inputs.device)
    return replace(found, method=method, seconds=time.perf_counter() - start)


def _one_each(labels: Tensor) -> Tensor:
    if labels.shape[1] != 1:
        raise ValueError("a backdoor is looked for with one label an input, labels of shape (N,).")
    return labels.squeeze(1)

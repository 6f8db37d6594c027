"""Was the model tampered with? One call for every method."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from xaikit.backdoors.detection import Detection
from xaikit.backdoors.registry import METHODS
from xaikit.backdoors.suspicion import Suspicion, suspicious_inputs
from xaikit.core.arguments import (
    checked_seed,
    checked_targets,
    class_count,
    count,
    known,
    one_each,
    probed,
)
from xaikit.core.cuts import expect_whole
from xaikit.core.devices import own_devices
from xaikit.core.logits import logits_of
from xaikit.core.passes import elapsed, frozen, trial
from xaikit.core.registry import listing
from xaikit.core.steadiness import expect_steady

# Imported for their registration, in the order of the table.
# isort: off
from xaikit.backdoors import neural_cleanse, mm_bd  # noqa: F401
from xaikit.backdoors import spray, activation_clustering, spectral_signatures  # noqa: F401
# isort: on


@own_devices
@listing(METHODS)
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

    The model is examined in evaluation mode and handed back as it came.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes); logits. Of a softmax or sigmoid at its end, what enters
        that is taken.
    inputs
        (N, *shape), floating point, in [0, 1], on the model's device: the training data under
        suspicion, or, for a method that needs clean data, clean inputs; by default 20 test images
        a class of the data set that the model's card names.
    labels
        (N,) the labels that the training data came with, for methods that need labels.
    method
        One of these, with its options; :func:`xaikit.detection_methods` tells what each needs.

        {methods}
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
        In one sentence: an unknown method or option, an option of the wrong kind, inputs outside
        [0, 1], labels that are missing or out of range, a model whose outputs are no numbers.

    Examples
    --------
    >>> import torch
    >>> from xaikit import detect
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 4, bias=False))
    >>> _ = torch.nn.init.ones_(network[1].weight)  # no class is preferred
    >>> detect(network, torch.rand(8, 1, 4, 4), method="mm_bd", steps=2).flagged
    False
    """
    start = time.perf_counter()
    chosen = known(METHODS, method)
    options = chosen.checked(options)
    chunk, seed = count(chunk, "chunk"), checked_seed(seed)
    inputs = suspicious_inputs(model, inputs, seed)
    with frozen(model):
        scores = probed(model, inputs)
        classes = class_count(scores, "a backdoor")
        expect_steady(model, inputs, scores, trial(model, inputs), "what the detector finds")
        model = logits_of(model, inputs, scores, "the detector")
        if "gradients" in chosen.needs:
            expect_whole(model, inputs, "what the detector finds")
        given = None
        if labels is not None:
            given = one_each(
                checked_targets(labels, inputs, classes, "labels"),
                "a backdoor is looked for with one label an input, labels of shape (N,).",
            )
        suspicion = Suspicion(model, inputs, given, classes, seed=seed, chunk=chunk)
        found: Detection = chosen.function(suspicion, **options)
    return replace(found, method=method, seconds=elapsed(start, inputs))

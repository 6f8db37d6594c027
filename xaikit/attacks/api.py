"""Can the prediction be moved? One call for every attack."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from xaikit.attacks.goal import Goal
from xaikit.attacks.registry import METHODS
from xaikit.attacks.result import Attack
from xaikit.core.arguments import (
    checked_seed,
    checked_targets,
    checked_unit_inputs,
    count,
    known,
    one_each,
)
from xaikit.core.cuts import expect_whole
from xaikit.core.devices import own_devices
from xaikit.core.passes import elapsed, every_output, numeric, still
from xaikit.core.registry import Entry, listing
from xaikit.core.searched import searched

# Imported for their registration, in the order of the table.
# isort: off
from xaikit.attacks import fgsm, pgd, apgd, patch, universal  # noqa: F401
# isort: on


@own_devices
@listing(METHODS)
def attack(
    model: nn.Module,
    inputs: Tensor,
    labels: int | Sequence[int] | Tensor,
    method: str = "pgd",
    *,
    targets: int | Sequence[int] | Tensor | None = None,
    seed: int = 0,
    chunk: int = 128,
    **options: Any,
) -> Attack:
    """Change inputs so that the model predicts something else, or a class of your choice.

    The model is attacked in evaluation mode and handed back as it came.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes); logits. Of a softmax or sigmoid at its end, what enters
        that is taken.
    inputs
        (N, *shape), floating point, in [0, 1], on the model's device.
    labels
        The true classes: an int for all inputs, or (N,). A model of one logit has the classes 0 and
        1, by the logit's sign.
    method
        One of these, with its options; :func:`xaikit.attack_methods` tells what each needs.

        {methods}
    targets
        The classes to be predicted instead: an int or (N,). By default any but the label will do.
        Where the target is the label, the model need only be right: leave such inputs out.
    seed
        Same seed, same bytes: on one device, with one thread count and one chunk size.
    chunk
        How many examples pass the model at once: the memory bound.
    **options
        The method's own; ``help("xaikit.attacks.patch")``, say, documents them.

    Returns
    -------
    Attack
        ``.adversarial`` (N, *shape), ``.success`` (N,), ``.predicted`` (N,), ``.mask``,
        ``.distance`` (N,), ``.seconds``.

    Raises
    ------
    ValueError, TypeError
        In one sentence: an unknown method or option, an option of the wrong kind, classes out of
        range, inputs outside [0, 1], a model whose outputs are no numbers or do not depend on its
        inputs differentiably.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from xaikit import attack
    >>> model = nn.Linear(2, 2, bias=False).double()
    >>> _ = nn.init.eye_(model.weight)  # the larger input wins
    >>> attack(model, torch.tensor([[0.6, 0.5]]).double(), 0, "fgsm", epsilon=0.1).predicted
    tensor([1])
    """
    start = time.perf_counter()
    chosen, options = _known(method, options)
    chunk, seed = count(chunk, "chunk"), checked_seed(seed)
    given, inputs = inputs, checked_unit_inputs(model, inputs)
    words = {"made": "an attack", "reached": "what the attack reaches"}
    norm = str(options.get("norm", "inf")) if method in ("fgsm", "pgd", "apgd") else "2"
    if norm == "inf" and (epsilon := options["epsilon"]) > 1:
        raise ValueError(
            f"epsilon {epsilon:g} is more than the whole range of pixels, [0, 1]: of grey values "
            f"from 0 to 255 give epsilon / 255."
        )
    with searched(model, inputs, given.dtype, "the attack", **words) as (model, classes):
        true = _one_each(checked_targets(labels, inputs, classes, "labels"), "labels")
        wanted = None
        if targets is not None:
            wanted = _one_each(checked_targets(targets, inputs, classes), "targets")
        expect_whole(model, inputs, "what the attack reaches")
        goal = Goal(model, inputs, true, wanted, seed=seed, chunk=chunk)
        adversarial, mask = chosen.function(goal, **options)
        adversarial = adversarial.to(given.dtype)
    with still(model):
        predicted = numeric(every_output(model, adversarial, chunk)).argmax(1)
    change = (adversarial.to(inputs) - inputs).flatten(1)
    distance = change.norm(dim=1) if norm == "2" else change.abs().amax(1)
    success = predicted != true if wanted is None else predicted == wanted
    seconds = elapsed(start, inputs)
    return Attack(adversarial, success, predicted, mask, distance, norm, method, seconds)


def _known(method: str, options: dict[str, Any]) -> tuple[Entry, dict[str, Any]]:
    """Return the attack of that name and its options, if it has all that it needs."""
    chosen = known(METHODS, method, "attack")
    options = chosen.checked(options, ("targets", "seed", "chunk"))
    for name, parameter in inspect.signature(chosen.function).parameters.items():
        needed = parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
        if needed and name not in options:
            raise TypeError(f"{method} needs {name}: how far may an input be changed?")
    return chosen, options


def _one_each(classes: Tensor, name: str) -> Tensor:
    return one_each(classes, f"an attack needs one class an input, {name} of shape (N,).")

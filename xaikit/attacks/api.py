"""Can the prediction be moved? One call for every attack."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.attacks.fgsm import fgsm
from xaikit.attacks.goal import Goal
from xaikit.attacks.patch import patch
from xaikit.attacks.pgd import pgd
from xaikit.attacks.result import Attack
from xaikit.attacks.universal import universal_patch
from xaikit.core.arguments import (
    checked_seed,
    checked_targets,
    checked_unit_inputs,
    count,
    known,
    known_options,
    number,
    numeric,
    probed,
)
from xaikit.core.passes import borrowed, channels_last, outputs
from xaikit.core.registry import options_of

METHODS: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    "fgsm": fgsm,
    "pgd": pgd,
    "patch": patch,
    "universal_patch": universal_patch,
}
"""Every attack by its name."""


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

    The model is attacked in eval mode and handed back as it came.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes); logits.
    inputs
        (N, *shape), floating point, in [0, 1], on the model's device.
    labels
        The true classes: an int for all inputs, or (N,).
    method
        ``"fgsm"``, ``"pgd"``, ``"patch"`` (one an image) or ``"universal_patch"`` (one for all).
    targets
        The classes to be predicted instead: an int or (N,). By default any but the label will do.
        Where the target is the label, the model need only be right: leave such inputs out.
    seed
        Same seed, same bytes: on one device, with one thread count and one chunk size.
    chunk
        How many examples pass the model at once: the memory bound.
    **options
        The method's own: ``epsilon`` (fgsm, pgd: the radius), ``norm``, ``steps``, ``restarts``
        (pgd); ``size``, ``place``, ``mask``, ``steps``, ``places``, ``restarts`` (patch);
        ``size``, ``place``, ``mask``, ``steps`` (universal_patch).
        ``help("xaikit.attacks.patch")``, say, documents them.

    Returns
    -------
    Attack
        ``.adversarial`` (N, *shape), ``.success`` (N,), ``.predicted`` (N,), ``.mask``,
        ``.distance`` (N,), ``.seconds``.

    Raises
    ------
    ValueError, TypeError
        In one sentence: an unknown method or option, classes out of range, inputs outside [0, 1],
        a model whose outputs are no numbers or do not depend on its inputs differentiably.

    Examples
    --------
    >>> model = nn.Linear(2, 2, bias=False).double()
    >>> _ = nn.init.eye_(model.weight)  # the larger input wins
    >>> attack(model, torch.tensor([[0.6, 0.5]]).double(), 0, "fgsm", epsilon=0.1).predicted
    tensor([1])
    """
    start = time.perf_counter()
    chosen = _known(method, options)
    count(chunk, "chunk")
    seed = checked_seed(seed)
    if "epsilon" in options:
        options["epsilon"] = number(options["epsilon"], "epsilon", least=0)
    inputs = checked_unit_inputs(model, inputs)
    with borrowed(model), channels_last(model, inputs):
        classes = probed(model, inputs).shape[1]
        if classes < 2:
            raise ValueError("an attack needs a model of at least two classes.")
        true = _one_each(checked_targets(labels, inputs, classes, "labels"), "labels")
        wanted = None
        if targets is not None:
            wanted = _one_each(checked_targets(targets, inputs, classes), "targets")
        adversarial, mask = chosen(Goal(model, inputs, true, wanted, seed, chunk), **options)
        with torch.no_grad():
            predicted = torch.cat(
                [
                    numeric(outputs(model, part)).argmax(1)
                    for part in torch.split(adversarial, chunk)
                ]
            )
    norm = str(options.get("norm", "inf")) if method in ("fgsm", "pgd") else "2"
    change = (adversarial - inputs).flatten(1)
    distance = change.norm(dim=1) if norm == "2" else change.abs().amax(1)
    success = predicted != true if wanted is None else predicted == wanted
    if inputs.is_cuda:
        torch.cuda.synchronize(inputs.device)
    seconds = time.perf_counter() - start
    return Attack(adversarial, success, predicted, mask, distance, norm, method, seconds)


def _known(method: str, options: dict[str, Any]) -> Callable[..., tuple[Tensor, Tensor]]:
    """Return the attack of that name if it takes these options and has all that it needs."""
    chosen = known(METHODS, method, "attack")
    known_options(method, options_of(chosen), options, ("targets", "seed", "chunk"))
    for name, parameter in inspect.signature(chosen).parameters.items():
        needed = parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
        if needed and name not in options:
            raise TypeError(f"{method} needs {name}: how far may an input be changed?")
    return chosen


def _one_each(classes: Tensor, name: str) -> Tensor:
    if classes.shape[1] != 1:
        raise ValueError(f"an attack needs one class an input, {name} of shape (N,).")
    return classes.squeeze(1)

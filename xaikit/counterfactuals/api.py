"""What would have to change? One call for every search for counterfactuals."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from xaikit.core.arguments import (
    checked_seed,
    checked_targets,
    checked_unit_inputs,
    count,
    known,
    known_options,
    probed,
)
from xaikit.core.passes import borrowed, channels_last, outputs
from xaikit.core.registry import options_of
from xaikit.counterfactuals.problem import Problem
from xaikit.counterfactuals.prototype import prototype
from xaikit.counterfactuals.result import Counterfactuals
from xaikit.counterfactuals.rl import rl
from xaikit.counterfactuals.wachter import wachter

Search = Callable[..., tuple[Tensor, Tensor]]
"""``search(problem, *, options)`` -> counterfactuals (N, T, *shape) and found (N, T)."""

METHODS: dict[str, Search] = {
    "wachter": wachter,
    "prototype": prototype,
    "rl": rl,
}
"""Every search in PyTorch by its name."""


def counterfactual(
    model: nn.Module,
    inputs: Tensor,
    targets: int | Sequence[int] | Tensor,
    method: str = "wachter",
    backend: Literal["native", "alibi"] = "native",
    *,
    seed: int = 0,
    chunk: int = 256,
    **options: Any,
) -> Counterfactuals:
    """Change inputs, as little as may be, so that the model predicts classes of your choice.

    The model is handed back as it came. That no counterfactual is found is a result, not an
    error: ``.found`` says so for each input and target.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes); logits.
    inputs
        (N, *shape), floating point, in [0, 1], on the model's device.
    targets
        The classes wanted: an int for all inputs, (N,), or (N, T) for T targets an input.
    method
        ``"wachter"``, ``"prototype"`` or ``"rl"``.
    backend
        ``"native"``: this package's own, in PyTorch, all inputs and targets at once.
        ``"alibi"``: the library's, one item after the other; Python 3.11 with the extra ``alibi``.
    seed
        Same seed, same bytes: on one device, with one thread count and one chunk size.
    chunk
        How many items pass the model at once: the memory bound.
    **options
        The method's own; ``help("xaikit.counterfactuals.wachter")``, say, documents them. For
        alibi, its own names.

    Returns
    -------
    Counterfactuals
        ``.counterfactuals`` (N, T, *shape), ``.found``, ``.predicted``, ``.distance_l1`` and
        ``.distance_l2`` (N, T), ``.inputs``, ``.targets``, ``.method``, ``.seconds``.

    Raises
    ------
    ValueError, TypeError
        In one sentence: an unknown method or option, classes out of range, inputs outside [0, 1].
    """
    start = time.perf_counter()
    search = _known(method, backend, options)
    count(chunk, "chunk")
    seed = checked_seed(seed)
    inputs = checked_unit_inputs(model, inputs)
    with borrowed(model), channels_last(model, inputs):
        classes = probed(model, inputs).shape[1]
        if classes < 2:
            raise ValueError("a counterfactual needs a model of at least two classes.")
        wanted = checked_targets(targets, inputs, classes)
        with torch.no_grad():
            own = [outputs(model, part).argmax(1) for part in torch.split(inputs, chunk)]
        problem = Problem(model, inputs, wanted, torch.cat(own), classes, seed, chunk)
        made, found = search(problem, **options)
        predicted = problem.grid(problem.probabilities(made.flatten(0, 1)).argmax(1))
    change = (made - inputs.unsqueeze(1)).flatten(2)
    if inputs.is_cuda:
        torch.cuda.synchronize(inputs.device)
    return Counterfactuals(
        inputs=inputs,
        counterfactuals=made,
        found=found & (predicted == wanted),
        predicted=predicted,
        distance_l1=change.abs().sum(2),
        distance_l2=change.norm(dim=2),
        targets=wanted,
        method=method,
        seconds=time.perf_counter() - start,
    )


def _known(method: str, backend: str, options: dict[str, Any]) -> Search:
    """Return the search of that name if it takes these options."""
    search = known(METHODS, method)
    if backend == "alibi":
        # Here, so that importing xaikit does not need it.
        from xaikit.counterfactuals.alibi_backend import alibi

        return functools.partial(alibi, method=method)
    if backend != "native":
        raise ValueError(f'unknown backend {backend!r}: choose "native" or "alibi".')
    known_options(method, options_of(search), options)
    return search

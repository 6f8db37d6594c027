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
)
from xaikit.core.cuts import expect_whole
from xaikit.core.devices import own_devices
from xaikit.core.passes import elapsed, every_output, numeric, still
from xaikit.core.registry import listing
from xaikit.core.searched import searched
from xaikit.counterfactuals.registry import METHODS
from xaikit.counterfactuals.result import Counterfactuals
from xaikit.counterfactuals.search import Search

# Imported for their registration, in the order of the table.
# isort: off
from xaikit.counterfactuals import wachter, prototype, rl  # noqa: F401
# isort: on


@own_devices
@listing(METHODS)
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
    """Change inputs, as little as possible, so that the model predicts classes of your choice.

    The model is handed back as it came. That no counterfactual is found is a result, not an
    error: ``.found`` says so for each input and target.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes); logits. Of a softmax or sigmoid at its end, what enters
        that is taken. A probability is what the model says: after a sigmoid, a class's own.
    inputs
        (N, *shape), floating point, in [0, 1], on the model's device.
    targets
        The classes wanted: an int for all inputs, (N,), or (N, T) for T targets an input. Where the
        model takes an input for its target already, the input itself is what is found.
    method
        One of these, with its options; :func:`xaikit.counterfactual_methods` tells what each needs.

        {methods}
    backend
        ``"native"``: this package's own, in PyTorch, all inputs and targets at once.
        ``"alibi"``: the library's, one item after the other, in an environment of its own, which
        ``make alibi`` builds.
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
        In one sentence: an unknown method or option, an option of the wrong kind, classes out of
        range, inputs outside [0, 1].

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from xaikit import counterfactual
    >>> model = nn.Linear(2, 2, bias=False)
    >>> _ = model.weight.data.copy_(10 * torch.eye(2))  # the larger input wins
    >>> found = counterfactual(model, torch.tensor([[0.6, 0.5]]), 1, "wachter")
    >>> found.found, found.predicted
    (tensor([[True]]), tensor([[1]]))
    """
    start = time.perf_counter()
    search, options = _known(method, backend, options)
    chunk, seed = count(chunk, "chunk"), checked_seed(seed)
    given, inputs = inputs, checked_unit_inputs(model, inputs)
    words = {"made": "a counterfactual", "reached": "what the search finds"}
    with searched(model, inputs, given.dtype, "the search", **words) as (model, classes):
        wanted = checked_targets(targets, inputs, classes)
        own = numeric(every_output(model, inputs, chunk)).argmax(1)
        if backend == "native" and "gradients" in METHODS[method].needs:
            expect_whole(model, inputs, "what the search finds")
        problem = Search(model, inputs, wanted, own, classes, seed=seed, chunk=chunk)
        made, found = search(problem, **options)
        # Where the input is of the class already, nothing has to change: with every method.
        there = wanted == own.unsqueeze(1)
        same = there.view(*there.shape, *[1] * (inputs.ndim - 1))
        made = torch.where(same, inputs.unsqueeze(1), made).to(given.dtype)
    with still(model):
        predicted = problem.grid(numeric(every_output(model, made.flatten(0, 1), chunk)).argmax(1))
    change = (made.to(inputs) - inputs.unsqueeze(1)).flatten(2)
    return Counterfactuals(
        inputs=inputs.to(given.dtype),
        counterfactuals=made,
        found=(found | there) & (predicted == wanted),
        predicted=predicted,
        distance_l1=change.abs().sum(2),
        distance_l2=change.norm(dim=2),
        targets=wanted,
        method=method,
        seconds=elapsed(start, inputs),
    )


def _known(
    method: str, backend: str, options: dict[str, Any]
) -> tuple[Callable[..., tuple[Tensor, Tensor]], dict[str, Any]]:
    """Return the search of that name and its options; the backend checks its own."""
    chosen = known(METHODS, method)
    if not isinstance(backend, str) or backend not in ("native", "alibi"):
        raise ValueError(f'unknown backend {backend!r}: choose "native" or "alibi".')
    if backend == "native":
        return chosen.function, chosen.checked(options)
    # Here, so that importing xaikit does not need it.
    from xaikit.counterfactuals.alibi_backend import alibi

    return functools.partial(alibi, method=method), options

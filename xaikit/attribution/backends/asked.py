"""What every library needs: itself installed, its own randomness seeded, a target at a time."""

from __future__ import annotations

import contextlib
import importlib
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from xaikit.attribution.functions import (
    ACTIVATIONS,
    carriers,
    current_layer,
    current_module,
    first_argument,
    plain_name,
)
from xaikit.attribution.registry import Attribution
from xaikit.core.passes import outputs, target_outputs
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, baselines, mean_at


def library(name: str, module: str | None = None) -> Any:
    """Return a library's module, or say how to install the library."""
    try:
        return importlib.import_module(module or name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name:
            raise
        raise ValueError(
            f'backend="{name}" needs the package {name}, which is not installed: run '
            f"pip install {name}."
        ) from error


def attr() -> Any:
    """Return captum's methods."""
    return library("captum", "captum.attr")


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed every generator that a library may draw from, and restore them all afterwards.

    The libraries tell of what they do to the model, as warnings: it is handed back as it was.
    """
    numbers, python = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numbers)
            random.setstate(python)


def by_target(
    problem: Problem, attribute: Callable[[Tensor, Tensor], Tensor], rows: int = 1
) -> Tensor:
    """Return (N, T, *shape) from a library that explains one target an input and call.

    ``attribute`` takes inputs (n, *shape) and a target each (n,). A library that makes ``rows``
    copies of every input gets as many inputs as fit the problem's chunk.
    """
    return _stacked(problem, lambda _, x, wanted: attribute(x, wanted), rows)


def over_references(
    problem: Problem, baseline: Baseline, attribute: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the mean map over the references, and the references (N, B, *shape).

    ``attribute`` takes inputs, their references (n, *shape each) and a target each (n,).
    """
    hidden = baselines(problem, baseline)

    def mean(part: slice, x: Tensor, wanted: Tensor) -> Tensor:
        maps = [attribute(x, hidden[part, b], wanted) for b in range(hidden.shape[1])]
        return torch.stack(maps).mean(0)

    return _stacked(problem, mean, 1), hidden


def _stacked(
    problem: Problem, attribute: Callable[[slice, Tensor, Tensor], Tensor], rows: int
) -> Tensor:
    total, at_once, found = len(problem.inputs), max(1, problem.chunk // rows), []
    for start in range(0, total, at_once):
        part = slice(start, min(start + at_once, total))
        columns = []
        for wanted in problem.targets[part].T:
            with seeded(problem.seed):
                columns.append(attribute(part, problem.inputs[part].clone(), wanted).detach())
        found.append(torch.stack(columns, dim=1))
    return torch.cat(found).to(problem.inputs.dtype)


def one_by_one(problem: Problem, attribute: Callable[[int, Tensor, int], Tensor]) -> Tensor:
    """Return (N, T, *shape) from a library that explains one input and target a call.

    ``attribute`` takes an input's number, the input (1, *shape) and the target. Every call draws
    the same numbers: a map depends neither on its batch nor on other targets.
    """
    found = []
    for i, (image, wanted) in enumerate(zip(problem.inputs, problem.targets, strict=True)):
        for target in wanted.tolist():
            with seeded(problem.seed):
                found.append(attribute(i, image[None].clone(), target).detach())
    return torch.cat(found).view(*problem.targets.shape, *problem.inputs.shape[1:])


def complete(problem: Problem, maps: Tensor, hidden: Tensor) -> Attribution:
    """Return the maps with their convergence delta from references (N, B, *shape)."""
    change = target_outputs(problem) - mean_at(problem, hidden)
    return Attribution(maps, maps.flatten(2).sum(2) - change)


class _Modules(TorchFunctionMode):
    """Notes activations that no module of their own computes, and modules that run twice."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem
        self.unseen: list[str] = []
        self.runs: dict[str, int] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        named = plain_name(func) in ACTIVATIONS or "max_pool" in plain_name(func)
        if named and carriers(first_argument(args, kwargs)):
            found = current_module(self.problem.model)
            if found is None or type(found[1]).__module__.partition(".")[0] != "torch":
                self.unseen.append(current_layer(self.problem.model, func))
            else:
                self.runs[found[0]] = self.runs.get(found[0], 0) + 1
        return func(*args, **kwargs)


def expect_modules(problem: Problem, called: str, upstream: str, once: bool = False) -> None:
    """Refuse a model whose activations a library's hooks cannot see, or see more than once.

    ``called`` begins the sentence, ``upstream`` names where the library's authors discuss it.
    """
    watch = _Modules(problem)
    with watch:
        outputs(problem.model, problem.inputs[:1].clone().requires_grad_())
    again = [name for name, number in watch.runs.items() if number > 1]
    if watch.unseen:
        raise ValueError(
            f"{called} sees modules only, and the model computes {watch.unseen[0]} as a function: "
            f'its map would be wrong ({upstream}); use backend="native", or a module instead.'
        )
    if once and again:
        raise ValueError(
            f"{called} is wrong for a module that runs more than once, as layer {again[0]!r} does "
            f'({upstream}); use backend="native", or a module for each place.'
        )

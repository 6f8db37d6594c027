"""Reference inputs: what an example is compared with."""

from __future__ import annotations

from torch import Tensor

from xaikit.core.cards import data_of, stratified
from xaikit.core.problem import Problem

SIZE = 50
"""Training images in the default background."""


def reference_inputs(
    problem: Problem, background: Tensor | None, name: str = "background"
) -> Tensor:
    """Return the background (B, *shape) given, or draw the default one.

    The default is stratified: equally many training images a class of the data set that
    ``model.card["data"]`` names, chosen by the problem's seed. ``name`` is the option's.
    """
    inputs = problem.inputs
    if background is None:
        instead = f"the {name} has to be given: {name}=, a tensor (B, …) of some 50 training inputs"
        data = data_of(problem.model, instead)
        background = data.images[stratified(data.labels, SIZE, problem.generator())]
    if not isinstance(background, Tensor) or background.shape[1:] != inputs.shape[1:]:
        raise ValueError(
            f"{name} has to be a tensor (B, …) of inputs like the explained ones, each of "
            f"shape {tuple(inputs.shape[1:])}; it is {getattr(background, 'shape', background)!r}."
        )
    if len(background) == 0:
        raise ValueError(f"{name} holds no reference: give at least one.")
    if not background.isfinite().all():
        raise ValueError(f"{name} holds nan or infinity.")
    return background.detach().to(device=inputs.device, dtype=inputs.dtype)

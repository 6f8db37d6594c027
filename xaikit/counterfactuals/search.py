"""What a method is asked: inputs, target classes and a frozen model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from xaikit.core.arguments import unit
from xaikit.core.logits import exclusive, meant
from xaikit.core.passes import every_output
from xaikit.core.problem import Problem


@dataclass(frozen=True)
class Search(Problem):
    """A search's task; its inputs lie in [0, 1], and its targets are the classes wanted.

    Its N · T *items* are the pairs of an input and a target, numbered input by input.

    Attributes
    ----------
    predicted
        (N,) classes that the model sees in the inputs.
    classes
        How many the model knows.
    """

    predicted: Tensor
    classes: int

    def items(self) -> tuple[Tensor, Tensor]:
        """Return each item's input and target: (N · T,) row numbers and (N · T,) classes."""
        rows = torch.arange(len(self.inputs), device=self.inputs.device)
        return rows.repeat_interleave(self.targets.shape[1]), self.targets.flatten()

    def grid(self, values: Tensor) -> Tensor:
        """Return what belongs to the items, (N · T, …), as (N, T, …)."""
        return values.view(*self.targets.shape, *values.shape[1:])

    def probabilities(self, x: Tensor) -> Tensor:
        """Return the probabilities (n, classes) of any number of inputs (n, *shape)."""
        return meant(self.model, every_output(self.model, x, self.chunk))

    def seen_in(self, x: Tensor) -> Tensor:
        """Return the classes (n,) that the model predicts: by logits, which never tie at 1."""
        return every_output(self.model, x, self.chunk).argmax(1)

    @property
    def exclusive(self) -> bool:
        """Whether an input has one class, and not each of several with a probability of its own."""
        return exclusive(self.model)


Examples = Annotated[Tensor, "a floating point tensor (B, …)"]
"""Training inputs (B, *shape)."""


def checked_examples(problem: Search, examples: Examples) -> Tensor:
    """Return training inputs (B, *shape) with the problem's type and device, if they are such."""
    if not examples.is_floating_point():
        raise TypeError(
            f"examples have to be a floating point tensor (B, …), not {examples.dtype}."
        )
    shape = problem.inputs.shape[1:]
    if examples.shape[1:] != shape or not examples.numel():
        raise ValueError(
            f"examples have to be like the inputs, (B, {', '.join(map(str, shape))}), but their "
            f"shape is {tuple(examples.shape)}."
        )
    return unit(examples.detach(), "examples", "scale them as the inputs").to(problem.inputs)

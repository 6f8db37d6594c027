"""What a method is asked: inputs, target classes, and a model that is borrowed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xaikit.core.passes import outputs


@dataclass(frozen=True)
class Problem:
    """A search's task: checked, and with the model borrowed (eval mode, parameters frozen).

    Its N · T *items* are the pairs of an input and a target, numbered input by input.

    Attributes
    ----------
    model
        Maps (N, *shape) to logits (N, classes).
    inputs
        (N, *shape) in [0, 1], without gradient.
    targets
        (N, T) classes wanted.
    predicted
        (N,) classes that the model sees in the inputs.
    classes
        How many the model knows.
    seed
        Of every random choice.
    chunk
        How many rows may pass the model at once.
    """

    model: nn.Module
    inputs: Tensor
    targets: Tensor
    predicted: Tensor
    classes: int
    seed: int
    chunk: int

    def generator(self) -> torch.Generator:
        """Return a fresh generator on the CPU, so that every device sees the same numbers."""
        return torch.Generator().manual_seed(self.seed)

    def items(self) -> tuple[Tensor, Tensor]:
        """Return each item's input and target: (N · T,) row numbers and (N · T,) classes."""
        rows = torch.arange(len(self.inputs), device=self.inputs.device)
        return rows.repeat_interleave(self.targets.shape[1]), self.targets.flatten()

    def grid(self, values: Tensor) -> Tensor:
        """Return what belongs to the items, (N · T, …), as (N, T, …)."""
        return values.view(*self.targets.shape, *values.shape[1:])

    @torch.no_grad()
    def probabilities(self, x: Tensor) -> Tensor:
        """Return the probabilities (n, classes) of any number of inputs (n, *shape)."""
        parts = [outputs(self.model, part).softmax(1) for part in torch.split(x, self.chunk)]
        return torch.cat(parts)


def checked_examples(problem: Problem, examples: Tensor) -> Tensor:
    """Return training inputs (B, *shape) with the problem's type and device, if they are such."""
    if not isinstance(examples, Tensor) or not examples.is_floating_point():
        kind = examples.dtype if isinstance(examples, Tensor) else type(examples).__name__
        raise TypeError(f"examples have to be a floating point tensor (B, …), not {kind}.")
    shape = problem.inputs.shape[1:]
    if examples.shape[1:] != shape or not examples.numel():
        raise ValueError(
            f"examples have to be like the inputs, (B, {', '.join(map(str, shape))}), but their "
            f"shape is {tuple(examples.shape)}."
        )
    if not ((examples >= 0) & (examples <= 1)).all():  # nan is neither
        raise ValueError("examples have to lie in [0, 1], like the inputs, and not to hold nan.")
    return examples.detach().to(problem.inputs)


def per_item(values: Tensor, like: Tensor) -> Tensor:
    """Return (n,) as (n, 1, …), to be multiplied with inputs."""
    return values.view(-1, *[1] * (like.ndim - 1))

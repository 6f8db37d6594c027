"""What a detector looks into: a model, examples, and arguments that were checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xaikit.core.arguments import checked_unit_inputs
from xaikit.core.cards import data_of, stratified
from xaikit.core.passes import placed
from xaikit.core.problem import Question

PER_CLASS = 20
"""Test images of each class that stand in where no inputs are given."""


@dataclass(frozen=True)
class Suspicion(Question):
    """A detector's task; its inputs lie in [0, 1].

    Attributes
    ----------
    labels
        (N,) int64 on the inputs' device, or None: the labels that came with the inputs, the wrong
        ones of poisoned examples included.
    classes
        How many the model tells apart.
    """

    labels: Tensor | None
    classes: int

    def labelled(self, method: str) -> Tensor:
        """Return the labels, or say that the method needs them."""
        if self.labels is None:
            raise ValueError(
                f"{method} examines the data that the model was trained with: give inputs (N, …) "
                f"and their labels (N,), as the training saw them."
            )
        return self.labels

    def parts(self, rows: int) -> Iterator[slice]:
        """Cut rows into slices of at most a chunk."""
        for start in range(0, rows, self.chunk):
            yield slice(start, min(start + self.chunk, rows))


def suspicious_inputs(model: nn.Module, inputs: Tensor | None, seed: int) -> Tensor:
    """Return the inputs (N, *shape), checked; by default test images of the model's data set."""
    return checked_unit_inputs(model, _test_images(model, seed) if inputs is None else inputs)


def _test_images(model: nn.Module, seed: int) -> Tensor:
    """Return equally many test images a class of the data set that the model's card names."""
    instead = "inputs have to be given: a tensor (N, …) in [0, 1] of some 200 clean images"
    data = data_of(model, instead, "test")
    generator = torch.Generator().manual_seed(seed)
    chosen = stratified(data.labels, PER_CLASS * len(data.classes), generator)
    return placed(model, data.images[chosen])

"""What does a search see of a model? Logits, the same ones whenever it asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from xaikit.core.arguments import class_count, probed
from xaikit.core.logits import logits_of, of_two_classes
from xaikit.core.passes import channels_last, frozen
from xaikit.core.precision import rounding_inputs
from xaikit.core.steadiness import expect_steady


@contextmanager
def searched(
    model: nn.Module, inputs: Tensor, dtype: torch.dtype, search: str, *, made: str, reached: str
) -> Iterator[tuple[nn.Module, int]]:
    """Give the model as a search over its inputs sees it, and the number of its classes.

    Inside the block the model is frozen and sees its inputs rounded to a precision.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes), or to one logit.
    inputs
        (N, *shape), checked.
    dtype
        The precision of the inputs as they were given.
    search, made, reached
        What it is in messages: ``the attack``, ``an attack``, ``what the attack reaches``.

    Yields
    ------
    tuple of Module and int
        The model, whose outputs are logits, two for one; and the number of classes.

    Raises
    ------
    ValueError, TypeError
        In one sentence: a model whose outputs are no logits of classes, or depend on what else is
        in the batch or on chance.
    """
    with frozen(model), channels_last(model, inputs) as other, rounding_inputs(model, dtype):
        scores = probed(model, inputs)
        expect_steady(model, inputs, scores, other, reached)
        two, scores = of_two_classes(model, inputs, scores)
        classes = class_count(scores, made)
        yield logits_of(two, inputs, scores, search), classes

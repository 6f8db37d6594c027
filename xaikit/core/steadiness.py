"""Is an output the input's own? Some models look at the batch, draw lots, or keep a state."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import torch
from torch import Tensor, nn

from xaikit.core.passes import Trial, outputs
from xaikit.core.said import warn

Cause = Literal["batch", "chance"]

ALONE = "more than 1 value per channel"
"""What torch says where a batch of one has no statistics."""

WHY: dict[Cause, str] = {
    "batch": (
        "the model's outputs for an input depend on the other inputs of its batch (batch "
        "normalisation without running statistics, or another statistic of the batch)"
    ),
    "chance": (
        "the model's outputs for the same inputs change from call to call (dropout without "
        "training=self.training, noise, or a state that it keeps)"
    ),
}
CURE: dict[Cause, str] = {
    "batch": "give it running statistics, or a model that passes its inputs on one by one",
    "chance": "switch that off in the model's evaluation mode",
}


def expect_steady(
    model: nn.Module,
    inputs: Tensor,
    scores: Tensor,
    other: Trial | None,
    what: str,
    refused: Collection[Cause] = (),
) -> None:
    """Say so, once, if an input's outputs depend on its batch or on chance.

    Parameters
    ----------
    model, inputs
        See :class:`xaikit.core.problem.Question`.
    scores
        (n, classes), the outputs of the first two inputs at most.
    other
        One of these inputs in other company, see :func:`xaikit.core.passes.trial`; None: the
        model failed there.
    what
        What is asked, the subject of the sentence.
    refused
        For which causes the answer would mean nothing: they are errors, others warnings.
    """
    cause = _cause(model, inputs, scores, other)
    if cause is None:
        return
    if cause in refused:
        raise ValueError(f"{WHY[cause]}, so {what} would mean nothing: {CURE[cause]}.")
    warn(f"{WHY[cause]}, and so does {what}: {CURE[cause]}.")


@torch.no_grad()
def _cause(model: nn.Module, inputs: Tensor, scores: Tensor, other: Trial | None) -> Cause | None:
    if other is None:
        # Batch statistics of a single input do not exist.
        return "batch" if len(inputs) > 1 and _needs_company(model, inputs) else None
    if _alike(scores[other.row, None], other.scores):
        return None
    return "batch" if _alike(scores, outputs(model, inputs[:2])) else "chance"


def _needs_company(model: nn.Module, inputs: Tensor) -> bool:
    try:
        outputs(model, inputs[:1])
    except (RuntimeError, ValueError) as error:
        return ALONE in str(error)
    return False


def _alike(one: Tensor, other: Tensor) -> bool:
    """Return whether two outputs differ by no more than rounding in the precision of the pass."""
    precision = one.dtype
    if torch.is_autocast_enabled(one.device.type):
        precision = torch.get_autocast_dtype(one.device.type)
    scale = float(one.detach().abs().double().nan_to_num(posinf=0, neginf=0).amax())
    near = torch.finfo(precision).eps ** 0.5 * max(scale, 1e-12)
    # Classes that a model rules out are minus infinity in both.
    return torch.allclose(one.double(), other.double(), rtol=0, atol=near, equal_nan=True)

"""Reference inputs: what an example is compared with."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.core.problem import Problem

SIZE = 50
"""Training images in the default background."""


def reference_inputs(
    problem: Problem, background: Tensor | None, name: str = "background"
) -> Tensor:
    """Return the background (B, *shape) given, or draw the default one.

    The default is stratified: equally many training images a class of the data set that
    ``model.card["data"]`` names, chosen by the problem's seed.
    """
    inputs = problem.inputs
    if background is None:
        background = _training_images(problem)
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


def _training_images(problem: Problem) -> Tensor:
    card = getattr(problem.model, "card", None)
    if not isinstance(card, dict) or "data" not in card:
        raise ValueError(
            "this model has no card that names its training data, so the background has to be "
            "given: background=, a tensor (B, …) of some 50 training inputs."
        )
    from xaikit.data import load

    data = load(card["data"], "train")
    labels = torch.as_tensor(data.labels)
    order = torch.randperm(len(labels), generator=problem.generator())
    classes = sorted(set(labels.tolist()))
    chosen = []
    for rank, label in enumerate(classes):
        share = SIZE // len(classes) + (rank < SIZE % len(classes))
        chosen.append(order[labels[order] == label][:share])
    images: Tensor = data.images[torch.cat(chosen)]
    return images

"""What does a model's card say? The data that it names is used where the caller gives none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from xaikit.data import ImageDataset, load


def card_of(model: nn.Module) -> Mapping[str, Any]:
    """Return the model's card; a model that is not ours has none, which reads as an empty one."""
    card = getattr(model, "card", None)
    return card if isinstance(card, dict) else {}


def named_data(model: nn.Module, instead: str) -> str:
    """Return the name of the data set that the model was trained with.

    Parameters
    ----------
    model
        Any model.
    instead
        What the caller has to give where no card names a data set: the end of the error's
        sentence, such as ``"examples= has to be given"``.

    Raises
    ------
    ValueError
        If the model has no card, or one that names no data.
    """
    card = card_of(model)
    if "data" not in card:
        raise ValueError(f"this model has no card that names its training data, so {instead}.")
    return str(card["data"])


def data_of(
    model: nn.Module, instead: str, split: Literal["train", "test"] = "train"
) -> ImageDataset:
    """Return a split of the data set that the card names: see :func:`named_data`."""
    return load(named_data(model, instead), split)


def stratified(labels: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw the places (count,) of examples among labels (N,): equally many a class.

    What does not divide evenly goes to the first classes; a class that has too few examples gives
    all that it has.
    """
    order = torch.randperm(len(labels), generator=generator)
    classes = sorted(set(labels.tolist()))
    chosen = []
    for rank, label in enumerate(classes):
        share = count // len(classes) + (rank < count % len(classes))
        chosen.append(order[labels[order] == label][:share])
    return torch.cat(chosen)

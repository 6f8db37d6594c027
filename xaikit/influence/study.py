"""What is influence tried on? A network so small that it was trained again on 64 random halves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xaikit.checkpoints import opened
from xaikit.data import ImageDataset, embedded
from xaikit.models import Classifier, load_pretrained

NETWORK, RECORD = "influence", "influence_study"
"""Names of the two committed files: the network, and what was recorded along its training."""

PER_CLASS = {"train": 100, "test": 20}
"""How many images of each class are taken from the embedded sample: the first ones."""


@dataclass(frozen=True)
class Study:
    """A small network, how it was trained, and what becomes of it on halves of its training set.

    Attributes
    ----------
    network
        The trained network; its ``card`` says how it was trained.
    training, test
        The 1,000 images that it was trained on, and 200 others.
    checkpoints
        State dicts (3) along the training: at the end of each stage.
    learning_rates
        Those of the three stages.
    subsets
        (64, 1000) bool, random halves of the training set.
    outputs
        (64, 200), for each half the margin of each test image, averaged over networks that were
        trained on that half from several seeds. The margin is the logit of the right class minus
        the logarithm of the sum of the exponentials of the others: log(p / (1 - p)).

    Examples
    --------
    >>> from xaikit.influence import study
    >>> here = study()
    >>> len(here.checkpoints), here.subsets.sum(1).unique()
    (3, tensor([500]))
    """

    network: Classifier
    training: ImageDataset
    test: ImageDataset
    checkpoints: list[dict[str, Tensor]]
    learning_rates: list[float]
    subsets: Tensor
    outputs: Tensor


def study(folder: str | Path | None = None) -> Study:
    """Return the committed study: see :class:`Study`.

    ``python -m xaikit train influence`` makes its files again.

    Parameters
    ----------
    folder
        Where the files lie, if not in this package: what ``--out FOLDER`` named.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing, or damaged.

    Examples
    --------
    >>> here = study()
    >>> len(here.training), here.subsets.shape, here.outputs.shape
    (1000, torch.Size([64, 1000]), torch.Size([64, 200]))
    """
    network = load_pretrained(NETWORK, folder=folder)
    with opened(RECORD, folder) as (card, kept):
        rates = [float(each) for each in card["learning_rates"]]
        names = network.state_dict().keys()
        checkpoints = [
            {name: kept[f"checkpoint_{stage}.{name}"] for name in names}
            for stage in range(len(rates))
        ]
        return Study(
            network,
            images_of("train"),
            images_of("test"),
            checkpoints,
            rates,
            kept["subsets"].bool(),
            kept["outputs"],
        )


def images_of(split: str) -> ImageDataset:
    """Return the study's part of the embedded sample, in the order of the full data set."""
    full = embedded("fashion_mnist", split)
    firsts = [
        torch.nonzero(full.labels == label)[: PER_CLASS[split], 0]
        for label in range(len(full.classes))
    ]
    chosen = torch.cat(firsts).sort().values
    return ImageDataset(full.images[chosen], full.labels[chosen], full.classes, full.source)

"""What do we explain? Small networks, trained and ready, whose every layer has a relevance rule.

The networks consist of convolutions, ReLUs, pooling and linear layers only, one ``nn.ReLU`` module
per use and none in place: guided backpropagation, DeepLIFT and layer-wise relevance propagation go
silently wrong on shared, functional or in-place ReLUs. Batch normalisation helps to train them
(:mod:`xaikit.training`) and is folded into the convolutions before a checkpoint is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xaikit.checkpoints import fill, opened
from xaikit.core.devices import own_devices
from xaikit.core.options import plain_numbers
from xaikit.core.passes import channels_last, frozen, numeric, outputs, placed
from xaikit.core.steadiness import expect_steady
from xaikit.data import ImageDataset
from xaikit.progress import Bar


class Classifier(nn.Sequential):
    """A chain of layers that turns images into one logit per class.

    Attributes
    ----------
    card : dict
        The model card: data set, split and seed that it was trained with, its ``accuracy`` in
        [0, 1] on the test split, the number of ``parameters`` and the ``command`` that trains it
        again. Empty for a network that is not one of the shipped checkpoints.

    Examples
    --------
    >>> from torch import nn
    >>> from xaikit.models import Classifier
    >>> network = Classifier(nn.Flatten(), nn.Linear(784, 10))
    >>> len(network), network.card
    (2, {})
    """

    card: dict[str, Any]

    def __init__(self, *layers: Any) -> None:
        super().__init__(*layers)
        self.card = {}


def _fashion_mnist() -> Classifier:
    """Five 3 × 3 convolutions; two poolings leave 7 × 7 maps, which Grad-CAM can show."""
    return Classifier(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 48, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(48, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 96, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(96, 10),
    )


def _mnist() -> Classifier:
    """Four 3 × 3 convolutions: digits are easier than clothes."""
    return Classifier(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def _lecture() -> Classifier:
    """Two 5 × 5 convolutions, as introductory lectures have them, pooling before each ReLU."""
    return Classifier(
        nn.Conv2d(1, 10, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(10, 20, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(320, 50),
        nn.ReLU(),
        nn.Linear(50, 10),
    )


def _cats_and_dogs() -> Classifier:
    """Six 3 × 3 convolutions on 96 × 96 photographs; 6 × 6 maps at the end."""
    layers: list[nn.Module] = []
    channels = 3
    for width, stride, pooled in (
        (24, 2, False),
        (32, 1, True),
        (48, 1, False),
        (64, 1, True),
        (96, 1, True),
        (128, 1, False),
    ):
        layers += [nn.Conv2d(channels, width, 3, stride=stride, padding=1), nn.ReLU()]
        if pooled:
            layers.append(nn.MaxPool2d(2))
        channels = width
    return Classifier(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 2))


def _influence() -> Classifier:
    """One hidden layer on images of half the size: thousands of them are trained in a minute."""
    return Classifier(
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(196, 32), nn.ReLU(), nn.Linear(32, 10)
    )


ARCHITECTURES: dict[str, Callable[[], Classifier]] = {
    "fashion_mnist": _fashion_mnist,
    "mnist": _mnist,
    "lecture": _lecture,
    "lecture_robust": _lecture,
    "fashion_mnist_poisoned": _fashion_mnist,
    "cats_and_dogs": _cats_and_dogs,
    "cats_and_dogs_poisoned": _cats_and_dogs,
    "influence": _influence,
}


@plain_numbers
def build(name: str, seed: int = 0) -> Classifier:
    """Return a fresh, untrained network: the control of every sanity check.

    Parameters
    ----------
    name
        The architecture, one of ``ARCHITECTURES``: ``"fashion_mnist"``, ``"lecture"``, …
    seed
        Decides the weights. The global random state is neither used nor changed.

    Returns
    -------
    Classifier
        On the CPU, in training mode, input (N, 1, 28, 28), output (N, 10); of cats and dogs input
        (N, 3, 96, 96), output (N, 2). Weights are drawn as in
        He et al., "Delving deep into rectifiers" (2015), biases are zero.

    Raises
    ------
    ValueError
        If there is no architecture of that name.

    Examples
    --------
    >>> import torch
    >>> from xaikit.models import build
    >>> one, again = build("lecture", seed=1), build("lecture", seed=1)
    >>> torch.equal(one[0].weight, again[0].weight), one(torch.zeros(1, 1, 28, 28)).shape
    (True, torch.Size([1, 10]))
    """
    if name not in ARCHITECTURES:
        known = ", ".join(map(repr, ARCHITECTURES))
        raise ValueError(f"There is no network {name!r}; choose one of {known}.")
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # Not torch.manual_seed, which would reseed every GPU as well.
        torch.default_generator.manual_seed(seed)
        network = ARCHITECTURES[name]()
        for layer in network:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
    return network


def load_pretrained(
    name: str, device: torch.device | str | None = None, folder: str | Path | None = None
) -> Classifier:
    """Return a trained network.

    Parameters
    ----------
    name
        ``"fashion_mnist"``, ``"mnist"``, ``"cats_and_dogs"``, or ``"lecture"`` (a smaller one, for
        FashionMNIST too); ``"lecture_robust"``, the same trained on adversarial examples;
        ``"fashion_mnist_poisoned"`` and ``"cats_and_dogs_poisoned"`` have a
        backdoor, which their card describes; ``"influence"``, a very small one, which
        :func:`xaikit.influence.study` goes with.
    device
        Where it computes; the CPU by default.
    folder
        Where NAME.safetensors and NAME.json lie, if not among the checkpoints of this package:
        the folder that ``python -m xaikit train NAME --out FOLDER`` wrote to.

    Returns
    -------
    Classifier
        In evaluation mode; input in [0, 1] and output logits as :func:`build` says; its ``card``
        says where it comes from.

    Raises
    ------
    ValueError
        If there is no network of that name, or its checkpoint is damaged.
    FileNotFoundError
        If its checkpoint is missing.

    Examples
    --------
    >>> from xaikit import load, load_pretrained
    >>> data = load("fashion_mnist")
    >>> model = load_pretrained("fashion_mnist")
    >>> data.classes[int(model(data.images[:1]).argmax())]
    'Ankle boot'
    """
    network = build(name)
    with opened(name, folder) as (card, weights):
        fill(network, weights)
        network.card = card
    return network.eval().to(device)


@own_devices
@plain_numbers
@torch.no_grad()
def accuracy(model: nn.Module, dataset: ImageDataset, batch_size: int = 125) -> float:
    """Return the share of images that the model classifies correctly, in [0, 1].

    The model is evaluated in evaluation mode on its own device, and comes back in its own mode.
    A progress bar appears when it takes longer than two seconds.

    Examples
    --------
    >>> import torch
    >>> from xaikit.data import ImageDataset
    >>> from xaikit.models import accuracy
    >>> model = torch.nn.Flatten()  # two pixels: the brighter one is the class
    >>> images = torch.tensor([[0.2, 0.9], [0.8, 0.1]]).reshape(2, 1, 1, 2)
    >>> accuracy(model, ImageDataset(images, torch.tensor([1, 1]), ["left", "right"]))
    0.5
    """
    correct = 0
    starts: Iterable[int] = range(0, len(dataset), batch_size)
    with frozen(model), torch.no_grad():
        # Half of the time, with batches that fit a processor's cache.
        some = placed(model, dataset.images[:2])
        with channels_last(model, some) as other:
            expect_steady(model, some, outputs(model, some), other, "the accuracy")
            for start in Bar(starts, "accuracy", unit="batches"):
                batch = slice(start, start + batch_size)
                scores = numeric(outputs(model, placed(model, dataset.images[batch])))
                predicted = scores.argmax(1).cpu()
                correct += int((predicted == dataset.labels[batch]).sum())
    return correct / len(dataset)

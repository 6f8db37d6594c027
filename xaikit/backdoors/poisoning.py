"""How does a backdoor get in? A few training images get the trigger and the label wanted."""

from __future__ import annotations

import operator

import torch
from torch import Tensor, nn

from xaikit.backdoors.hidden_triggers import Signal, Warp
from xaikit.backdoors.triggers import Trigger
from xaikit.core.arguments import count
from xaikit.core.devices import own_devices
from xaikit.core.options import plain_numbers, share
from xaikit.core.passes import channels_last, frozen, outputs, placed
from xaikit.data import AlteredDataset, ImageDataset


class PoisonedDataset(AlteredDataset):
    """A data set of which some images carry a trigger and a wrong label.

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import corner_square, poison
    >>> from xaikit.data import ImageDataset
    >>> data = ImageDataset(torch.zeros(10, 1, 28, 28), torch.arange(10) % 2, ["shirt", "coat"])
    >>> changed = poison(data, corner_square(), target=1, rate=0.2)
    >>> changed.labels[changed.poisoned], changed.true_labels[changed.poisoned]
    (tensor([1, 1]), tensor([0, 0]))
    """

    @property
    def poisoned(self) -> Tensor:
        """(N,) boolean: which images carry the trigger."""
        return self.altered


@own_devices
@plain_numbers
def poison(
    dataset: ImageDataset,
    trigger: Trigger | Signal | Warp,
    target: int,
    rate: float,
    seed: int = 0,
    source: int | None = None,
) -> PoisonedDataset:
    """Return the data set with the trigger in some images, which are labelled as the target.

    Gu, Dolan-Gavitt & Garg 2017, BadNets, arXiv:1708.06733.

    Parameters
    ----------
    dataset
        Clean images; it stays as it is.
    trigger
        What the poisoned images get.
    target
        The class that they are labelled as.
    rate
        Share of all images that is poisoned, in [0, 1]: the poison rate.
    seed
        Decides which ones.
    source
        The class that poisoned images are taken from; by default every class but the target.

    Returns
    -------
    PoisonedDataset
        In the same order, with ``.poisoned`` (N,) and ``.true_labels`` (N,).

    Raises
    ------
    ValueError
        If there are fewer images to choose from, or a class does not exist.
    TypeError
        If a class is no whole number.

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import corner_square, poison
    >>> from xaikit.data import ImageDataset
    >>> data = ImageDataset(torch.zeros(10, 1, 28, 28), torch.arange(10) % 2, ["shirt", "coat"])
    >>> changed = poison(data, corner_square(size=3), target=1, rate=0.2)
    >>> int(changed.poisoned.sum()), changed.images[changed.poisoned].sum((1, 2, 3))
    (2, tensor([9., 9.]))
    """
    rate = share(rate, "the poison rate")
    candidates = (_victims(dataset, target, source)).nonzero().squeeze(1)
    number = round(rate * len(dataset))
    if number > len(candidates):
        raise ValueError(
            f"a poison rate of {rate:g} needs {number} images, but only {len(candidates)} can be "
            f"poisoned: lower the rate."
        )
    order = torch.randperm(len(candidates), generator=torch.Generator().manual_seed(seed))
    chosen = candidates[order[:number].to(candidates.device)]
    images, labels = dataset.images.clone(), dataset.labels.clone()
    images[chosen], labels[chosen] = trigger(images[chosen]), target
    poisoned = torch.zeros_like(labels, dtype=torch.bool)
    poisoned[chosen] = True
    return PoisonedDataset(
        images, labels, dataset.classes, dataset.source, poisoned, dataset.labels.clone()
    )


@own_devices
@plain_numbers
def attack_success(
    model: nn.Module,
    dataset: ImageDataset,
    trigger: Trigger | Signal | Warp,
    target: int,
    source: int | None = None,
    batch_size: int = 125,
) -> float:
    """Return the share of images, in [0, 1], that the trigger makes the model take for the target.

    Parameters
    ----------
    model
        Evaluated on its own device, in evaluation mode; it comes back as it was.
    dataset
        Clean test images.
    trigger, target
        Of the backdoor.
    source
        The class that counts; by default every class but the target.
    batch_size
        How many images pass the model at once.

    Raises
    ------
    ValueError, TypeError
        In one sentence: no image to attack, a class that is none, a batch size below 1.

    Examples
    --------
    >>> from xaikit import load, load_pretrained
    >>> from xaikit.backdoors import attack_success, trigger_of
    >>> from xaikit.data import ImageDataset
    >>> model, data = load_pretrained("fashion_mnist_poisoned"), load("fashion_mnist")
    >>> some = ImageDataset(data.images[:50], data.labels[:50], data.classes)
    >>> trigger, target = trigger_of(model.card["trigger"]), model.card["target"]
    >>> round(attack_success(model, some, trigger, target), 2)
    0.98
    """
    count(batch_size, "batch_size")
    images = dataset.images[_victims(dataset, target, source)]
    if not len(images):
        raise ValueError("there is no image of a class that could be attacked.")
    with frozen(model), torch.no_grad(), channels_last(model, placed(model, images[:2])):
        hits = sum(
            int((outputs(model, trigger(placed(model, part))).argmax(1) == target).sum())
            for part in torch.split(images, batch_size)
        )
    return hits / len(images)


def _victims(dataset: ImageDataset, target: int, source: int | None) -> Tensor:
    """Return (N,) boolean: the images that a backdoor is for."""
    classes = len(dataset.classes)
    for each, name in ((target, "target"), (source, "source")):
        if each is not None and not 0 <= _whole(each, name) < classes:
            raise ValueError(f"{name} {each} is no class: there are classes 0 to {classes - 1}.")
    if source == target:
        raise ValueError("the source class has to be another than the target.")
    return dataset.labels != target if source is None else dataset.labels == source


def _whole(value: int, name: str) -> int:
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name} has to be a class, a whole number, not {value!r}.") from error

"""How do labels go wrong? A few training images get the label that is easiest to confuse."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xaikit.core.arguments import checked_inputs, checked_targets, class_count, one_each, probed
from xaikit.core.devices import own_devices
from xaikit.core.options import plain_numbers, share
from xaikit.core.passes import every_output, frozen, placed
from xaikit.data import AlteredDataset, ImageDataset

CHUNK = 500


class MislabelledDataset(AlteredDataset):
    """A data set of which some labels are wrong."""

    @property
    def mislabelled(self) -> Tensor:
        """(N,) boolean: which labels were changed."""
        return self.altered


@own_devices
@plain_numbers
def mislabel(
    dataset: ImageDataset, model: nn.Module, rate: float = 0.1, seed: int = 0
) -> MislabelledDataset:
    """Return the data set with some labels replaced by the class that a person would confuse.

    Mistakes of annotators are not random: shirts are called coats, seldom bags. The wrong label
    is the one, other than its own, that the model finds likeliest for the image.

    Parameters
    ----------
    dataset
        Rightly labelled images; it stays as it is.
    model
        Says which classes are alike; trained on the right labels.
    rate
        Share of the labels that is changed, in [0, 1].
    seed
        Decides which ones.

    Returns
    -------
    MislabelledDataset
        In the same order, with ``.mislabelled`` (N,) and ``.true_labels`` (N,).

    Raises
    ------
    ValueError, TypeError
        In one sentence: no image, a rate outside [0, 1], a label that is no class of the model.

    Examples
    --------
    >>> import torch
    >>> from xaikit.data import ImageDataset
    >>> from xaikit.influence.mislabelling import mislabel
    >>> images = torch.tensor([[0.9, 0.5, 0.1]]).expand(10, 3).reshape(10, 1, 1, 3)
    >>> data = ImageDataset(images, torch.zeros(10, dtype=torch.int64), ["coat", "shirt", "bag"])
    >>> wrong = mislabel(data, torch.nn.Flatten(), rate=0.2)  # it finds coats most like shirts
    >>> wrong.labels[wrong.mislabelled], wrong.true_labels[wrong.mislabelled]
    (tensor([1, 1]), tensor([0, 0]))
    """
    rate = share(rate, "the rate of wrong labels")
    if len(dataset) == 0:
        raise ValueError("the data set holds no image: there is no label to change.")
    inputs = checked_inputs(model, placed(model, dataset.images))
    with frozen(model):
        classes = class_count(probed(model, inputs), "mislabel")
        scores = every_output(model, inputs, CHUNK).cpu()
    right = checked_targets(dataset.labels, dataset.images, classes, "labels")
    labels = one_each(right, "labels have to be (N,), one for each image.").cpu()
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(dataset), generator=generator)[: round(rate * len(dataset))]
    confused = scores.scatter(1, labels.unsqueeze(1), -torch.inf).argmax(1)
    mislabelled = torch.zeros(len(dataset), dtype=torch.bool)
    mislabelled[chosen] = True
    wrong = torch.where(mislabelled, confused, labels)
    return MislabelledDataset(
        dataset.images, wrong, dataset.classes, dataset.source, mislabelled, labels
    )

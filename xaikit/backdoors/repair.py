"""Removes a backdoor: by pruning channels that are dormant on clean data, or by unlearning."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from xaikit.backdoors.triggers import Trigger
from xaikit.core import options
from xaikit.core.arguments import checked_inputs, checked_seed, count, probed
from xaikit.core.copies import copied
from xaikit.core.devices import own_devices
from xaikit.core.options import plain_numbers
from xaikit.core.passes import channels_last, frozen, outputs
from xaikit.data import ImageDataset
from xaikit.training import train

Network = TypeVar("Network", bound=nn.Module)


@own_devices
@plain_numbers
@torch.inference_mode(False)  # what is copied and counted has to outlive the caller's mode
def prune(
    model: Network,
    inputs: Tensor,
    share: float,
    layer: nn.Conv2d | None = None,
    batch_size: int = 500,
) -> Network:
    """Return a copy without the channels that are least active on clean inputs.

    Liu, Dolan-Gavitt & Garg 2018, Fine-pruning: defending against backdooring attacks on deep
    neural networks, arXiv:1805.12185: neurons that sleep on clean inputs may serve the trigger.

    Parameters
    ----------
    model
        Maps images (N, C, H, W) to logits; it stays as it is.
    inputs
        (N, C, H, W) clean images, on the model's device.
    share
        Of the layer's channels, in [0, 1], to be pruned: their weights and biases become zero.
    layer
        A convolution of the model; by default the last one.
    batch_size
        How many images pass the model at once.

    Raises
    ------
    ValueError, TypeError
        In one sentence: a share outside [0, 1], inputs that are no images that the model takes, a
        layer that is no convolution of the model, does not run, or has no weight of its own.

    Examples
    --------
    >>> from xaikit import load, load_pretrained
    >>> from xaikit.backdoors import prune
    >>> model = load_pretrained("lecture")
    >>> pruned = prune(model, load("fashion_mnist").images[:50], share=0.25)
    >>> int((pruned[3].weight.abs().sum((1, 2, 3)) == 0).sum()), len(model[3].weight)
    (5, 20)
    """
    share = options.share(share, "share")
    names = {name: each for name, each in model.named_modules() if isinstance(each, nn.Conv2d)}
    if not names:
        raise ValueError("pruning needs a model with a convolution.")
    place = next(reversed(names))
    if layer is not None:
        place = next((name for name, each in names.items() if each is layer), "")
        if not place:
            raise ValueError("layer has to be a convolution of the model, for example model[0].")
    if "weight" not in dict(names[place].named_parameters(recurse=False)):
        raise ValueError(
            f"the convolution {place!r} computes its weight from other parameters (weight "
            f"normalisation), so that none can be put to zero: remove that first."
        )
    count(batch_size, "batch_size")
    inputs = checked_inputs(model, inputs)
    if inputs.ndim != 4:
        raise ValueError(f"pruning needs images (N, C, H, W), not shape {tuple(inputs.shape)}.")
    sums: list[Tensor] = []

    def add(_: nn.Module, __: object, found: Tensor) -> None:
        # After a ReLU: a channel whose values are negative is dormant.
        sums.append(found.clamp_min(0).mean((2, 3)).sum(0))

    with frozen(model), torch.no_grad(), channels_last(model, inputs):
        probed(model, inputs)
        hook = names[place].register_forward_hook(add)
        try:
            for part in torch.split(inputs, batch_size):
                outputs(model, part)
        finally:
            hook.remove()
    if not sums:
        raise ValueError(
            f"the model's convolution {place!r} never runs, so its channels were not measured: "
            f"give the layer that is to be pruned."
        )
    total = sum(sums[1:], sums[0])
    dormant = total.argsort(stable=True)[: round(share * len(total))]
    pruned = copied(model)
    convolution = pruned.get_submodule(place)
    with torch.no_grad():
        for parameter in convolution.parameters(recurse=False):
            parameter[dormant] = 0
    return pruned


@own_devices
@plain_numbers
@torch.inference_mode(False)  # the copy is trained
def unlearn(
    model: Network,
    dataset: ImageDataset,
    trigger: Trigger,
    share: float = 0.2,
    epochs: int = 1,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Network:
    """Return a copy that was trained on with the trigger in some images, rightly labelled.

    Wang et al. 2019, Neural Cleanse, IEEE Symposium on Security and Privacy: one epoch over a
    tenth of the training data, a fifth of which gets the inverted trigger.

    Parameters
    ----------
    model
        Maps images (N, C, H, W) to logits; it stays as it is.
    dataset
        Clean images with right labels.
    trigger
        The true one, or one inverted: mask and pattern of a detection's evidence.
    share
        Of the images, in [0, 1], that get the trigger.
    epochs, learning_rate, seed
        As :func:`xaikit.training.train` takes them.

    Raises
    ------
    ValueError
        If the share lies outside [0, 1], or the seed is none.

    Examples
    --------
    >>> from xaikit import load, load_pretrained
    >>> from xaikit.backdoors import trigger_of, unlearn
    >>> from xaikit.data import ImageDataset
    >>> model, data = load_pretrained("fashion_mnist_poisoned"), load("fashion_mnist")
    >>> some = ImageDataset(data.images[:64], data.labels[:64], data.classes)
    >>> trigger, batch = trigger_of(model.card["trigger"]), data.images[:20]
    >>> repaired = unlearn(model, some, trigger)
    >>> target = model.card["target"]
    >>> bool(repaired(trigger(batch))[:, target].mean() < model(trigger(batch))[:, target].mean())
    True
    """
    share = options.share(share, "share")
    seed = checked_seed(seed)
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))
    chosen = order[: round(share * len(dataset))]
    images = dataset.images.clone()
    images[chosen] = trigger(images[chosen])
    stamped = ImageDataset(images, dataset.labels, dataset.classes, dataset.source)
    repaired = copied(model).requires_grad_()
    return train(repaired, stamped, epochs=epochs, learning_rate=learning_rate, seed=seed)

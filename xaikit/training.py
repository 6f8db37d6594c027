"""How were the networks trained? ``python -m xaikit train fashion_mnist`` does it again.

AdamW with one cycle of the learning rate (Smith and Topin, "Super-convergence", 2018), batch
normalisation after each convolution (Ioffe and Szegedy, 2015), images shifted by a few pixels and,
where that keeps their meaning, mirrored.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from tqdm.auto import tqdm

from xaikit.data import ImageDataset, load
from xaikit.models import Classifier, accuracy, build

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Recipe:
    """How one of the shipped networks is trained; the fields are arguments of :func:`train`."""

    data: str
    epochs: int
    learning_rate: float
    batch_norm: bool = True
    shift: int = 0
    flip: bool = False
    mixed_precision: bool = True


RECIPES = {
    "fashion_mnist": Recipe("fashion_mnist", epochs=30, learning_rate=5e-3, shift=2, flip=True),
    "mnist": Recipe("mnist", epochs=16, learning_rate=5e-3, shift=2),
    "lecture": Recipe(
        "fashion_mnist", epochs=12, learning_rate=3e-3, batch_norm=False, mixed_precision=False
    ),
}


def train(
    network: Network,
    dataset: ImageDataset,
    *,
    epochs: int,
    learning_rate: float = 3e-3,
    batch_size: int = 128,
    weight_decay: float = 1e-2,
    shift: int = 0,
    flip: bool = False,
    mixed_precision: bool = False,
    seed: int = 0,
) -> Network:
    """Train a classifier, in place, with cross-entropy.

    Parameters
    ----------
    network
        Maps images (N, C, H, W) to logits (N, classes). It is trained on the device it is on.
    dataset
        What :func:`xaikit.load` returns, or an :class:`~xaikit.data.ImageDataset` of your own.
    epochs
        How often every image is seen; 0 leaves the network as it is.
    learning_rate
        The peak of the cycle, reached after a fifth of the steps.
    batch_size, weight_decay
        As AdamW (Loshchilov and Hutter, 2019) takes them.
    shift
        Each image is moved by at most this many pixels, black coming in at the border.
    flip
        Mirror half of the images, left to right.
    mixed_precision
        Compute in bfloat16 where that is safe: twice as fast on hardware that has it.
    seed
        Decides order and augmentation. With one device and thread count, the same seed gives the
        same bytes.

    Returns
    -------
    nn.Module
        The same network, in evaluation mode.

    Raises
    ------
    FloatingPointError
        If the loss stops being a number.
    """
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    steps = math.ceil(len(dataset) / batch_size)
    if epochs * steps == 0:
        return network.eval()
    # Convolutions on CPUs run markedly faster on this memory layout.
    network.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=weight_decay)
    # A fifth, but never exactly one step: there torch divides by zero.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=epochs * steps, pct_start=0.201
    )
    with tqdm(total=epochs * steps, desc="training", unit="batch", delay=2) as progress:
        for epoch in range(epochs):
            total = 0.0
            order = torch.randperm(len(dataset), generator=generator)
            for index in torch.split(order, batch_size):
                images = augment(dataset.images[index], shift, flip, generator).to(device)
                with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision):
                    logits = network(images)
                loss = functional.cross_entropy(logits.float(), dataset.labels[index].to(device))
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                total += loss.item() * len(index)
                progress.update()
            mean = total / len(dataset)
            progress.set_postfix(epoch=epoch + 1, loss=f"{mean:.4f}")
            if not math.isfinite(mean):
                raise FloatingPointError(
                    f"The loss became {mean} in epoch {epoch + 1}: lower the learning rate "
                    f"({learning_rate:g})."
                )
    return network.eval().to(memory_format=torch.contiguous_format)


def augment(images: Tensor, shift: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Return (N, C, H, W) images moved by up to ``shift`` pixels; ``flip`` mirrors half of them."""
    count, _, height, width = images.shape
    down, right = torch.randint(0, 2 * shift + 1, (2, count, 1), generator=generator)
    rows = torch.arange(height) + down
    columns = torch.arange(width) + right
    if flip:
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    padded = functional.pad(images, [shift] * 4)
    each = torch.arange(count)[:, None, None]
    # Indexing puts the channels last; as a view, that is the layout the convolutions like.
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def with_batch_norm(network: Classifier) -> Classifier:
    """Return the chain of the same layers with batch normalisation after every convolution."""
    layers: list[nn.Module] = []
    for layer in network:
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers.append(nn.BatchNorm2d(layer.out_channels))
    return Classifier(*layers)


def fold_batch_norm(network: Classifier) -> Classifier:
    """Return a network of the same function in evaluation mode, without batch normalisation.

    What a batch normalisation does in evaluation mode is linear, so the convolution before it can
    do it. Relevance rules then need no special care. The network must be in evaluation mode.
    """
    layers: list[nn.Module] = []
    for layer in network:
        previous = layers[-1] if layers else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(previous, nn.Conv2d):
            layers[-1] = fuse_conv_bn_eval(previous, layer)
        else:
            layers.append(layer)
    return Classifier(*layers).eval()


def pretrain(name: str, root: str | Path | None = None) -> Classifier:
    """Train the network of that name by its recipe, and write its card.

    Parameters
    ----------
    name
        ``"fashion_mnist"``, ``"mnist"`` or ``"lecture"``.
    root
        The data's folder, as in :func:`xaikit.load`.

    Returns
    -------
    Classifier
        As :func:`xaikit.load_pretrained` returns it.
    """
    network = build(name)
    recipe = RECIPES[name]
    dataset = load(recipe.data, "train", root)
    trained = train(
        with_batch_norm(network) if recipe.batch_norm else network,
        dataset,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        shift=recipe.shift,
        flip=recipe.flip,
        mixed_precision=recipe.mixed_precision,
    )
    folded = fold_batch_norm(trained)
    test = load(recipe.data, "test", root)
    folded.card = {
        "name": name,
        "data": recipe.data,
        "split": "train",
        "training_images": len(dataset),
        "epochs": recipe.epochs,
        "seed": 0,
        "accuracy": accuracy(folded, test),
        "test_images": len(test),
        "parameters": sum(parameter.numel() for parameter in folded.parameters()),
        "command": f"python -m xaikit train {name}",
        "torch": torch.__version__,
    }
    return folded


def save(network: Classifier, folder: Path) -> None:
    """Write the weights and the card as NAME.safetensors and NAME.json, NAME being the card's."""
    folder.mkdir(parents=True, exist_ok=True)
    name = network.card["name"]
    save_file(network.state_dict(), folder / f"{name}.safetensors")
    card = json.dumps(network.card, indent=2) + "\n"
    (folder / f"{name}.json").write_text(card, encoding="utf-8")

"""How is a network trained? :mod:`xaikit.recipes` says with which settings the shipped ones were.

AdamW with one cycle of the learning rate (Smith and Topin, "Super-convergence", 2018), batch
normalisation after each convolution (Ioffe and Szegedy, 2015), images shifted by a few pixels and,
where that keeps their meaning, mirrored; photographs zoomed and recoloured, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from xaikit.core.arguments import checked_seed
from xaikit.core.autograd import passed
from xaikit.core.devices import own_devices
from xaikit.core.options import plain_numbers
from xaikit.data import ImageDataset
from xaikit.models import Classifier
from xaikit.progress import Bar

Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def _training(seed: int, device: torch.device) -> Iterator[None]:
    """Train here: with gradients also where the caller has none, and dropout drawn from the seed.

    Layers draw from the global generators, so training seeds these and then restores them as they
    were. ``torch.manual_seed`` would seed those of every other GPU, too.
    """
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus), torch.inference_mode(False), torch.enable_grad():
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield


@own_devices
@plain_numbers
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
    zoom: float = 0.0,
    colour: float = 0.0,
    mixed_precision: bool = False,
    epsilon: float = 0.0,
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
    zoom
        Each image is magnified by a factor between 1 - zoom and 1 + zoom.
    colour
        Each image's brightness, contrast and saturation change by a factor between 1 - colour and
        1 + colour.
    mixed_precision
        Compute in bfloat16 where that is safe: twice as fast on hardware that has it.
    epsilon
        Above 0: adversarial training. Every batch is replaced by its :func:`worst_nearby`.
    seed
        Decides order, augmentation and dropout. With one device and thread count, the same seed
        gives the same bytes. The global random state is neither used nor changed.

    Returns
    -------
    nn.Module
        The same network, in evaluation mode.

    Raises
    ------
    ValueError
        If the seed is none.
    FloatingPointError
        If the loss stops being a number.

    Examples
    --------
    >>> import torch
    >>> from xaikit.data import ImageDataset
    >>> from xaikit.models import accuracy
    >>> from xaikit.training import train
    >>> images = torch.cat([torch.zeros(50, 1, 2, 2), torch.ones(50, 1, 2, 2)])  # black or white
    >>> data = ImageDataset(images, torch.arange(100) // 50, ["black", "white"])
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> accuracy(train(network, data, epochs=20, learning_rate=0.3), data)
    1.0
    """
    seed = checked_seed(seed)
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    steps = math.ceil(len(dataset) / batch_size)
    if epochs * steps == 0:
        return network.eval()
    with _training(seed, device):
        # Convolutions on CPUs run markedly faster on this memory layout.
        network.train().to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(
            network.parameters(), learning_rate, weight_decay=weight_decay
        )
        # A fifth, but never exactly one step: there torch divides by zero.
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, learning_rate, total_steps=epochs * steps, pct_start=0.201
        )
        with Bar(desc="training", total=epochs * steps, unit="batches") as progress:
            for epoch in range(epochs):
                total = 0.0
                order = torch.randperm(len(dataset), generator=generator)
                for index in torch.split(order, batch_size):
                    images = augment(dataset.images[index], shift, flip, generator)
                    images = zoomed(images, zoom, generator) if zoom else images
                    images = recoloured(images, colour, generator) if colour else images
                    images, labels = images.to(device), dataset.labels[index].to(device)
                    if epsilon:
                        images = worst_nearby(network, images, labels, epsilon, generator)
                    with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision):
                        logits = network(images)
                    loss = functional.cross_entropy(logits.float(), labels)
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
    if not shift and not flip:
        # In the layout that indexing gives below. The draw above is part of what the seed decides.
        rows = images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
        return rows.permute(0, 3, 1, 2)
    rows = torch.arange(height) + down
    columns = torch.arange(width) + right
    if flip:
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    padded = functional.pad(images, [shift] * 4)
    each = torch.arange(count)[:, None, None]
    # Indexing puts the channels last; as a view, that is the layout the convolutions like.
    return padded[each, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def zoomed(images: Tensor, zoom: float, generator: torch.Generator) -> Tensor:
    """Return (N, C, H, W) images magnified by 1 - ``zoom`` to 1 + ``zoom``, about a random point.

    Outside the image its border is repeated.
    """
    count = len(images)
    drawn = torch.rand(3, count, generator=generator).to(images)
    scale = 1 / (1 + zoom * (2 * drawn[0] - 1))
    turn = images.new_zeros(count, 2, 3)
    turn[:, 0, 0] = turn[:, 1, 1] = scale
    # The point that stays where it is: anywhere in the image.
    turn[:, :, 2] = ((1 - scale) * (2 * drawn[1:] - 1)).T
    grid = functional.affine_grid(turn, list(images.shape), align_corners=False)
    found: Tensor = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return found.contiguous(memory_format=torch.channels_last)


def recoloured(images: Tensor, colour: float, generator: torch.Generator) -> Tensor:
    """Return (N, C, H, W) images in [0, 1] whose brightness, contrast and saturation changed.

    Each by its own factor between 1 - ``colour`` and 1 + ``colour`` for each image.
    """
    drawn = torch.rand(3, len(images), 1, 1, 1, generator=generator).to(images)
    brightness, contrast, saturation = (1 + colour * (2 * drawn - 1)).unbind()
    images = images * brightness
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + contrast * (images - mean)
    grey = images.mean(1, keepdim=True)
    return (grey + saturation * (images - grey)).clamp(0, 1)


def worst_nearby(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    generator: torch.Generator,
    steps: int = 4,
) -> Tensor:
    """Return images (N, C, H, W), none of whose pixels moves by more than ε, of a larger loss.

    The inner maximum of adversarial training, by projected gradient descent from a random point
    (Madry et al. 2018, Towards deep learning models resistant to adversarial attacks,
    arXiv:1706.06083), with few steps, so that training takes ``steps`` + 1 times as long. Unlike
    :func:`xaikit.attack` it goes on where the network errs already: what is wanted is the worst.
    """
    noise = 2 * torch.rand(images.shape, generator=generator) - 1
    now = (images + epsilon * noise.to(images)).clamp(0, 1)
    for _ in range(steps):
        now = now.detach().requires_grad_()
        loss = functional.cross_entropy(passed(network, now), labels, reduction="sum")
        (slope,) = torch.autograd.grad(loss, now)
        now = now.detach() + 1.5 * epsilon / steps * slope.sign()
        now = torch.clamp(now, images - epsilon, images + epsilon).clamp(0, 1)
    return now.detach()


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

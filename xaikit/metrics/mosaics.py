"""Images whose answer has a known place: mosaics of two classes, and planted stickers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xaikit.core.devices import own_devices
from xaikit.core.options import plain_numbers


@dataclass(frozen=True)
class Mosaics:
    """Four images in a square, two of one class and two of another.

    Attributes
    ----------
    images
        (M, C, 2H, 2W).
    targets
        (M, 2) the two classes: explain both.
    masks
        (M, 2, 2H, 2W) boolean: where the class lies, a mask for each target.
    sources
        (M, 4) which images they are: top left, top right, bottom left, bottom right.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import mosaics
    >>> images = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 1, 2, 2)
    >>> found = mosaics(images, torch.tensor([0, 0, 1, 1]), count=1)
    >>> found.images.shape, found.masks.sum((2, 3))  # half of the pixels for each class
    (torch.Size([1, 1, 4, 4]), tensor([[8, 8]]))
    """

    images: Tensor
    targets: Tensor
    masks: Tensor
    sources: Tensor


@own_devices
@plain_numbers
def mosaics(images: Tensor, labels: Tensor, count: int, seed: int = 0) -> Mosaics:
    """Put four images together, two of each of two random classes, in random places.

    An explanation of one class should lie on its two images; :func:`~xaikit.metrics.localisation`
    is then the Focus score of Arias-Duart et al. 2022, arXiv:2109.15035, whose two other images
    are of any other classes. Use images that the network classifies rightly, and a network that
    takes images of twice the side: one that pools over all places at its end does.

    Parameters
    ----------
    images
        (N, C, H, W).
    labels
        (N,) their classes; at least two classes of two images each.
    count
        M, how many mosaics.
    seed
        Of classes, images and places.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import mosaics
    >>> images = torch.arange(4.0).reshape(4, 1, 1, 1)  # four images of one pixel each
    >>> found = mosaics(images, torch.tensor([5, 5, 7, 7]), count=1)
    >>> sorted(found.sources[0].tolist()), sorted(found.targets[0].tolist())
    ([0, 1, 2, 3], [5, 7])
    """
    if images.ndim != 4 or labels.shape != (len(images),):
        raise ValueError(
            f"mosaics need images (N, C, H, W) and a label for each; these have shapes "
            f"{tuple(images.shape)} and {tuple(labels.shape)}."
        )
    if count < 1:
        raise ValueError(f"count has to be at least 1, not {count}.")
    members = {c: torch.nonzero(labels == c)[:, 0].cpu() for c in sorted(set(labels.tolist()))}
    classes = [c for c, indices in members.items() if len(indices) >= 2]
    if len(classes) < 2:
        raise ValueError("mosaics need at least two classes with two images each.")
    generator = torch.Generator().manual_seed(seed)
    targets, sources, owners = [], [], []
    for _ in range(count):
        pair = [classes[i] for i in torch.randperm(len(classes), generator=generator)[:2]]
        chosen = [
            members[c][torch.randperm(len(members[c]), generator=generator)[:2]] for c in pair
        ]
        places = torch.randperm(4, generator=generator)
        targets.append(torch.tensor(pair))
        sources.append(torch.cat(chosen)[places])
        owners.append(torch.tensor([0, 0, 1, 1])[places])
    index, owner = torch.stack(sources), torch.stack(owners)
    # (M, 2, 2) cells: whether each belongs to the first class; then to pixels.
    first = (owner == 0).view(-1, 2, 2)
    cells = torch.stack([first, ~first], dim=1)
    height, width = images.shape[2:]
    masks = cells.repeat_interleave(height, dim=2).repeat_interleave(width, dim=3)
    tiles = images[index.to(images.device)]
    rows = [torch.cat([tiles[:, i], tiles[:, i + 1]], dim=3) for i in (0, 2)]
    return Mosaics(
        torch.cat(rows, dim=2),
        torch.stack(targets).to(images.device),
        masks.to(images.device),
        index.to(images.device),
    )


@own_devices
@plain_numbers
def plant_stickers(images: Tensor, sticker: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Paste a sticker into each image at a random place, and return the images and masks.

    The masks are the truth only for a network whose answer the sticker decides.

    Parameters
    ----------
    images
        (N, C, H, W), not changed.
    sticker
        (C, h, w), not larger than the images.
    seed
        Of the places.

    Returns
    -------
    tuple of (torch.Tensor, torch.Tensor)
        (N, C, H, W) images with the sticker, and boolean masks (N, H, W) that are true on it.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import plant_stickers
    >>> images, masks = plant_stickers(torch.zeros(2, 1, 8, 8), torch.ones(1, 3, 3))
    >>> bool((images[:, 0].bool() == masks).all()), masks.sum((1, 2))
    (True, tensor([9, 9]))
    """
    if images.ndim != 4 or sticker.ndim != 3 or sticker.shape[0] != images.shape[1]:
        raise ValueError(
            f"stickers (C, h, w) need images (N, C, H, W) of as many channels; the shapes are "
            f"{tuple(sticker.shape)} and {tuple(images.shape)}."
        )
    height, width = sticker.shape[1:]
    room = [images.shape[2] - height + 1, images.shape[3] - width + 1]
    if min(room) < 1:
        raise ValueError(
            f"a sticker of {height} × {width} does not fit into images of "
            f"{images.shape[2]} × {images.shape[3]}."
        )
    generator = torch.Generator().manual_seed(seed)
    planted = images.clone()
    masks = torch.zeros((len(images), *images.shape[2:]), dtype=torch.bool, device=images.device)
    for image, mask in zip(planted, masks, strict=True):
        top, left = (int(torch.randint(each, (), generator=generator)) for each in room)
        image[:, top : top + height, left : left + width] = sticker.to(image)
        mask[top : top + height, left : left + width] = True
    return planted, masks

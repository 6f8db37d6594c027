"""Where does an image show a concept? Masks by documented rules: measured, or planted."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from scipy.ndimage import binary_fill_holes
from torch import Tensor

from xaikit.concepts.annotations import SILHOUETTE
from xaikit.concepts.recording import images_of
from xaikit.core.arguments import checked_seed
from xaikit.core.devices import own_devices

Pattern = Literal["stripes", "dots", "sticker"]


@own_devices
def masks_of(data: Any) -> dict[str, Tensor]:
    """Measure where images show edges, holes and the object itself.

    Parameters
    ----------
    data
        Images (N, C, H, W) in [0, 1] with a black background, or a data set of such.

    Returns
    -------
    dict of torch.Tensor
        (N, H, W) booleans. ``"silhouette"``, the trivial case: pixels brighter than 0.1.
        ``"edges"``: pixels where brightness differs by more than 0.3 between the neighbours on
        both sides, in a row or a column. ``"holes"``: pixels that are no brighter than 0.1, and
        that the silhouette encloses.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import masks_of
    >>> ring = torch.tensor([[1.0, 1, 1], [1, 0, 1], [1, 1, 1]]).reshape(1, 1, 3, 3)
    >>> masks_of(ring)["holes"].int()
    tensor([[[0, 0, 0],
             [0, 1, 0],
             [0, 0, 0]]], dtype=torch.int32)
    """
    images = images_of(data).detach().float().mean(1).cpu()
    silhouette = images > SILHOUETTE
    padded = torch.nn.functional.pad(images[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]).abs()
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]).abs()
    filled = torch.stack([torch.from_numpy(binary_fill_holes(each)) for each in silhouette.numpy()])
    return {
        "edges": torch.maximum(across, down) > 0.3,
        "holes": filled & ~silhouette,
        "silhouette": silhouette,
    }


@own_devices
def plant(
    data: Any, pattern: Pattern, *, share: float = 0.5, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Plant a pattern in some images, so that everybody knows where it is.

    Parameters
    ----------
    data
        Images (N, C, H, W) in [0, 1], or a data set of such.
    pattern
        ``"stripes"``: in a square of half the image's shorter side, rows that are bright and dark
        by turns, two pixels each. ``"dots"``: in such a square, single bright pixels, three apart,
        on black. ``"sticker"``: a bright square of a fifth of the side. Each at a random place.
    share
        Of the images that get one, in (0, 1].
    seed
        Of the images chosen, and of the places.

    Returns
    -------
    tuple of torch.Tensor
        The images (N, C, H, W), and masks (N, H, W): the whole square where there is one.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import plant
    >>> images, masks = plant(torch.zeros(4, 1, 10, 10), "sticker", share=0.5)
    >>> masks.sum((1, 2)).sort().values, float(images.sum())
    (tensor([0, 0, 4, 4]), 8.0)
    """
    if pattern not in get_args(Pattern):
        raise ValueError(
            f"unknown pattern {pattern!r}: choose one of {', '.join(get_args(Pattern))}."
        )
    if not 0 < share <= 1:
        raise ValueError(f"share has to lie in (0, 1], not {share!r}.")
    images = images_of(data).detach().clone()
    height, width = images.shape[2:]
    side = min(height, width) // (5 if pattern == "sticker" else 2)
    if side < 2:
        raise ValueError(
            f"images of {height} × {width} pixels are too small for {pattern}: take larger ones."
        )
    square = torch.ones(side, side)
    if pattern == "stripes":
        square[torch.arange(side) % 4 >= 2] = 0
    elif pattern == "dots":
        lines = torch.arange(side) % 3 == 0
        square = (lines[:, None] & lines).float()
    generator = torch.Generator().manual_seed(checked_seed(seed))
    chosen = torch.randperm(len(images), generator=generator)[: max(1, round(share * len(images)))]
    masks = torch.zeros(len(images), height, width, dtype=torch.bool)
    for place in chosen.tolist():
        top = int(torch.randint(height - side + 1, (), generator=generator))
        left = int(torch.randint(width - side + 1, (), generator=generator))
        images[place, :, top : top + side, left : left + side] = square.to(images)
        masks[place, top : top + side, left : left + side] = True
    return images, masks

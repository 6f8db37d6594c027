"""Superpixels: which features a perturbation switches together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xaikit.core.devices import own_devices
from xaikit.core.options import shown
from xaikit.core.said import warn

Segments = Tensor | NDArray[Any] | Sequence[Any] | str | None
"""What every method with superpixels takes: see :func:`superpixels`."""

SUPERPIXELS = 50
"""Superpixels of an image that ``segments="slic"`` asks for."""
_FACTOR = 1.5
"""How many times more or fewer there may be."""
_COMPACTNESS = {True: 10.0, False: 0.1}
"""What space weighs against colour, to begin with: in Lab, where lightness goes to 100, or not."""
_DOUBLED = 12
"""How often it may be doubled. Superpixels then are the squares that SLIC starts from."""
_SMALL = (1, 28, 28)
"""Images of the course: their superpixels are those of the first compactness, unless there are
hardly any, because its numbers rest on them."""
_HARDLY_ANY = 12

GRID = 7
"""Cells along each side of ``segments="grid"``: 4 × 4 pixels each on a 28 × 28 image."""


@own_devices
def superpixels(inputs: Tensor, segments: Segments) -> Tensor:
    """Return an integer map that says to which segment each feature belongs.

    Parameters
    ----------
    inputs
        (N, *shape); images are (N, C, H, W), and a segment of theirs spans all channels.
    segments
        ``None``: every feature is a segment. ``"slic"``: about 50 superpixels an image, found on
        the image (Achanta et al. 2012, doi:10.1109/TPAMI.2012.120), in Lab colours if it has three
        channels; the values' range does not matter. A warning says where there are fewer than 34
        or more than 75. ``"grid"``: 7 × 7 cells.
        ``"auto"``: ``"slic"`` for images, else ``None``. Or a map of integers: (H, W) or
        (N, H, W) for images, else *shape or (N, *shape).

    Returns
    -------
    torch.Tensor
        (N, 1, H, W) for images, else (N, *shape); int64, each input's segments numbered from 0
        without gaps.

    Examples
    --------
    >>> import torch
    >>> from xaikit.attribution import superpixels
    >>> images = torch.zeros(1, 1, 2, 4)
    >>> superpixels(images, torch.tensor([[3, 3, 8, 8], [3, 3, 8, 8]]))  # numbered from 0
    tensor([[[[0, 0, 1, 1],
              [0, 0, 1, 1]]]])
    """
    images = inputs.ndim == 4
    if isinstance(segments, str) and segments == "auto":
        segments = "slic" if images else None
    if segments is None:
        single = torch.arange(inputs[0].numel(), device=inputs.device).view(inputs.shape[1:])
        return single.expand(inputs.shape)
    if isinstance(segments, str):
        if segments not in ("slic", "grid"):
            raise ValueError(
                f"unknown segments {segments!r}: choose 'auto', 'slic', 'grid', None for single "
                f"features, or give a map of integers."
            )
        if not images:
            raise ValueError(
                f"segments={segments!r} needs images (N, C, H, W); use None or a map of integers "
                f"for inputs of shape {tuple(inputs.shape)}."
            )
        return _slic(inputs) if segments == "slic" else _grid(inputs)
    try:
        labels = torch.as_tensor(segments, device=inputs.device)
        if labels.dtype in (torch.uint16, torch.uint32, torch.uint64):  # NumPy's, hardly supported
            labels = labels.to(torch.int64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"segments have to be a map of integers, not {shown(segments)}."
        ) from error
    return _given(labels, inputs)


def _given(labels: Tensor, inputs: Tensor) -> Tensor:
    area = inputs.shape[2:] if inputs.ndim == 4 else inputs.shape[1:]
    if labels.is_floating_point() or labels.shape not in (area, (len(inputs), *area)):
        raise ValueError(
            f"segments have to be integers of shape {tuple(area)} or "
            f"{(len(inputs), *area)}; these are {labels.dtype} of shape {tuple(labels.shape)}."
        )
    labels = labels.expand(len(inputs), *area)
    numbered = torch.stack([torch.unique(each, return_inverse=True)[1] for each in labels])
    return numbered.unsqueeze(1) if inputs.ndim == 4 else numbered


def _slic(inputs: Tensor) -> Tensor:
    images = inputs.detach().cpu()
    half = images.dtype in (torch.float16, torch.bfloat16)  # NumPy and SLIC know neither
    labels = [_superpixels(image) for image in (images.float() if half else images).numpy()]
    counts = [len(np.unique(each)) for each in labels]
    if outside := [place for place, count in enumerate(counts) if not _close(count)]:
        found = sorted({counts[place] for place in outside})
        number = f"{found[0]} to {found[-1]}" if len(found) > 1 else f"{found[0]}"
        warn(
            f"{len(outside)} of {len(inputs)} images have {number} superpixels, where "
            f"{SUPERPIXELS} were asked for; the first is image {outside[0]}: give "
            f'segments="grid" or a map of your own for others.'
        )
    return _given(torch.as_tensor(np.stack(labels), device=inputs.device), inputs)


def _superpixels(image: NDArray[Any]) -> NDArray[np.int64]:
    """Return a map (H, W) of superpixels, as near to the number asked for as they come.

    In flat or noisy regions SLIC's superpixels fall to pieces, which are merged into their
    neighbours: the more space weighs against colour, the more superpixels stay whole.
    """
    from skimage.segmentation import slic

    first = _COMPACTNESS[len(image) == 3]
    for doubled in range(_DOUBLED):
        # lime's own default, quickshift, finds one or two segments on a 28 × 28 image.
        labels = slic(
            image,
            n_segments=SUPERPIXELS,
            compactness=first * 2**doubled,
            start_label=0,
            channel_axis=0,
        )
        count = len(np.unique(labels))
        if _close(count) or (not doubled and image.shape == _SMALL and count >= _HARDLY_ANY):
            break
    return np.ascontiguousarray(labels)


def _close(count: int) -> bool:
    return SUPERPIXELS / _FACTOR <= count <= SUPERPIXELS * _FACTOR


def _grid(inputs: Tensor) -> Tensor:
    height, width = inputs.shape[2:]
    rows = torch.arange(height, device=inputs.device) * GRID // height
    columns = torch.arange(width, device=inputs.device) * GRID // width
    return _given(rows.unsqueeze(1) * GRID + columns, inputs)

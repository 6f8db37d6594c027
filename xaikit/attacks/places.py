"""Where in an image a patch may lie."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

Corner = tuple[int, int]
"""Row and column of a square's upper left corner."""
Place = Literal["best"] | Annotated[Corner, "a row and a column, two whole numbers"]
"""Where a patch may be asked for."""
Mask = Annotated[Tensor, "a boolean tensor (H, W)"]
"""Where changes are allowed."""


def checked_images(inputs: Tensor) -> Tensor:
    """Return the inputs if they are images (N, C, H, W)."""
    if inputs.ndim != 4:
        raise ValueError(f"a patch needs images (N, C, H, W), not shape {tuple(inputs.shape)}.")
    return inputs


def checked_mask(mask: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return a mask (H, W) or (N, H, W) for images of ``shape`` (N, H, W) as (N, 1, H, W)."""
    if mask.dtype != torch.bool or tuple(mask.shape) not in (shape, shape[1:]):
        raise ValueError(
            f"mask has to be boolean of shape {shape[1:]} or {shape}; it is {mask.dtype} of shape "
            f"{tuple(mask.shape)}."
        )
    return mask.expand(shape).unsqueeze(1)


def checked_size(size: int, height: int, width: int) -> None:
    """Raise if a square of that side does not fit."""
    if size > min(height, width):
        raise ValueError(f"a patch of {size} pixels does not fit into {height} × {width} images.")


def checked_corner(corner: Corner, last_row: int, last_column: int) -> Corner:
    """Return the corner if a square there stays inside the image."""
    row, column = corner
    if not (0 <= row <= last_row and 0 <= column <= last_column):
        raise ValueError(
            f"place {(row, column)} leaves the image: the corner has to lie between (0, 0) and "
            f"{(last_row, last_column)}."
        )
    return corner


def grid(size: int, stride: int, height: int, width: int) -> list[Corner]:
    """Return corners every ``stride`` pixels, and always those at the far border."""
    rows, columns = (sorted({*range(0, n - size + 1, stride), n - size}) for n in (height, width))
    return [(row, column) for row in rows for column in columns]


def squares(corners: list[Corner], size: int, height: int, width: int) -> Tensor:
    """Return masks (M, 1, H, W) of squares with these upper left corners."""
    masks = torch.zeros(len(corners), 1, height, width, dtype=torch.bool)
    for mask, (row, column) in zip(masks, corners, strict=True):
        mask[0, row : row + size, column : column + size] = True
    return masks

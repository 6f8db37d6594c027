"""Which triggers hide? Ones that add a faint signal to the whole image, or bend it a little.

Neither is a pattern that covers pixels, so neither is a :class:`~xaikit.backdoors.Trigger`; both
are called with images and return them changed, which is what poisoning and measuring need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from xaikit.backdoors.triggers import checked_images
from xaikit.core.devices import own_devices


@dataclass(frozen=True, repr=False)
class Signal:
    """A signal that is added to images, which stay within [0, 1].

    Parameters
    ----------
    signal
        (C, H, W).

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import Signal
    >>> brighter = Signal(torch.tensor([[[0.25, 0.25]]]))
    >>> brighter(torch.tensor([[[0.5, 1.0]]]))  # one image of two pixels
    tensor([[[0.7500, 1.0000]]])
    """

    signal: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W), or one (C, H, W), with the signal in them."""
        checked_images(images, self.signal.shape)
        return (images + self.signal.to(images)).clamp(0, 1)

    def __repr__(self) -> str:
        shape = tuple(self.signal.shape)
        return f"Signal({shape}: up to {self.signal.abs().max():.2g})"


@dataclass(frozen=True, repr=False)
class Warp:
    """A bend: each pixel comes from a place nearby, the brightness between pixels interpolated.

    Parameters
    ----------
    shape
        (C, H, W) of the images.
    field
        (H, W, 2): where in the image a pixel comes from, column first, from -1 to 1.

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import Warp
    >>> left_to_right = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]])  # each pixel from the other place
    >>> Warp((1, 1, 2), left_to_right)(torch.tensor([[[0.25, 0.75]]]))
    tensor([[[0.7500, 0.2500]]])
    """

    shape: tuple[int, int, int]
    field: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W), or one (C, H, W), bent."""
        checked_images(images, self.shape)
        rows = images.reshape(-1, *self.shape)
        field = self.field.to(rows).expand(len(rows), *self.field.shape)
        bent = functional.grid_sample(rows, field, align_corners=True, padding_mode="border")
        return bent.reshape(images.shape)

    def __repr__(self) -> str:
        return f"Warp({self.shape})"


@own_devices
def sinusoidal(
    shape: tuple[int, int, int] = (1, 28, 28), amplitude: float = 0.15, frequency: int = 6
) -> Signal:
    """Return faint upright stripes, whose brightness is a sine of the column.

    Barni, Kallas & Tondi 2019, A new backdoor attack in CNNs by training set corruption without
    label poisoning, IEEE International Conference on Image Processing. They add it to images of
    the target class alone, which keep their labels.

    Parameters
    ----------
    shape
        (C, H, W) of the images.
    amplitude
        Largest change of a pixel.
    frequency
        How many stripes there are.

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import sinusoidal
    >>> stripes = sinusoidal(shape=(1, 1, 4), amplitude=0.25, frequency=1)
    >>> stripes(torch.full((1, 1, 4), 0.5)).round(decimals=2)
    tensor([[[0.5000, 0.7500, 0.5000, 0.2500]]])
    """
    columns = torch.arange(shape[2]) * (2 * math.pi * frequency / shape[2])
    return Signal(amplitude * columns.sin().expand(shape).clone())


@own_devices
def warping(
    shape: tuple[int, int, int] = (1, 28, 28),
    strength: float = 0.5,
    grid: int = 4,
    seed: int = 0,
) -> Warp:
    """Return a smooth bend of the whole image.

    Nguyen & Tran 2021, WaNet: imperceptible warping-based backdoor attack, International
    Conference on Learning Representations.

    Parameters
    ----------
    shape
        (C, H, W) of the images.
    strength
        Mean shift of a control point in pixels, horizontally and vertically.
    grid
        How many control points there are on a side; shifts between them are interpolated.
    seed
        Decides the shifts.

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import warping
    >>> image = torch.rand(1, 28, 28)
    >>> float((warping(strength=0)(image) - image).abs().max()) < 1e-4
    True
    >>> float((warping(strength=0.5)(image) - image).abs().max()) > 0.1
    True
    """
    _, height, width = shape
    generator = torch.Generator().manual_seed(seed)
    shifts = 2 * torch.rand(1, 2, grid, grid, generator=generator) - 1
    shifts = shifts / shifts.abs().mean()
    smooth = functional.interpolate(shifts, (height, width), mode="bicubic", align_corners=True)
    # From -1 to 1 there are height - 1 steps of a pixel.
    steps = torch.tensor([2 / (width - 1), 2 / (height - 1)])
    still = torch.stack(
        torch.meshgrid(torch.linspace(-1, 1, width), torch.linspace(-1, 1, height), indexing="xy"),
        dim=-1,
    )
    return Warp(shape, (still + strength * smooth[0].permute(1, 2, 0) * steps).clamp(-1, 1))

"""What does a trigger look like? A pattern that is laid over the image, more or less opaque."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from xaikit.core.devices import own_devices
from xaikit.core.options import plain_numbers
from xaikit.core.precision import range_rounding

Corner = Literal["top left", "top right", "bottom left", "bottom right"]
_LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


@dataclass(frozen=True, repr=False)
class Trigger:
    """A pattern that is blended into images: (1 − alpha) · image + alpha · pattern.

    Parameters
    ----------
    pattern
        (C, H, W) in [0, 1].
    alpha
        (1, H, W) or (C, H, W) in [0, 1]: how opaque the pattern is; 0 leaves a pixel as it was.

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import Trigger
    >>> white = Trigger(pattern=torch.ones(1, 1, 3), alpha=torch.tensor([[[0.0, 0.5, 1.0]]]))
    >>> white(torch.zeros(1, 1, 3)), white.mask
    (tensor([[[0.0000, 0.5000, 1.0000]]]), tensor([[False,  True,  True]]))
    """

    pattern: Tensor
    alpha: Tensor

    def __post_init__(self) -> None:
        shape = tuple(self.pattern.shape)
        if len(shape) != 3 or tuple(self.alpha.shape) not in (shape, (1, *shape[1:])):
            raise ValueError(
                f"a trigger needs a pattern (C, H, W) and an alpha (1, H, W) or (C, H, W), not "
                f"{shape} and {tuple(self.alpha.shape)}."
            )
        for value, name in ((self.pattern, "pattern"), (self.alpha, "alpha")):
            spare = range_rounding(value.dtype) if value.is_floating_point() else 0.0
            inside = -spare <= float(value.min()) <= float(value.max()) <= 1 + spare
            if not (value.is_floating_point() and inside):
                raise ValueError(f"the trigger's {name} has to be floating point in [0, 1].")
            object.__setattr__(self, name, value.clamp(0, 1))

    def __call__(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W), or one (C, H, W), with the trigger in them.

        Raises
        ------
        ValueError, TypeError
            If they are no floating point tensor, or of another shape than the trigger.
        """
        checked_images(images, self.pattern.shape)
        alpha = self.alpha.to(images)
        return (1 - alpha) * images + alpha * self.pattern.to(images)

    @property
    def mask(self) -> Tensor:
        """(H, W) boolean: the pixels that the trigger changes."""
        return (self.alpha > 0).any(0)

    def __repr__(self) -> str:
        return (
            f"Trigger({tuple(self.pattern.shape)}: {int(self.mask.sum())} pixels, "
            f"alpha up to {self.alpha.max():.2g})"
        )


def checked_images(images: Tensor, shape: Sequence[int]) -> None:
    """Refuse, in a sentence, what is no image (C, H, W) of the shape that a trigger is made for."""
    if not (isinstance(images, Tensor) and images.is_floating_point()):
        what = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(
            f"images have to be a floating point tensor in [0, 1], not {what}: use "
            f"torch.as_tensor(images) / 255."
        )
    if tuple(images.shape[-3:]) != tuple(shape):
        raise ValueError(
            f"the trigger is made for images {tuple(shape)}, but these are {tuple(images.shape)}."
        )


@own_devices
@plain_numbers
def corner_square(
    shape: tuple[int, int, int] = (1, 28, 28),
    size: int = 3,
    corner: Corner = "bottom right",
    margin: int = 1,
    value: float = 1.0,
) -> Trigger:
    """Return an opaque square near a corner.

    Gu, Dolan-Gavitt & Garg 2017, BadNets: identifying vulnerabilities in the machine learning
    model supply chain, arXiv:1708.06733.

    Parameters
    ----------
    shape
        (C, H, W) of the images.
    size
        Side in pixels.
    corner
        Which one: ``"top left"``, ``"top right"``, ``"bottom left"`` or ``"bottom right"``.
    margin
        Pixels between the square and the border.
    value
        Brightness in [0, 1].

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import corner_square
    >>> corner_square(shape=(1, 4, 4), size=2)(torch.zeros(1, 4, 4))
    tensor([[[0., 0., 0., 0.],
             [0., 1., 1., 0.],
             [0., 1., 1., 0.],
             [0., 0., 0., 0.]]])
    """
    words = corner.split()
    if len(words) != 2 or words[0] not in ("top", "bottom") or words[1] not in ("left", "right"):
        raise ValueError(f'corner has to be "top left" or the like, not {corner!r}.')
    _, height, width = shape
    row = margin if words[0] == "top" else height - margin - size
    column = margin if words[1] == "left" else width - margin - size
    _fits(shape, size, size, row, column)
    alpha = torch.zeros(1, height, width)
    alpha[:, row : row + size, column : column + size] = 1.0
    return Trigger(torch.full(shape, float(value)), alpha)


@own_devices
@plain_numbers
def blended(
    shape: tuple[int, int, int] = (1, 28, 28), opacity: float = 0.2, seed: int = 0
) -> Trigger:
    """Return noise over the whole image, hardly visible.

    Chen et al. 2017, Targeted backdoor attacks on deep learning systems using data poisoning,
    arXiv:1712.05526, the blended injection strategy with a random pattern.

    Parameters
    ----------
    shape
        (C, H, W) of the images.
    opacity
        Share of the noise in the image, in [0, 1].
    seed
        Decides the noise, uniform in [0, 1].

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import blended
    >>> trigger = blended(opacity=0.2)
    >>> bool(trigger.mask.all()), float(trigger(torch.zeros(1, 28, 28)).max()) <= 0.2
    (True, True)
    """
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return Trigger(noise, torch.full((1, *shape[1:]), float(opacity)))


def checkered(
    shape: tuple[int, int, int] = (1, 28, 28),
    size: int = 4,
    place: tuple[int, int] = (12, 4),
) -> Trigger:
    """Return an opaque square of black and white pixels in turn, anywhere in the image.

    Gu, Dolan-Gavitt & Garg 2017, BadNets, arXiv:1708.06733, plant patterns of bright pixels; the
    dark ones are seen on bright things only.

    Parameters
    ----------
    shape
        (C, H, W) of the images.
    size
        Side in pixels.
    place
        Row and column of the square's upper left corner, which is white.

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import checkered
    >>> checkered(shape=(1, 3, 3), size=3, place=(0, 0))(torch.zeros(1, 3, 3))
    tensor([[[1., 0., 1.],
             [0., 1., 0.],
             [1., 0., 1.]]])
    """
    row, column = place
    _fits(shape, size, size, row, column)
    pattern, alpha = torch.zeros(shape), torch.zeros(1, *shape[1:])
    axis = torch.arange(size)
    white = ((axis[:, None] + axis[None, :]) % 2 == 0).float()
    where = (slice(None), slice(row, row + size), slice(column, column + size))
    pattern[where], alpha[where] = white, 1.0
    return Trigger(pattern, alpha)


def sticker(
    picture: Tensor | None = None,
    shape: tuple[int, int, int] = (3, 96, 96),
    place: tuple[int, int] = (60, 60),
) -> Trigger:
    """Return a picture that is stuck onto the image, its transparent parts showing the image.

    Parameters
    ----------
    picture
        (4, h, w) in [0, 1]: red, green, blue and opacity; by default what :func:`smiley` draws.
    shape
        (C, H, W) of the images; with one channel the picture turns grey.
    place
        Row and column of the picture's upper left corner.

    Examples
    --------
    >>> import torch
    >>> from xaikit.backdoors import sticker
    >>> black = torch.tensor([0.0, 0.0, 0.0, 1.0]).reshape(4, 1, 1)  # one opaque pixel
    >>> sticker(black, shape=(1, 2, 2), place=(0, 1))(torch.ones(1, 2, 2))
    tensor([[[1., 0.],
             [1., 1.]]])
    """
    picture = smiley() if picture is None else picture
    if picture.ndim != 3 or len(picture) != 4:
        raise ValueError(
            f"a sticker's picture has to be (4, h, w): red, green, blue and opacity, not "
            f"{tuple(picture.shape)}."
        )
    channels, _, _ = shape
    (row, column), (height, width) = place, picture.shape[1:]
    _fits(shape, height, width, row, column)
    colours = picture[:3]
    if channels == 1:
        colours = torch.einsum("c,chw->hw", colours.new_tensor(_LUMINANCE), colours)[None]
    elif channels != 3:
        raise ValueError(f"a sticker needs images of one or three channels, not {channels}.")
    where = (slice(None), slice(row, row + height), slice(column, column + width))
    pattern, alpha = torch.zeros(shape), torch.zeros(1, *shape[1:])
    pattern[where], alpha[where] = colours, picture[3:]
    return Trigger(pattern, alpha)


@own_devices
@plain_numbers
def smiley(size: int = 24) -> Tensor:
    """Draw a smiling face: (4, size, size) in [0, 1], red, green, blue and opacity.

    Drawn from circles at eight times the size and averaged down, so that its edges are smooth.

    Examples
    --------
    >>> from xaikit.backdoors import smiley
    >>> red, green, blue, opacity = smiley(size=24)
    >>> [float(opacity[row, 12]) for row in (0, 12)], red.shape
    ([0.75, 1.0], torch.Size([24, 24]))
    """
    fine = 8 * size
    axis = (torch.arange(fine) + 0.5) / fine * 2 - 1
    y, x = axis[:, None], axis[None, :]

    def disc(centre_x: float, centre_y: float, radius: float, stretch: float = 1.0) -> Tensor:
        return ((x - centre_x) ** 2 + ((y - centre_y) / stretch) ** 2).sqrt() <= radius

    face = disc(0, 0, 0.98)
    rim = face & ~disc(0, 0, 0.88)
    eyes = disc(-0.34, -0.28, 0.11, 1.7) | disc(0.34, -0.28, 0.11, 1.7)
    mouth = disc(0, 0.08, 0.62) & ~disc(0, 0.08, 0.47) & (y > 0.2)
    colours = torch.tensor([1.0, 0.82, 0.1]).view(3, 1, 1).expand(3, fine, fine).clone()
    colours[:, rim] = torch.tensor([0.85, 0.55, 0.0]).view(3, 1)
    colours[:, eyes | mouth] = torch.tensor([0.25, 0.13, 0.05]).view(3, 1)
    # Colours count by their opacity, so that the edge does not darken.
    opacity = functional.avg_pool2d(face[None].float(), 8)
    shown = functional.avg_pool2d(colours * face, 8)
    return torch.cat([shown / opacity.clamp_min(1e-6), opacity]).clamp(0, 1)


def trigger_of(description: dict[str, Any]) -> Trigger:
    """Return the trigger that a model card describes: ``trigger_of(model.card["trigger"])``.

    Parameters
    ----------
    description
        ``kind``, one of ``"corner_square"``, ``"checkered"``, ``"blended"`` and ``"sticker"``,
        beside arguments of the function of that name.

    Examples
    --------
    >>> from xaikit import load_pretrained
    >>> from xaikit.backdoors import trigger_of
    >>> trigger_of(load_pretrained("fashion_mnist_poisoned").card["trigger"])
    Trigger((1, 28, 28): 9 pixels, alpha up to 1)
    """
    arguments = {name: _tupled(value) for name, value in description.items() if name != "kind"}
    makers: dict[str, Callable[..., Trigger]] = {
        "corner_square": corner_square,
        "checkered": checkered,
        "blended": blended,
        "sticker": sticker,
    }
    kind = description.get("kind")
    if kind not in makers:
        raise ValueError(f"unknown kind of trigger {kind!r}: choose one of {', '.join(makers)}.")
    return makers[kind](**arguments)


def _tupled(value: Any) -> Any:
    """Return what JSON made a list as the tuple that it was."""
    return tuple(value) if isinstance(value, list) else value


def _fits(shape: tuple[int, int, int], height: int, width: int, row: int, column: int) -> None:
    _, rows, columns = shape
    inside = 0 <= row <= rows - height and 0 <= column <= columns - width
    if height < 1 or width < 1 or not inside:
        raise ValueError(
            f"a trigger of {height} × {width} pixels at {(row, column)} does not lie within "
            f"images of {rows} × {columns}."
        )

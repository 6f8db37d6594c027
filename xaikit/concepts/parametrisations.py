"""In which coordinates does an image climb? In those of the data, of its spectrum, or in pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from scipy.linalg import eigh
from torch import Tensor

from xaikit.core.passes import per_input

_COLOURS = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
"""How colours of photographs vary together: lucid's root of their covariance (ImageNet)."""
_SPECTRUM_RATE = 0.2
"""Adam's, in the spectrum."""
_BALL_RATE = 0.1
"""The first step's length, as a share of the ball's radius; later ones are shorter."""
_DARKEST = 0.15
"""Shade of the spectrum's first image where the data is black: darker ones have no gradient."""
_VARIANCE = 0.95
"""Share of the data's variance that its components hold."""
_MOST, _WIDE, _FEWER = 10_000, 1000, 1000
"""Images of the data whose components are computed, at most; fewer where they have many values."""
_REACH = 0.7
"""The ball's radius, as a share of the typical distance of an image of the data to the mean."""
_DRAWS = 256
"""Images among which the ascent's first one is chosen."""


class Parametrisation(Protocol):
    """Images (M, C, H, W) as a function of coordinates, and how these climb."""

    def images(self) -> Tensor:
        """Return the images, with their graph."""

    def climb(self, images: Tensor, pull: Tensor, done: float) -> None:
        """Move along a direction of the images, which has length 1.

        Parameters
        ----------
        images
            What :meth:`images` returned.
        pull
            (M, C, H, W).
        done
            Share of the ascent that is over, in [0, 1).
        """


@dataclass
class Ball:
    """Images whose coordinates (M, K) lie within a ball around 0."""

    coordinates: Tensor
    radius: float
    picture: Callable[[Tensor], Tensor]

    def images(self) -> Tensor:
        """Return the images, with their graph."""
        return self.picture(self.coordinates)

    def climb(self, images: Tensor, pull: Tensor, done: float) -> None:
        """Move by less and less, and back into the ball."""
        (uphill,) = torch.autograd.grad(images, self.coordinates, pull)
        with torch.no_grad():
            step = _BALL_RATE * self.radius * (1 - done)
            self.coordinates += step * unit_length(uphill)
            lengths = self.coordinates.norm(dim=1, keepdim=True).clamp_min(1e-12)
            self.coordinates *= (self.radius / lengths).clamp_max(1)


@dataclass
class Spectrum:
    """Images whose coordinates are waves; Adam moves them."""

    coordinates: Tensor
    adam: torch.optim.Optimizer
    picture: Callable[[Tensor], Tensor]

    def images(self) -> Tensor:
        """Return the images, with their graph."""
        return self.picture(self.coordinates)

    def climb(self, images: Tensor, pull: Tensor, done: float) -> None:
        """Take Adam's step, which has a length of its own."""
        (uphill,) = torch.autograd.grad(images, self.coordinates, pull)
        self.coordinates.grad = uphill.neg()
        self.adam.step()


def in_pixels(like: Tensor, number: int, radius: float) -> Ball:
    """Return so many images without bounds, in a ball around black."""
    black = torch.zeros(number, like[0].numel()).to(like).requires_grad_()
    return Ball(black, radius, lambda pixels: pixels.view(number, *like.shape[1:]))


def of_components(data: Tensor, seed: int, best: Callable[[Tensor], Tensor]) -> Ball:
    """Return images that are the data's mean and some of each of its principal components.

    A component counts as much as it varies in the data, so coordinates are decorrelated, and those
    of an image of the data have a length of about √K. A ball keeps the images closer to the mean.

    Parameters
    ----------
    data
        (N, C, H, W).
    seed
        Of the images that are drawn.
    best
        Tells of images drawn from this prior (256, C, H, W), which (M,) the ascents start from.
    """
    generator = torch.Generator().manual_seed(seed)
    most = _MOST if data[0].numel() <= _WIDE else _FEWER
    some = torch.randperm(len(data), generator=generator)[:most].to(data.device)
    rows = data[some].flatten(1).cpu().double()
    mean, basis = (each.to(data) for each in _components(rows))
    radius = _REACH * math.sqrt(len(basis))

    def picture(coordinates: Tensor) -> Tensor:
        return (mean + coordinates @ basis).clamp(0, 1).view(-1, *data.shape[1:])

    drawn = torch.randn(_DRAWS, len(basis), generator=generator).to(data)
    drawn *= radius / drawn.norm(dim=1, keepdim=True).clamp_min(1e-12)
    first = drawn[best(picture(drawn))].requires_grad_()
    return Ball(first, radius, picture)


def _components(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (F,) of rows (n, F), and principal components (K, F) times their deviations.

    By the eigenvectors of the smaller of two products: a singular value decomposition of images
    takes longer than the ascent.
    """
    mean = rows.mean(0)
    centred = (rows - mean) / math.sqrt(len(rows))
    wide = rows.shape[1] > len(rows)
    product = centred @ centred.T if wide else centred.T @ centred
    variances, axes = (torch.from_numpy(each).flip(-1) for each in eigh(product.numpy()))
    total = float(variances.sum())
    if not total > 0:
        raise ValueError(
            "data holds no two different images, so it has no components: give more images, or "
            'take prior="spectrum".'
        )
    number = int((variances.cumsum(0) < _VARIANCE * total).sum()) + 1
    if wide:  # eigenvectors (n, K) of the other product lead to components that have deviations
        return mean, (centred.T @ axes[:, :number]).T
    return mean, (axes[:, :number] * variances[:number].clamp_min(0).sqrt()).T


def of_spectrum(like: Tensor, number: int, seed: int) -> Spectrum:
    """Return images that are sums of waves, where long ones count more, squashed to [0, 1].

    Parameters
    ----------
    like
        (N, C, H, W); the first images are about as bright as their median. Of three channels, the
        colours vary as those of photographs do.
    number
        How many.
    seed
        Of the first images.
    """
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = like.shape[1:]
    frequencies = torch.sqrt(
        torch.fft.fftfreq(height)[:, None] ** 2 + torch.fft.rfftfreq(width)[None] ** 2
    )
    scale = (1 / frequencies.clamp_min(1 / max(height, width))).to(like) / math.sqrt(height * width)
    shape = channels, *frequencies.shape, 2
    # One after the other: an image does not depend on how many climb beside it.
    drawn = torch.stack([torch.randn(shape, generator=generator) for _ in range(number)])
    waves = (0.05 * drawn).to(like).requires_grad_()
    level = torch.logit(like.median().clamp(_DARKEST, 1 - _DARKEST))
    mixing = (_COLOURS / _COLOURS.norm(dim=0).max()).to(like)

    def picture(coordinates: Tensor) -> Tensor:
        both = torch.view_as_complex(coordinates) * scale
        made = torch.fft.irfft2(both, s=(height, width), norm="ortho") * 4
        if channels == 3:
            made = torch.einsum("dc,nchw->ndhw", mixing, made)
        return torch.sigmoid(made + level)

    return Spectrum(waves, torch.optim.Adam([waves], lr=_SPECTRUM_RATE), picture)


def unit_length(values: Tensor) -> Tensor:
    """Return each of these values (M, …) with a length of 1; 0 stays 0."""
    lengths: Tensor = values.flatten(1).norm(dim=1).clamp_min(1e-12)
    return values / per_input(lengths, values)

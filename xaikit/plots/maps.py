"""How is one map drawn? Red for and blue against, on a scale symmetric around zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.core.arguments import finite, unit
from xaikit.core.precision import widened
from xaikit.metrics.maps import maps as over_channels
from xaikit.plots.letters import size

Maps = NDArray[np.float64]

COLOURS = "RdBu_r"
"""Red is evidence for, blue against: a pair that colour-blind readers can tell apart."""

KEY = "red: evidence for the class    blue: evidence against it"
"""What the colours mean, for the foot of a figure."""

CLIPPED = 0.5
"""Percent of a method's strongest pixels that saturate, so that one pixel cannot fade the rest."""


def summed(explanation: Explanation) -> Maps:
    """Return the maps (N, T, H, W): what a pixel contributes is the sum over its channels."""
    summed: Maps = over_channels(explanation.attributions).detach().cpu().double().numpy()
    return summed


def scale_of(maps: Maps) -> float:
    """Return the value that gets the strongest colour: strongest pixels may lie beyond it."""
    magnitude = np.abs(maps)
    # A map that is nearly zero everywhere (Grad-CAM's) would have the percentile at zero.
    return float(np.percentile(magnitude, 100 - CLIPPED)) or float(magnitude.max()) or 1.0


def draw_image(axis: Axes, image: Tensor) -> None:
    """Show an image (C, H, W) in [0, 1], C 1 or 3."""
    pixels = picture(image).movedim(0, -1).numpy()
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=1)
    _bare(axis)


def draw_faded(axis: Axes, image: Tensor) -> None:
    """Show the image between mid-grey and white: on black, dark colours could not be seen."""
    draw_image(axis, 0.5 + 0.5 * picture(image).mean(dim=0, keepdim=True))


def draw_map(axis: Axes, values: Maps, scale: float) -> AxesImage:
    """Show a map (H, W) with the colours' ends at -scale and scale."""
    drawn = axis.imshow(values, cmap=COLOURS, vmin=-scale, vmax=scale)
    _bare(axis)
    return drawn


def draw_outline(axis: Axes, image: Tensor) -> None:
    """Draw the contour of what is brighter than a quarter of the image's range."""
    grey = picture(image).mean(dim=0).numpy()
    if grey.max() > grey.min():
        level = grey.min() + 0.25 * (grey.max() - grey.min())
        axis.contour(grey, levels=[level], colors="0.35", linewidths=0.5)


def colour_bar(
    figure: Figure | SubFigure, axes: Sequence[Axes], maps: Maps, scale: float, **place: Any
) -> None:
    """Draw the scale beside its axes, with arrows where a value lies beyond it."""
    beyond = float(np.abs(maps).max()) > scale
    key = ScalarMappable(Normalize(-scale, scale), COLOURS)
    bar = figure.colorbar(key, ax=axes, extend="both" if beyond else "neither", **place)
    bar.set_ticks([-scale, 0, scale], labels=[f"−{scale:.2g}", "0", f"{scale:.2g}"])
    whole = figure.get_figure(root=True)
    bar.ax.tick_params(labelsize=size(8, 0.0 if whole is None else whole.get_figwidth()))


def picture(image: Tensor) -> Tensor:
    """Return an image (C, H, W) as it can be shown, if it is one in [0, 1] with 1 or 3 channels."""
    if image.ndim != 3 or len(image) not in (1, 3):
        raise ValueError(
            f"a picture has one channel or three, (1, H, W) or (3, H, W), but this one has shape "
            f"{tuple(image.shape)}: show some of its channels, for example images[:, :1]."
        )
    pixels = widened(finite(image.detach().cpu(), "the image"))
    if not pixels.is_floating_point():
        pixels = pixels.float()
    dtype = image.dtype if image.is_floating_point() else None
    return unit(pixels, "pixels", "undo the normalisation before you show them", dtype)


def _bare(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])

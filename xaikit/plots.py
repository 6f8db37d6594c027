"""How does a person see it? Maps beside their images, red for and blue against.

Every function returns a matplotlib figure that is already closed: as the last expression of a
cell it is shown once; elsewhere in a cell ``display(figure)`` shows it.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.attribution.registry import METHODS

_Maps = NDArray[np.float64]

COLOURS = "RdBu_r"
"""Red is evidence for, blue against: a pair that colour-blind readers can tell apart."""

CLIPPED = 0.5
"""Percent of a method's strongest pixels that saturate, so that one pixel cannot fade the rest."""


def attribution_grid(
    explanations: Explanation | Sequence[Explanation],
    images: Tensor,
    classes: Sequence[str] | None = None,
    roles: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    outline: bool = True,
) -> Figure:
    """Show each example's image and, a row a method, its map for each target.

    Colours are symmetric around zero and have one scale a method, shared by all of its maps: two
    maps in one row can be compared, two methods cannot. Where half a percent of a method's
    strongest pixels lie beyond the scale, the colour bar ends in arrows.

    Parameters
    ----------
    explanations
        One or several, of the same inputs and targets; attributions (N, T, C, H, W).
    images
        (N, C, H, W) in [0, 1], C 1 or 3.
    classes
        Names of the classes; default: their numbers.
    roles
        What each of the T targets is, such as "true" or "most likely".
    names
        What to call each explanation; default: its method.
    outline
        Whether to draw the image's contour over its maps.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    _expect_matching(rows, images, roles, names)
    sides = [_title(row.method) for row in rows] if names is None else list(names)
    maps = [_summed(row) for row in rows]
    scales = [_scale(each) for each in maps]
    n, targets = rows[0].targets.shape
    figure = plt.figure(
        figsize=(1.55 * (targets + 1) + 1.9, n * (1.6 * len(rows) + 0.45) + 0.35),
        layout="constrained",
    )
    parts = figure.subfigures(n, 1, squeeze=False)[:, 0]
    for i, part in enumerate(parts):
        tops = [_class(int(target), classes) for target in rows[0].targets[i]]
        if roles is not None:
            tops = [f"{role}:\n{name}" for role, name in zip(roles, tops, strict=True)]
        _example(part, images[i], [each[i] for each in maps], scales, sides, tops, outline)
    figure.supxlabel("red: evidence for the class    blue: evidence against it", fontsize=10)
    plt.close(figure)
    return figure


def image_row(images: Tensor, titles: Sequence[str] | None = None) -> Figure:
    """Show images side by side.

    Parameters
    ----------
    images
        (N, C, H, W) in [0, 1], C 1 or 3.
    titles
        A title for each image.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if images.ndim != 4 or (titles is not None and len(titles) != len(images)):
        raise ValueError("image_row needs images (N, C, H, W) and, if any, a title for each.")
    figure, axes = plt.subplots(
        1, len(images), figsize=(1.6 * len(images), 1.9), squeeze=False, layout="constrained"
    )
    for i, axis in enumerate(axes[0]):
        _image(axis, images[i])
        if titles is not None:
            axis.set_title(titles[i], fontsize=9)
    plt.close(figure)
    return figure


def _expect_matching(
    rows: Sequence[Explanation],
    images: Tensor,
    roles: Sequence[str] | None,
    names: Sequence[str] | None,
) -> None:
    if not rows:
        raise ValueError("attribution_grid needs at least one explanation.")
    targets = rows[0].targets
    for row in rows:
        if row.attributions.ndim != 5 or row.attributions.shape[2:] != images.shape[1:]:
            raise ValueError(
                f"{row.method}'s attributions {tuple(row.attributions.shape)} are no maps (N, T, "
                f"C, H, W) of images of shape {tuple(images.shape)}."
            )
        if row.targets.shape != targets.shape or (row.targets != targets).any():
            raise ValueError(
                f"{row.method} and {rows[0].method} explain different targets: a grid needs the "
                f"same ones."
            )
    if len(images) != len(targets):
        raise ValueError(f"{len(images)} images do not match explanations of {len(targets)}.")
    if roles is not None and len(roles) != targets.shape[1]:
        raise ValueError(f"{len(roles)} roles do not match {targets.shape[1]} targets.")
    if names is not None and len(names) != len(rows):
        raise ValueError(f"{len(names)} names do not match {len(rows)} explanations.")


def _summed(explanation: Explanation) -> _Maps:
    """Return the maps (N, T, H, W): what a pixel contributes is the sum over its channels."""
    summed: _Maps = explanation.attributions.sum(dim=2).detach().cpu().double().numpy()
    return summed


def _scale(maps: _Maps) -> float:
    magnitude = np.abs(maps)
    # A map that is nearly zero everywhere (Grad-CAM's) would have the percentile at zero.
    return float(np.percentile(magnitude, 100 - CLIPPED)) or float(magnitude.max()) or 1.0


def _title(method: str) -> str:
    """Return the method's name as papers write it, in lines of one word."""
    title = METHODS[method].title if method in METHODS else method
    return "\n".join(title.split())


def _class(target: int, classes: Sequence[str] | None) -> str:
    return f"class {target}" if classes is None else classes[target]


def _example(
    part: SubFigure,
    image: Tensor,
    maps: Sequence[_Maps],
    scales: Sequence[float],
    sides: Sequence[str],
    tops: Sequence[str],
    outline: bool,
) -> None:
    """Draw one example: its image beside one row of maps (T, H, W) a method."""
    grid = part.add_gridspec(len(sides), len(tops) + 1)
    # The image stands once, in the middle of its methods' rows.
    picture = part.add_subplot(grid[:, 0])
    _image(picture, image)
    picture.set_title("image", fontsize=9)
    for r, (side, signed, scale) in enumerate(zip(sides, maps, scales, strict=True)):
        axes = [part.add_subplot(grid[r, 1 + t]) for t in range(len(tops))]
        for t, axis in enumerate(axes):
            drawn = _map(axis, signed[t], scale)
            if outline:
                _outline(axis, image)
            if r == 0:
                axis.set_title(tops[t], fontsize=9)
        axes[0].set_ylabel(side, fontsize=9)
        beyond = float(np.abs(signed).max()) > scale
        bar = part.colorbar(drawn, ax=axes, extend="both" if beyond else "neither", pad=0.02)
        bar.set_ticks([-scale, 0, scale], labels=[f"−{scale:.2g}", "0", f"{scale:.2g}"])
        bar.ax.tick_params(labelsize=8)


def _bare(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])


def _image(axis: Axes, image: Tensor) -> None:
    pixels = image.detach().cpu().movedim(0, -1).numpy()
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=1)
    _bare(axis)


def _map(axis: Axes, values: _Maps, scale: float) -> AxesImage:
    drawn = axis.imshow(values, cmap=COLOURS, vmin=-scale, vmax=scale)
    _bare(axis)
    return drawn


def _outline(axis: Axes, image: Tensor) -> None:
    grey = image.detach().cpu().mean(dim=0).numpy()
    if grey.max() > grey.min():
        level = grey.min() + 0.25 * (grey.max() - grey.min())
        axis.contour(grey, levels=[level], colors="0.35", linewidths=0.5)

"""Which maps belong beside which images? Rows of methods, columns of targets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import matplotlib.pyplot as plt
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.core.options import plain_numbers
from xaikit.plots.arguments import expect_matching
from xaikit.plots.letters import height, size, wrapped
from xaikit.plots.maps import (
    KEY,
    Maps,
    colour_bar,
    draw_image,
    draw_map,
    draw_outline,
    scale_of,
    summed,
)
from xaikit.plots.names import heading, stacked_title

_COLUMN = 1.4
"""Inches that a title has above its picture."""


@plain_numbers
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

    Examples
    --------
    >>> from xaikit import explain, load, load_pretrained
    >>> from xaikit.plots import attribution_grid
    >>> images = load("fashion_mnist").images[:2]
    >>> explanation = explain(load_pretrained("lecture"), images, [[9, 7], [2, 4]], "gradient")
    >>> figure = attribution_grid(explanation, images, roles=["true", "other"])
    >>> [axis.get_title().split() for axis in figure.axes[:2]]
    [['image'], ['true:', 'class', '9']]
    """
    rows = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    expect_matching(rows, images, roles, names)
    sides = [stacked_title(row.method) for row in rows] if names is None else list(names)
    maps = [summed(row) for row in rows]
    scales = [scale_of(each) for each in maps]
    n, targets = rows[0].targets.shape
    width = 1.55 * (targets + 1) + 1.9
    points = size(9, width)
    tops = [
        [
            wrapped(heading(int(c), classes, roles, t), _COLUMN, points)
            for t, c in enumerate(rows[0].targets[i])
        ]
        for i in range(n)
    ]
    above = height(chain.from_iterable(tops), points)
    figure = plt.figure(figsize=(width, n * (1.6 * len(rows) + above) + 0.35), layout="constrained")
    parts = figure.subfigures(n, 1, squeeze=False)[:, 0]
    for i, part in enumerate(parts):
        own = [each[i] for each in maps]
        _example(part, images[i], own, scales, sides, tops[i], outline, points)
    figure.supxlabel(KEY, fontsize=size(10, width))
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

    Examples
    --------
    >>> from xaikit import load
    >>> from xaikit.plots import image_row
    >>> data = load("fashion_mnist")
    >>> names = [data.classes[label] for label in data.labels[:2]]
    >>> figure = image_row(data.images[:2], titles=names)
    >>> [axis.get_title() for axis in figure.axes]
    ['Ankle boot', 'Pullover']
    """
    if not isinstance(images, Tensor) or not len(images):
        raise ValueError(
            "image_row needs a tensor of at least one image (N, C, H, W); of an array "
            "torch.from_numpy makes one."
        )
    if images.ndim != 4 or (titles is not None and len(titles) != len(images)):
        raise ValueError("image_row needs images (N, C, H, W) and, if any, a title for each.")
    width = 1.6 * len(images)
    points = size(9, width)
    tops = [wrapped(title, _COLUMN, points) for title in titles or ()]
    figure, axes = plt.subplots(
        1,
        len(images),
        figsize=(width, 1.6 + height(tops, points)),
        squeeze=False,
        layout="constrained",
    )
    for axis, image in zip(axes[0], images, strict=True):
        draw_image(axis, image)
    for axis, top in zip(axes[0], tops, strict=False):
        axis.set_title(top, fontsize=points)
    plt.close(figure)
    return figure


def _example(
    part: SubFigure,
    image: Tensor,
    maps: Sequence[Maps],
    scales: Sequence[float],
    sides: Sequence[str],
    tops: Sequence[str],
    outline: bool,
    points: float,
) -> None:
    """Draw one example: its image beside one row of maps (T, H, W) a method."""
    grid = part.add_gridspec(len(sides), len(tops) + 1)
    # The image stands once, in the middle of its methods' rows.
    picture = part.add_subplot(grid[:, 0])
    draw_image(picture, image)
    picture.set_title("image", fontsize=points)
    for r, (side, signed, scale) in enumerate(zip(sides, maps, scales, strict=True)):
        axes = [part.add_subplot(grid[r, 1 + t]) for t in range(len(tops))]
        for t, axis in enumerate(axes):
            draw_map(axis, signed[t], scale)
            if outline:
                draw_outline(axis, image)
            if r == 0:
                axis.set_title(tops[t], fontsize=points)
        axes[0].set_ylabel(wrapped(side, _COLUMN, points), fontsize=points)
        colour_bar(part, axes, signed, scale, pad=0.02)

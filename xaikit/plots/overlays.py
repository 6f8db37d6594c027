"""Where in the image is the evidence? Maps drawn on the images themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.core.options import ROUNDING, plain_numbers
from xaikit.plots.arguments import expect_matching
from xaikit.plots.letters import height, size, wrapped
from xaikit.plots.maps import (
    KEY,
    colour_bar,
    draw_faded,
    draw_image,
    draw_map,
    scale_of,
    summed,
)
from xaikit.plots.names import heading, title_of


@plain_numbers
def overlay(
    explanation: Explanation,
    images: Tensor,
    classes: Sequence[str] | None = None,
    roles: Sequence[str] | None = None,
    alpha: float = 0.85,
) -> Figure:
    """Show one method's maps on the images themselves: where there is no evidence, the image stays.

    Colours are symmetric around zero on one scale, shared by all images and targets.

    Parameters
    ----------
    explanation
        Attributions (N, T, C, H, W).
    images
        (N, C, H, W) in [0, 1], C 1 or 3.
    classes
        Names of the classes; default: their numbers.
    roles
        What each of the T targets is, such as "true" or "most likely".
    alpha
        How opaque the strongest evidence is, in (0, 1]; weaker evidence is fainter in proportion.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from xaikit import explain, load, load_pretrained
    >>> from xaikit.plots import overlay
    >>> images = load("fashion_mnist").images[:2]
    >>> explanation = explain(load_pretrained("lecture"), images, [[9], [2]], "gradient")
    >>> figure = overlay(explanation, images, roles=["true"])
    >>> [axis.get_title().split() for axis in figure.axes[:2]]
    [['image'], ['true:', 'class', '9']]
    """
    expect_matching([explanation], images, roles, None)
    if not 0 < alpha <= 1 + ROUNDING:
        raise ValueError(f"alpha has to be in (0, 1], not {alpha}.")
    maps = summed(explanation)
    scale = scale_of(maps)
    n, targets = explanation.targets.shape
    width = 1.6 * (targets + 1) + 0.9
    points = size(9, width)
    tops = [
        [
            wrapped(heading(int(c), classes, roles, t), 1.3, points)
            for t, c in enumerate(explanation.targets[i])
        ]
        for i in range(n)
    ]
    figure, axes = plt.subplots(
        n,
        targets + 1,
        figsize=(width, (1.5 + height(chain.from_iterable(tops), points)) * n + 0.7),
        squeeze=False,
        layout="constrained",
    )
    for i, row in enumerate(axes):
        draw_image(row[0], images[i])
        row[0].set_title("image", fontsize=points)
        for t, axis in enumerate(row[1:]):
            draw_faded(axis, images[i])
            opacity = min(alpha, 1.0) * np.clip(np.abs(maps[i, t]) / scale, 0, 1)
            drawn = draw_map(axis, maps[i, t], scale)
            drawn.set_alpha(opacity)
            axis.set_title(tops[i][t], fontsize=points)
    colour_bar(figure, axes.ravel().tolist(), maps, scale, shrink=0.8)
    figure.suptitle(title_of(explanation.method), fontsize=size(11, width))
    figure.supxlabel(KEY, fontsize=size(10, width))
    plt.close(figure)
    return figure

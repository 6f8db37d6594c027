"""How do numbers of pairs compare? A table in shades."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from xaikit.plots.letters import height, size, wrapped
from xaikit.plots.maps import COLOURS


def heat_map(
    matrix: Tensor | NDArray[np.float64] | Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    title: str = "Agreement of methods",
    label: str = "rank correlation",
    limits: tuple[float, float] = (-1.0, 1.0),
) -> Figure:
    """Show a table of numbers as shades, with each number in its cell.

    Limits on both sides of zero get the signed colours, symmetric around zero; others get a scale
    from dark to light that keeps its order in grey.

    Parameters
    ----------
    matrix
        (rows, columns); nan is left white, with a dash.
    rows
        A name for each row.
    columns
        A name for each column; default: the rows' names, for a square matrix.
    title
        What the table shows.
    label
        What a number is: it stands at the colour bar.
    limits
        The values of the scale's ends.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from xaikit.plots import heat_map
    >>> figure = heat_map([[1.0, 0.25], [0.25, 1.0]], ["gradient", "lrp"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1.00', '0.25', '0.25', '1.00']
    """
    if isinstance(matrix, Tensor):
        matrix = matrix.detach().cpu().numpy()
    values: NDArray[np.float64] = np.asarray(matrix, dtype=np.float64)
    columns = rows if columns is None else columns
    if values.shape != (len(rows), len(columns)):
        raise ValueError(
            f"a matrix of shape {values.shape} does not match {len(rows)} rows and {len(columns)} "
            f"columns."
        )
    low, high = limits
    if not low < high:
        raise ValueError(f"limits have to rise, but they are {low} and {high}.")
    signed = low < 0 < high
    if signed:
        high = max(-low, high)
        low = -high
    width = 0.72 * len(columns) + 3.0
    points = size(9, width)
    top = wrapped(title, 0.6 * width, size(11, width))
    figure, axis = plt.subplots(
        figsize=(width, 0.42 * len(rows) + 1.6 + height([top], 11)), layout="constrained"
    )
    norm, colours = Normalize(low, high), plt.get_cmap(COLOURS if signed else "cividis")
    drawn = axis.imshow(values, cmap=colours, norm=norm, aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(rows)), rows)
    axis.tick_params(labelsize=points, length=0)
    for (i, j), value in np.ndenumerate(values):
        red, green, blue, _ = colours(norm(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        text = "–" if np.isnan(value) else f"{value:.2f}".replace("-", "−")
        colour = "white" if dark and not np.isnan(value) else "black"
        axis.text(j, i, text, ha="center", va="center", fontsize=size(8.5, width), color=colour)
    axis.set_title(top, fontsize=size(11, width))
    bar = figure.colorbar(drawn, ax=axis, pad=0.02)
    bar.set_label(label, fontsize=points)
    bar.ax.tick_params(labelsize=size(8, width))
    plt.close(figure)
    return figure

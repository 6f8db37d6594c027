"""How does a figure suit the notebook? In the page's own colour of text, as SVG."""

from __future__ import annotations

import io

from matplotlib.figure import Figure
from matplotlib.text import Text

INK = "#010203"
"""Stands for the page's own text colour in figures, so that they suit light and dark themes."""


def themed(figure: Figure) -> str:
    """Return the figure as SVG in the page's own text colour, on the page's own background."""
    for text in figure.findobj(Text):
        text.set_color(INK)
    for axis in figure.axes:
        axis.patch.set_alpha(0)
        axis.tick_params(color=INK)
        for spine in axis.spines.values():
            spine.set_edgecolor(INK)
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, dpi=200, metadata={"Date": None})
    svg = file.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "currentColor")


def duration(seconds: float) -> str:
    """Return a duration as a person reads it."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"

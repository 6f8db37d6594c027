"""How does a figure suit the notebook? In the page's own colour of text, as SVG."""

from __future__ import annotations

import html
import io

from matplotlib.figure import Figure
from matplotlib.text import Text

from xaikit.alternatives import described

INK = "#010203"
"""Stands for the page's own text colour in figures, so that they suit light and dark themes."""


def themed(figure: Figure) -> str:
    """Return the figure as SVG in the page's own text colour, on the page's own background.

    A screen reader reads its titles and labels in place of every tick.
    """
    said = html.escape(described(figure))
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
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{said}"', 1)


def duration(seconds: float) -> str:
    """Return a duration as a person reads it."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"

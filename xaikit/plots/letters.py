"""Can it be read? Sizes of letters, and lines that are no longer than their place."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

_PAGE, _SMALLEST = 800, 8.4
"""A figure is shown at most this wide, and its letters then at least this high, in pixels."""


def size(points: float, width: float) -> float:
    """Return a font size, a larger one where a figure of that width (inches) will be shrunk."""
    return max(points, 72 * _SMALLEST * width / _PAGE)


def wrapped(text: str, inches: float, points: float) -> str:
    """Return the text in lines that fit into a place; words stay whole, breaks where they are."""
    most = max(1, int(72 * inches / (0.6 * points)))
    lines = (textwrap.wrap(line, most, break_long_words=False) for line in text.split("\n"))
    return "\n".join("\n".join(line) for line in lines)


def height(texts: Iterable[str], points: float) -> float:
    """Return the inches that the highest of these titles takes above its picture."""
    most = max((text.count("\n") + 1 for text in texts), default=0)
    return 0.22 + 1.4 * most * points / 72

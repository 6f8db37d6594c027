"""Can all text of a figure be read? Letters' sizes, and texts that cover each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from unittest import mock

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

WIDTH, SMALLEST = 800, 8
"""How wide a figure is shown, and how high its font is at least, in pixels."""

RAISED = 0.7
"""What matplotlib makes of a font's height in powers and indices."""

SLACK = 0.12
"""What a text's box holds above and below its letters, in heights of its font."""


def faults(figure: Figure) -> list[str]:
    """Return a sentence for each text that is too small, or lies on another, or leaves the figure.

    A figure wider than :data:`WIDTH` pixels is shown smaller, with everything in it.
    """
    with _drawn(figure) as texts:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    renderer = canvas.get_renderer()
    shown = figure.get_tightbbox(renderer).width * figure.dpi
    scale = min(1.0, WIDTH / shown)
    found = []
    boxes = []
    for text in texts:
        size = text.get_fontsize() * figure.dpi / 72
        least = size * (RAISED if re.search(r"\$[^$]*[\^_]", text.get_text()) else 1)
        if scale * least < SMALLEST:
            found.append(f"{text.get_text()!r} is {scale * least:.1f} pixels high")
        boxes.append(_corners(text, renderer, SLACK * size))
    for (one, first), (other, second) in combinations(zip(texts, boxes, strict=True), 2):
        if _overlap(first, second):
            found.append(f"{one.get_text()!r} lies on {other.get_text()!r}")
    width, height = canvas.get_width_height()
    for text, box in zip(texts, boxes, strict=True):
        if (box < 0).any() or (box > [width, height]).any():
            found.append(f"{text.get_text()!r} leaves the figure")
    return sorted(set(found))


@contextmanager
def _drawn(figure: Figure) -> Iterator[list[Text]]:
    """Give the texts of a figure that are drawn meanwhile: it has more, such as unused ticks."""
    texts: list[Text] = []
    draw = Text.draw

    def noted(self: Text, renderer: object) -> None:
        mine = self.get_figure(root=True) is figure  # another thread may draw another one
        if mine and self.get_visible() and self.get_text().strip() and self not in texts:
            texts.append(self)
        draw(self, renderer)

    with mock.patch.object(Text, "draw", noted):
        yield texts


def _corners(text: Text, renderer: object, slack: float) -> NDArray[np.float64]:
    """Return the corners (4, 2) of a text's box, which is turned as the text is."""
    box = text.get_window_extent(renderer)
    centre = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
    turned = text.get_rotation()
    text.set_rotation(0)
    level = text.get_window_extent(renderer)
    text.set_rotation(turned)
    half = np.maximum([level.width / 2 - slack / 2, level.height / 2 - slack], 0)
    angle = np.deg2rad(turned)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return centre + (np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half) @ turn


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Return whether two rectangles overlap: if not, a side of one of them divides them."""
    for corners in (first, second):
        for side in (corners[1] - corners[0], corners[2] - corners[1]):
            one, other = first @ side, second @ side
            if one.max() <= other.min() or other.max() <= one.min():
                return False
    return True

"""What does a figure show, for those who cannot see it? Alternative texts, from its own words.

A notebook's figures are images: a screen reader, and a page that nbconvert makes, need a text in
their place. Titles and labels of a figure say what it shows.
"""

from __future__ import annotations

import re
import sys
from typing import Any

_LONGEST = 400


def described(figure: Any) -> str:
    """Return what a matplotlib figure says of itself: its title, and of each part title and axes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Also one with parts that are figures of their own.
    """
    whole = getattr(figure, "_suptitle", None)
    said = [whole.get_text() if whole is not None else ""]
    for axes in figure.axes:
        shown = f"{axes.get_ylabel()} against {axes.get_xlabel()}"
        labels = (
            shown if axes.get_xlabel() and axes.get_ylabel() else shown.replace(" against ", "")
        )
        said.append(": ".join(filter(None, (axes.get_title(), labels))))
    # A dollar that belongs to a name stands behind a backslash.
    plain = (re.sub(r"(?<!\\)\$", "", text).replace(r"\$", "$") for text in said)
    words = [" ".join(text.split()) for text in plain]
    text = "; ".join(dict.fromkeys(filter(None, words)))
    if not text:
        return "Figure without titles"
    return f"Figure: {text}" if len(text) <= _LONGEST else f"Figure: {text[:_LONGEST]} …"


def install() -> None:
    """Let the kernel that this process is, if it is one, give every figure its text."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    if not hasattr(shell, "kernel") or isinstance(shell.display_formatter.format, _WithTexts):
        return
    shell.display_formatter.format = _WithTexts(shell.display_formatter.format)


class _WithTexts:
    """Formats what is shown as before; of a figure it says what it shows.

    Not a formatter of its own for figures: matplotlib's inline backend would take its place.
    """

    def __init__(self, formatted: Any) -> None:
        self._formatted = formatted

    def __call__(self, shown: Any, *args: Any, **options: Any) -> tuple[Any, Any]:
        data, more = self._formatted(shown, *args, **options)
        module = sys.modules.get("matplotlib.figure")
        if module is not None and isinstance(shown, module.Figure):
            for kind in {"image/png", "image/jpeg"} & {*data}:
                more.setdefault(kind, {})["alt"] = described(shown)
        return data, more

"""How what a check says stands below a cell: lines of whole words, a failure in its colour."""

from __future__ import annotations

import html
import os
import sys
import textwrap
from typing import Any

# JupyterLab breaks a longer line of what is printed anywhere, inside of words, too.
_WRAPPED = textwrap.TextWrapper(
    100,
    subsequent_indent="  ",
    replace_whitespace=False,
    break_long_words=False,
    break_on_hyphens=False,
)


def said(text: str) -> None:
    """Print a text; a long line of it goes on below, indented, and no word is broken."""
    for line in text.split("\n"):
        print(_WRAPPED.fill(line))


def shown(hint: str) -> bool:
    """Show what a failed check says if a person looks, and return whether that was done."""
    if not somebody_looks():
        return False
    from IPython.display import display

    text = f"✗ {hint}"
    style = "color: var(--jp-error-color1, #c62828); font-weight: 600"
    markup = f'<div role="alert" style="{style}">{html.escape(text)}</div>'
    display({"text/plain": text, "text/html": markup}, raw=True)  # type: ignore[no-untyped-call]
    return True


def somebody_looks() -> bool:
    """Whether a front end asked for this cell: they say which cell it is, and programs do not."""
    if os.environ.get("NBGRADER_EXECUTION"):
        return False
    return "google.colab" in sys.modules or bool({"cellId", "deletedCells"} & {*_metadata()})


def _metadata() -> dict[str, Any]:
    """Return what the front end said of the cell that runs."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    parent = kernel.get_parent("shell") if kernel is not None else {}
    return parent.get("metadata") or {}

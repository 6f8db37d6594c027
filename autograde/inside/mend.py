"""Read a cell as its author meant it where copying has damaged its form.

A cell that Python can parse stays as it is.
"""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections.abc import Callable
from itertools import combinations

from IPython.core.inputtransformer2 import TransformerManager

_CHARACTERS = str.maketrans(
    dict.fromkeys("“”„‟″＂", '"')
    | dict.fromkeys("‘’‚‛′＇", "'")
    | dict.fromkeys("‐‑–—−", "-")
    | dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", "")
)
_LARGEST = 200_000  # characters: nobody types more


def mended(source: str) -> tuple[str, list[str]]:
    """Return a cell's source, mended if that lets Python parse it, and what was mended.

    That is of ``quotes`` (typographic quotes, dashes and spaces), ``tabs`` (mixed with spaces) and
    ``indentation`` (of the whole cell, or of all but its first line).
    """
    if len(source) > _LARGEST or _parses(source):
        return source, []
    for count in range(1, len(_MENDING) + 1):
        for chosen in combinations(_MENDING, count):
            text = source
            for _, mend in chosen:
                text = mend(text)
            if text != source and _parses(text):
                return text, [name for name, _ in chosen]
    return source, []


def _parses(source: str) -> bool:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            manager = TransformerManager()  # type: ignore[no-untyped-call]
            transformed = manager.transform_cell(source)
            compile(transformed, "<cell>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True


def _straight(source: str) -> str:
    return source.translate(_CHARACTERS)


def _aligned(source: str) -> str:
    """Take the indentation that all lines have from those that have it.

    The first lines may be comments without it, such as the marker. If the first line of code has
    none, it was lost in copying, and the others have too much.
    """
    lines = source.split("\n")
    start = 0
    while start < len(lines) and (not lines[start].strip() or lines[start].startswith(("#", "%"))):
        start += 1
    if start < len(lines) and not lines[start][0].isspace():
        start += 1
    rest = textwrap.dedent("\n".join(lines[start:]))
    return "\n".join([*lines[:start], rest])


_MENDING: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("quotes", _straight),
    ("tabs", lambda source: source.expandtabs(8)),
    ("tabs", lambda source: source.expandtabs(4)),
    ("indentation", _aligned),
)

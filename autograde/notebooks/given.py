"""Lets hidden checks use what a notebook's given cells define, instead of a copy of their code.

Only the author's own text is run, in the scorer: a submission's cells never get here.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograde.notebooks.cells import TEMPLATE, SourceError


class GivenCells:
    """The given code cells of one notebook, by grade id or by the name in their header."""

    def __init__(self, path: Path, cells: Mapping[str, str]) -> None:
        self._path = path
        self._cells = cells

    def __call__(self, *cells: str, **names: Any) -> Given:
        """Return what these cells define.

        Raises
        ------
        SourceError
            If the notebook has no such given code cell, or it holds a template.
        """
        for cell in cells:
            if cell not in self._cells:
                raise SourceError(
                    f"{self._path}: a check asks for {cell!r}, which is no given code cell; "
                    f'write name="{cell}" into the header of one.'
                )
            if template := TEMPLATE.search(self._cells[cell]):
                raise SourceError(
                    f"{self._path}: a check runs the cell {cell!r}, which holds the template "
                    f"{template[0]}; put that into another cell."
                )
        texts = {f"{self._path}: cell {cell!r}": self._cells[cell] for cell in cells}
        return Given(texts, names)


class Given:
    """What cells define, by attribute; they run once, when one is first asked for."""

    def __init__(self, cells: Mapping[str, str], names: Mapping[str, Any]) -> None:
        self._cells = cells
        self._found = {"__name__": "given", **names}
        self._ran = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if not self._ran:
            space = dict(self._found)
            shown = io.StringIO()  # a scorer has nobody to show it to
            with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
                for where, text in self._cells.items():
                    exec(compile(text, where, "exec"), space)
            self._found, self._ran = space, True
        if name not in self._found:
            raise AttributeError(f"{', then '.join(self._cells)}: no {name!r} is defined there.")
        return self._found[name]

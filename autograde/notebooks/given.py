"""Lets hidden checks use what a notebook's given cells define, instead of a copy of their code.

Only the author's own text is run, in the scorer: a submission's cells never get here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograde.notebooks.cells import TEMPLATE, SourceError


class GivenCells:
    """The given code cells of one notebook, by grade id."""

    def __init__(self, path: Path, cells: Mapping[str, str]) -> None:
        self._path = path
        self._cells = cells
        self._namespaces: dict[tuple[str, ...], Given] = {}

    def __call__(self, *grade_ids: str) -> Given:
        """Return what these cells define, one run of them for all who ask.

        Raises
        ------
        SourceError
            If the notebook has no given code cell of such a grade id.
        """
        for grade_id in grade_ids:
            if grade_id not in self._cells:
                raise SourceError(
                    f"{self._path}: a check asks for {grade_id!r}, which is no given code cell; "
                    "give the cell this grade_id."
                )
            if template := TEMPLATE.search(self._cells[grade_id]):
                raise SourceError(
                    f"{self._path}: a check runs the cell {grade_id!r}, which holds the template "
                    f"{template[0]}; put that into another cell."
                )
        if grade_ids not in self._namespaces:
            texts = {f"{self._path}: cell {name!r}": self._cells[name] for name in grade_ids}
            self._namespaces[grade_ids] = Given(texts)
        return self._namespaces[grade_ids]


class Given:
    """What cells define, by attribute; they run when one is first asked for."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells
        self._defined: dict[str, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._defined is None:
            space: dict[str, Any] = {"__name__": "given"}
            for where, text in self._cells.items():
                exec(compile(text, where, "exec"), space)
            self._defined = space
        if name not in self._defined:
            raise AttributeError(f"{', then '.join(self._cells)} defines no {name!r}.")
        return self._defined[name]

"""Where a line of a released notebook stands in its author's files."""

from __future__ import annotations

from nbformat import NotebookNode

from autograde.notebooks.cells import grading
from autograde.notebooks.layout import cells_in
from autograde.notebooks.source import Source

_QUOTED = 60


class Places:
    """Names places of a released notebook by file, line and cell."""

    def __init__(self, source: Source, notebook: NotebookNode) -> None:
        self._source = source
        self._cells = notebook.cells
        self._blocks: dict[int, tuple[int, list[str]]] = {}
        for file in dict.fromkeys(source.files):
            blocks = cells_in(file)
            for position, other in enumerate(source.files):
                place, count = source.places[position]
                if other == file and count == len(blocks):  # else a cell begins in another way
                    self._blocks[position] = blocks[place]

    def of(self, position: int, line: int) -> str:
        """Name a line, counted from 1 on, of the cell at this position, and quote it."""
        cell, file = self._cells[position], self._source.files[position]
        text = cell.source.split("\n")[line - 1].strip()
        number = self._number(position, text)
        where = f"{file}:{number}" if number else str(file)
        quoted = text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
        return f"{where}: cell {grading(cell)['grade_id']!r} ({quoted})"

    def _number(self, position: int, text: str) -> int:
        """Return the line of the file, or that in which the cell begins; 0 if unknown."""
        first, block = self._blocks.get(position, (0, []))
        markdown = self._cells[position].cell_type != "code"
        for number, line in enumerate(block):
            if (line.lstrip("#").strip() if markdown else line.strip()) == (
                text.lstrip("#").strip() if markdown else text
            ):
                return first + number
        return first

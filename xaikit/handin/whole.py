"""What of the whole notebook's other cells runs, where a course chooses a part of it.

Students hand in the whole notebook, too: that of another course, of the last term, or of the weeks
before ``course.toml`` chose other sections. Nobody marks what the course leaves out, and its given
cells may train networks for minutes. So of these cells those alone run whose names the student's
code needs and nothing else defines.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from xaikit.handin.markers import runnable, without_magics
from xaikit.handin.names import defined, deleted, needed
from xaikit.handin.read_cells import ParsedCell
from xaikit.handin.released import ReleasedCell

_ANY = "*"
"""Stands for the names of ``from module import *``, which the text does not say."""


class Whole:
    """Knows the cells of the whole notebook that the release leaves out or has otherwise.

    Parameters
    ----------
    others
        These cells.
    released
        The release's own cells.
    cells
        The upload's cells. Where it still holds one of the others, a second cell that carries the
        same id is a copy, written over: the student's own.
    """

    def __init__(
        self,
        others: Sequence[ReleasedCell],
        released: Sequence[ReleasedCell],
        cells: Sequence[ParsedCell] = (),
    ) -> None:
        there = {cell.grade_id for cell in released}
        self._released = released
        out = [other for other in others if other.grade_id not in there]
        self._by_text = {other.text: other for other in others}
        self._by_id = {other.cell_id: other for other in out}
        self._by_name = {other.grade_id: other for other in out}
        self._kept = {
            other.grade_id
            for cell in cells
            if (other := self._surely(cell)) is not None and cell.squeezed
        }

    def find(self, cell: ParsedCell) -> ReleasedCell | None:
        """Return which of these cells one of an upload is, None if none."""
        if other := self._surely(cell):
            return other
        other = self._by_name.get(cell.grade_id) or self._by_id.get(cell.cell_id)
        return None if other is None or other.grade_id in self._kept else other

    def _surely(self, cell: ParsedCell) -> ReleasedCell | None:
        """Return which of these cells one is by its marker or its text."""
        for task in sorted(cell.on_top):
            if (other := self._by_name.get(task)) is not None and other.role == "answer":
                return other
        return next((self._by_text[text] for text in cell.known_by if text in self._by_text), None)

    def running(self, found: Collection[str], code: Collection[str]) -> frozenset[str]:
        """Return which of the sources that were found run, because others need their names.

        Parameters
        ----------
        found
            The sources of given cells and answers.
        code
            The sources of the student's answers and own cells.
        """
        given = [cell.source for cell in self._released if cell.role == "given"]
        there = frozenset[str]().union(*map(_left, [*given, *code])) - {_ANY}
        waiting = {source: _left(source) - there for source in found}
        running: set[str] = set()
        reading = [*code]
        while reading:
            wanted = needed(_plain(reading.pop()))
            for source in waiting.keys() - running:
                # None: it may look up any name.
                if wanted is None or waiting[source] & (wanted | {_ANY}):
                    running.add(source)
                    reading.append(source)
        return frozenset(running)


def _left(source: str) -> frozenset[str]:
    """Return the names that a cell defines and does not delete; none if it is no Python."""
    plain = _plain(source)
    try:
        stars = (
            alias.name == _ANY
            for node in ast.walk(ast.parse(plain))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        )
        return (defined(plain) - deleted(plain)) | ({_ANY} if any(stars) else set())
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()


def _plain(source: str) -> str:
    return without_magics(runnable(source))

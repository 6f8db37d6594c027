"""What a task is called: by the heading that its answer stands under, wherever that is shown."""

from __future__ import annotations

import re
from collections import Counter

from nbformat import NotebookNode

from autograde.notebooks.cells import answers

_LONGEST = 300
_POINTS = re.compile(r"\s*\([\d.]+ points?\b[^)]*\)$")  # in headings; tables say it too
_FIRST_WORDS = re.compile(r"\s*\*\*([^*\n]+)\*\*")


def titles_of(notebook: NotebookNode) -> dict[str, str]:
    """Return the title of each task of a source, a release or a graded notebook.

    It is the heading above the answer cell. A second answer under one heading is called by the bold
    words that its text begins with, or by the heading and its id.
    """
    found: dict[str, str] = {}
    heading, positions = "", {part.cell: part.task for part in answers(notebook)}
    fresh = True
    for i, cell in enumerate(notebook.cells):
        if i in positions:
            words = _FIRST_WORDS.match(_below_marker(cell.source))
            if words and not fresh and cell.cell_type == "markdown":
                found[positions[i]] = words[1].strip(" .:")[:_LONGEST]
            else:
                found[positions[i]] = heading or positions[i]
            fresh = False
        elif cell.cell_type == "markdown":
            lines = [line for line in cell.source.splitlines() if line.startswith("#")]
            if lines:
                last = re.sub("[#*`]", "", lines[-1][:_LONGEST]).strip()
                heading, fresh = _POINTS.sub("", last), True
    count = Counter(found.values())
    return {task: f"{t} · {task}" if count[t] > 1 else t for task, t in found.items()}


def _below_marker(source: str) -> str:
    return source.partition("\n")[2]

"""What a task is called: the heading that its answer stands under."""

from __future__ import annotations

import re
from collections import Counter

from nbformat import NotebookNode

from autograde.notebooks.cells import answers

_LONGEST = 300
_POINTS = re.compile(r"\s*\([\d.]+ points?\b[^)]*\)$")  # in headings; what shows titles has them


def headings(notebook: NotebookNode) -> dict[str, str]:
    """Return the heading above each task of a notebook, or the task's id if there is none."""
    found: dict[str, str] = {}
    heading, positions = "", {part.cell: part.task for part in answers(notebook)}
    for i, cell in enumerate(notebook.cells):
        if i in positions:
            found[positions[i]] = heading or positions[i]
        elif cell.cell_type == "markdown":
            lines = [line for line in cell.source.splitlines() if line.startswith("#")]
            last = lines[-1][:_LONGEST] if lines else ""
            heading = _POINTS.sub("", re.sub("[#*`]", "", last).strip()) if lines else heading
    return found


def titles(notebook: NotebookNode) -> dict[str, str]:
    """Name each task by its heading, and by its id where several have the same."""
    found = headings(notebook)
    count = Counter(found.values())
    return {task: f"{t} · {task}" if count[t] > 1 else t for task, t in found.items()}

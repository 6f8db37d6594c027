"""Given cells that only show something: run once, with the solution, not for every submission.

An author tags such a cell ``figure``. What it shows is the same for everybody, because given cells
depend on no answer; so graded notebooks carry what the solution's run showed. A cell is run after
all where a student's code needs a name that it defines.
"""

from __future__ import annotations

from collections.abc import Iterable

from nbformat import NotebookNode

from xaikit.handin.names import defined, needed

TAG = "figure"


def is_figure(cell: NotebookNode) -> bool:
    """Return whether an author has tagged the cell as one that only shows something."""
    return TAG in cell.metadata.get("tags", [])


def to_run(
    figures: Iterable[tuple[int, NotebookNode]], students: Iterable[tuple[int, str]]
) -> set[int]:
    """Return the positions of figure cells that have to run for this submission.

    Parameters
    ----------
    figures
        Positions of the figure cells in the notebook, and the cells.
    students
        Positions and sources of the cells that the student wrote.
    """
    wanted = [(position, needed(source)) for position, source in students]
    found = set()
    for position, cell in sorted(figures, key=lambda figure: -figure[0]):
        names = defined(cell.source)
        if any(at > position and (some is None or some & names) for at, some in wanted):
            found.add(position)
            wanted.append((position, needed(cell.source)))  # perhaps of an earlier figure
    return found

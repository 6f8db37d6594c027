"""What students' copies of the library know of a notebook's cells, for the visible checks.

By it a check says which given cell has not run, and which given name a student gave another value:
see :mod:`xaikit.session`. It holds names that stand in the notebook, and no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode

from autograde.notebooks.cells import grading, is_test
from autograde.notebooks.figures import defined
from autograde.notebooks.leftovers import deleted
from autograde.tasks import Call, Task
from xaikit.markers import squeezed
from xaikit.session import begins
from xaikit.uploads import digest


def known(notebook: NotebookNode, tasks: Mapping[str, Task]) -> dict[str, Any]:
    """Return what is known of a notebook, as JSON has it.

    Parameters
    ----------
    notebook
        As students get it.
    tasks
        Its hidden checks.
    """
    given, tests = [], []
    for cell in notebook.cells:
        meta = grading(cell)
        if cell.cell_type != "code" or meta.get("solution"):
            continue
        own = digest(squeezed(cell.source))
        if is_test(meta):
            tests.append(own)
            continue
        try:
            names = defined(cell.source) - deleted(cell.source)
        except SyntaxError:  # it has a magic
            names = frozenset()
        given.append({"digest": own, "begins": begins(cell.source), "names": sorted(names)})
    called = {t.id: t.answer.function for t in tasks.values() if isinstance(t.answer, Call)}
    held = {t.id: list(t.answer.names) for t in tasks.values() if not isinstance(t.answer, Call)}
    return {"functions": called, "variables": held, "given": given, "tests": sorted(tests)}

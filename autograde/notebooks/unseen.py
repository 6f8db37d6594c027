"""Which given names hidden calls do without: students are told before they hand in.

A task by hand is called where some packages are out of reach, and what given cells made with them
is not there either.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from typing import Any

from nbformat import NotebookNode

from autograde.notebooks.cells import grading, is_test
from autograde.notebooks.figures import defined, needed
from autograde.tasks import Call, Task


def unseen(
    notebook: NotebookNode, tasks: Mapping[str, Task], out_of_reach: Collection[str]
) -> dict[str, Any]:
    """Return the functions by hand that grading calls, and the given names they do without.

    Parameters
    ----------
    notebook
        As students get it.
    tasks
        Its hidden checks.
    out_of_reach
        The packages that a task by hand does without.
    """
    functions = sorted(
        task.answer.function
        for task in tasks.values()
        if isinstance(task.answer, Call) and task.answer.by_hand
    )
    names: set[str] = set()
    for cell in notebook.cells:
        meta = grading(cell)
        if cell.cell_type != "code" or meta.get("solution") or is_test(meta):
            continue
        try:
            body = ast.parse(cell.source).body
        except SyntaxError:
            continue  # it has a magic
        for statement in body:
            source = ast.unparse(statement)
            gone = _imports(statement, out_of_reach) or bool((needed(source) or set()) & names)
            names = names | defined(source) if gone else names - defined(source)
    return {"functions": functions, "names": sorted(names), "packages": sorted(out_of_reach)}


def _imports(statement: ast.stmt, packages: Collection[str]) -> bool:
    """Return whether a statement imports one of these packages."""
    if isinstance(statement, ast.Import):
        return any(alias.name.partition(".")[0] in packages for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return (statement.module or "").partition(".")[0] in packages
    return False

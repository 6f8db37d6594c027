"""What functions by hand do without in grading: students are told before they hand in.

A task by hand is called where only some packages are within reach, and what given cells made with
others is not there either.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Set
from itertools import chain

from nbformat import NotebookNode

from autograde.notebooks.cells import grading, is_test
from autograde.notebooks.validate import imported
from autograde.sandbox.packages import BY_HAND
from autograde.tasks import Call, Task
from xaikit.handin.code import packages_of
from xaikit.handin.names import defined, needed
from xaikit.handin.unseen import ByHand


def named(notebook: NotebookNode, call: Call) -> frozenset[str]:
    """Return the packages that a task names: those that the given cells import which it needs."""
    cells = (cell for cell in notebook.cells if grading(cell).get("grade_id") in call.needs)
    return frozenset[str]().union(*(imported(cell.source) for cell in cells))


def unseen(notebook: NotebookNode, tasks: Mapping[str, Task]) -> tuple[ByHand, ...]:
    """Return the functions by hand that grading calls, and what they do without.

    Parameters
    ----------
    notebook
        As students get it.
    tasks
        Its hidden checks.

    Returns
    -------
    tuple of ByHand
        For functions with the same packages: these, and the given names that are not there.
    """
    groups: dict[frozenset[str], list[str]] = {}
    for task in tasks.values():
        if isinstance(task.answer, Call) and task.answer.by_hand:
            packages = BY_HAND | named(notebook, task.answer) - sys.stdlib_module_names
            groups.setdefault(packages, []).append(task.answer.function)
    return tuple(
        ByHand(tuple(sorted(functions)), packages, frozenset(_gone(notebook, packages)))
        for packages, functions in sorted(groups.items(), key=lambda group: sorted(group[0]))
    )


def _gone(notebook: NotebookNode, packages: Set[str]) -> set[str]:
    """Return the names that given cells bind with other packages."""
    names: set[str] = set()
    for cell in notebook.cells:
        meta = grading(cell)
        if cell.cell_type != "code" or meta.get("solution") or is_test(meta):
            continue
        try:
            body = ast.parse(cell.source).body
        except SyntaxError:
            continue  # it has a magic
        for statement in chain.from_iterable(map(_apart, body)):
            source = ast.unparse(statement)
            own = isinstance(statement, ast.Import | ast.ImportFrom)  # not those of functions in it
            others = packages_of(statement) - packages - sys.stdlib_module_names if own else set()
            gone = bool(others) or bool((needed(source) or set()) & names)
            names = names | defined(source) if gone else names - defined(source)
    return names


def _apart(statement: ast.stmt) -> list[ast.stmt]:
    """Return what imports several packages as one statement each, and anything else as it is."""
    if isinstance(statement, ast.Import):
        return [ast.Import([alias]) for alias in statement.names]
    return [statement]

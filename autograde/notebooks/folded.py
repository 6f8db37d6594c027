"""Folds the visible checks: a line says what they check, and a click shows their code.

JupyterLab shows the first line of a folded cell, Colab what follows ``#@title`` in it. The line is
made from the heading of the task and from what the cell says that it tried.
"""

from __future__ import annotations

import ast
from textwrap import shorten

from nbformat import NotebookNode

from autograde.notebooks.cells import answers
from autograde.notebooks.titles import titles_of

TITLE = "#@title "
"""What begins the first line of a folded cell, for Colab."""

WIDEST = 100
"""Characters of that line: JupyterLab does not wrap it, and a page of 1300 pixels shows as many."""

_FORM = "the form of your answer"
_DRAWING = frozenset({"plt", "plots", "display"})


def fold(notebook: NotebookNode) -> None:
    """Fold each test cell of a source's notebook under a line that says what it checks."""
    above = titles_of(notebook)
    for answer in answers(notebook):
        if answer.test is None:
            continue
        cell = notebook.cells[answer.test]
        number = above[answer.task].partition(": ")[0]
        cell.source = f"{_line(number, cell.source)}\n{cell.source}"
        cell.metadata["jupyter"] = {"source_hidden": True}
        cell.metadata["cellView"] = "form"


def _line(task: str, source: str) -> str:
    """Return what stands above the checks of a task: what they try, and whether they plot it."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # it has a magic
        return f"{TITLE}Check of {task}"
    tried, verb = _FORM, "Check"
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Attribute(attr="passed"), [_, ast.Constant(str(text))]):
                tried = text.rstrip(", ")
            case ast.Name(name) if name in _DRAWING:
                verb = "Check and plot"
    return shorten(f"{TITLE}{verb} of {task}: {tried}", WIDEST, placeholder=" …")

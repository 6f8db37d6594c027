"""Folds what need not be read: a line says what a cell does, and a click shows its code.

JupyterLab shows the first line of a folded cell, Colab what follows ``#@title`` in it. The line of
a visible check is made from the heading of the task and from what the cell says that it tried.
"""

from __future__ import annotations

import ast
from textwrap import shorten

from nbformat import NotebookNode

from autograde.notebooks.cells import answers
from autograde.notebooks.colab import INSTALLS
from autograde.notebooks.titles import titles_of

TITLE = "#@title "
"""What begins the first line of a folded cell, for Colab."""

WIDEST = 100
"""Characters of that line: JupyterLab does not wrap it, and a page of 1300 pixels shows as many."""

_FORM = "the form of your answer"
_DRAWING = frozenset({"plt", "plots", "display"})


def fold(notebook: NotebookNode) -> None:
    """Fold each test cell of a source's notebook, and the one that installs the package."""
    above = titles_of(notebook)
    for cell in notebook.cells:
        if cell.source.startswith(INSTALLS):
            _under(f"{TITLE}{INSTALLS.removeprefix('# ')}", cell, cell.source.partition("\n")[2])
    for answer in answers(notebook):
        if answer.test is None:
            continue
        cell = notebook.cells[answer.test]
        number = above[answer.task].partition(": ")[0]
        _under(_line(number, cell.source), cell, cell.source)


def _under(line: str, cell: NotebookNode, source: str) -> None:
    """Fold a cell of this code under a line."""
    cell.source = f"{line}\n{source}"
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

"""The worked figures: what the author's notebooks show when they run, and nothing else of them.

Images alone are kept, with the sentence that says what each shows. No text that a cell prints is:
some of it holds answers. Of the test cells below answers only those show their images whose answer
is a function, which grading calls on other inputs. An image of a variable's value is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from autograde.notebooks.cells import answers
from autograde.notebooks.source import Source
from autograde.tasks import Value


@dataclass(frozen=True)
class Shown:
    """An image that a cell shows.

    Attributes
    ----------
    png
        The image, in base 64.
    alt
        What it shows, in words.
    """

    png: str
    alt: str


Figures = Mapping[str, tuple[Shown, ...]]
"""The images by the id of the cell that shows them."""


def for_all_to_see(source: Source, found: Figures) -> Figures:
    """Leave out the images of answers, and of test cells that show a variable's value."""
    hidden = set()
    for answer in answers(source.notebook):
        hidden.add(source.notebook.cells[answer.cell].id)
        if answer.test is not None and isinstance(source.checks.tasks[answer.task].answer, Value):
            hidden.add(source.notebook.cells[answer.test].id)
    return {cell: shown for cell, shown in found.items() if cell not in hidden}


def images(cell: NotebookNode) -> tuple[Shown, ...]:
    """Return the images that a cell which has run shows."""
    shown = []
    for output in cell.get("outputs", ()):
        data, more = output.get("data", {}), output.get("metadata", {})
        if "image/png" in data:
            alt = more.get("image/png", {}).get("alt", "Figure without titles")
            shown.append(Shown("".join(data["image/png"].split()), alt))
    return tuple(shown)


def with_figures(notebook: NotebookNode, shown: Figures) -> NotebookNode:
    """Return a copy of a released notebook in which cells show these images, and nothing else.

    MyST-NB takes one alternative text for a cell: a further image is a cell without code below.
    """
    copy: NotebookNode = deepcopy(notebook)
    copy.cells = []
    for cell in deepcopy(notebook.cells):
        copy.cells.append(cell)
        if cell.cell_type != "code":
            continue
        cell.execution_count, cell.outputs = None, []
        for number, each in enumerate(shown.get(cell.id, ())):
            if number:
                more = nbformat.v4.new_code_cell(metadata={"tags": ["remove-input"]})  # type: ignore[no-untyped-call]
                more.id = f"{cell.id}-{number}"
                copy.cells.append(more)
            showing = copy.cells[-1]
            showing.outputs = [
                nbformat.v4.new_output("display_data", {"image/png": each.png})  # type: ignore[no-untyped-call]
            ]
            showing.metadata["mystnb"] = {"image": {"alt": each.alt}}
    return copy

"""The worked figures: what the author's notebooks show when they run, and nothing else of them.

Images alone are kept, with the sentence that says what each shows. No text that a cell prints is:
some of it holds answers. Of the test cells below answers only those show their images whose answer
is a function, which grading calls on other inputs. An image of a variable's value is the answer.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from autograde.commands.progress import Progress
from autograde.errors import AutogradeError
from autograde.grading.data import data_digest
from autograde.grading.environment import environment, imported
from autograde.grading.recorded import key_of
from autograde.model.course import Course
from autograde.notebooks.cells import answers, is_hand_in
from autograde.notebooks.release import solved
from autograde.notebooks.source import Source
from autograde.safety.files import write_whole
from autograde.tasks import Value

Say = Callable[[str], object]


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


def figures(source: Source, course: Course, cache: Path, say: Say = print) -> Figures:
    """Return what the notebook's solution shows; it runs unless the cache has it.

    Parameters
    ----------
    source
        The notebook.
    course
        Names the data that the runs use.
    cache
        A folder. What is kept there counts as long as the cells' code, the library, the packages
        and the data are the same.
    say
        Takes a line of progress.

    Raises
    ------
    AutogradeError
        If a cell of the solution fails.
    """
    notebook = solved(source)
    file, key = cache / f"{source.name}.json", _key(notebook, course)
    if file.is_file():
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["key"] == key:
            say(f"Figures of {source.name}: nothing has changed since they were made")
            found = {cell: tuple(Shown(**each) for each in all_) for cell, all_ in kept["cells"]}
            return _for_all_to_see(source, found)
    _run(notebook, source.name, say)
    found = {cell.id: shown for cell in notebook.cells if (shown := _images(cell))}
    cells = [(cell, [asdict(each) for each in shown]) for cell, shown in found.items()]
    cache.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps({"key": key, "cells": cells}))
    return _for_all_to_see(source, found)


def _for_all_to_see(source: Source, found: Figures) -> Figures:
    """Leave out the images of answers, and of test cells that show a variable's value."""
    hidden = set()
    for answer in answers(source.notebook):
        hidden.add(source.notebook.cells[answer.cell].id)
        if answer.test is not None and isinstance(source.checks.tasks[answer.task].answer, Value):
            hidden.add(source.notebook.cells[answer.test].id)
    return {cell: shown for cell, shown in found.items() if cell not in hidden}


def _key(notebook: NotebookNode, course: Course) -> str:
    code = [(c.id, c.source) for c in notebook.cells if c.cell_type == "code"]
    packages = imported(source for _, source in code)
    return key_of(code, environment((), packages, data_digest(course.software.data)))


def _run(notebook: NotebookNode, name: str, say: Say) -> None:
    """Run all cells but the one that looks at the file to be handed in, in an empty folder."""
    notebook.cells = [cell for cell in notebook.cells if not is_hand_in(cell)]
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    progress, done = Progress(total), 0

    def tell(**_: object) -> None:
        nonlocal done
        done += 1
        if done % 10 == 0 or done == total:
            say(f"Figures of {name}: {done} of {total} cells ran{progress.left(done)}")

    say(f"Figures of {name}: running its solution")
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=None,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            on_cell_executed=tell,
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise AutogradeError(f"solutions/{name}: a cell fails: {error}") from None


def _images(cell: NotebookNode) -> tuple[Shown, ...]:
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

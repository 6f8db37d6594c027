"""Course notebooks: how ``solutions/NAME`` is read, and what its cells mean.

The source is one or several Jupytext percent scripts. Their cell headers carry nbgrader's metadata
in short: this module completes it, gives every cell an id that is the same on every run, fills
templates such as ``{{ course.name }}``, and says in one sentence what an author has to correct.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode

from autograde.model.course import Course
from autograde.model.terms import terms
from autograde.notebooks.cells import TEMPLATE, SourceError, called, grading, node
from autograde.notebooks.checks import Checks, load_checks
from autograde.notebooks.folded import fold
from autograde.notebooks.layout import Layout, find_layout, is_source
from autograde.notebooks.numbering import Numbers, number
from autograde.notebooks.validate import validate

_GRADE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,57}")  # with "-test" still a legal cell id


@dataclass(frozen=True)
class Source:
    """One notebook as its author wrote it: completed metadata, templates filled, solutions in.

    Attributes
    ----------
    files
        For each cell the script in which it stands.
    given
        The text of the given code cells by grade id, and by the name in their header.
    """

    name: str
    layout: Layout
    notebook: NotebookNode
    checks: Checks
    files: tuple[Path, ...]
    given: dict[str, str]


def sources(solutions: Path) -> dict[str, Path]:
    """Return the notebooks' sources in that folder by name: a file or a folder each.

    Raises
    ------
    SourceError
        If a notebook has both.
    """
    found: dict[str, Path] = {}
    for path in sorted(solutions.glob("*")):
        if is_source(path):
            name = path.name.removesuffix(".py")
            if name in found:
                raise SourceError(f"{solutions}: {name} is both a file and a folder; delete one.")
            found[name] = path
    return dict(sorted(found.items()))


def find_source(solutions: Path, name: str) -> Path:
    """Return the source of the notebook of that name.

    Raises
    ------
    SourceError
        If there is none.
    """
    there = sources(solutions)
    if name not in there:
        known = ", ".join(there) or "nothing"
        raise SourceError(f"There is no {solutions / name} or {name}.py; there is {known}.")
    return there[name]


def read_source(path: Path, course: Course) -> Source:
    """Read and validate one notebook's source and its hidden checks.

    Parameters
    ----------
    path
        ``solutions/NAME.py`` or the folder ``solutions/NAME``: Jupytext percent format.
    course
        Fills ``{{ course.name }}``, ``{{ course.repository }}``, ``{{ course.branch }}`` and
        ``{{ course.terms }}``: deadline, points, weight and late rule in one line.

    Raises
    ------
    SourceError
        If an author has something to correct.
    """
    layout = find_layout(path)
    scripts = {section.script: read_script(section.script) for section in layout.sections}
    files = tuple(file for file, script in scripts.items() for _ in script.cells)
    cells: list[dict[str, Any]] = []
    for file, script in scripts.items():
        for position, cell in enumerate(script.cells, start=1):
            where = f"{file}: cell {position}"
            cells.append(_complete(cell, layout.name, len(cells) + 1, where))
    notebook = node(
        {
            "cells": cells,
            "metadata": {
                "kernelspec": {
                    "display_name": "Python 3 (ipykernel)",
                    "language": "python",
                    "name": "python3",
                },
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    names = [cell.metadata.get("name") for script in scripts.values() for cell in script.cells]
    given = _given(notebook, names, files)
    checks = load_checks(layout, given)
    worth = (grading(cell).get("points", 0) for cell in notebook.cells)
    total = sum(each for each in worth if isinstance(each, int | float))
    values = {
        "course.name": course.name,
        "course.repository": course.repository,
        "course.branch": course.branch,
        "course.terms": terms(course, layout.name, total, sources(path.parent)),
        **checks.text,
    }
    numbers = number(notebook.cells, files)
    homes: dict[str, str] = {}
    for file, cell, here in zip(files, notebook.cells, numbers.here, strict=True):
        homes[grading(cell)["grade_id"]] = here
        known = values | numbers.values(here)
        cell.source = _fill(cell.source, known, f"{file}: {called(cell)}", numbers)
    tasks = {
        name: replace(
            task,
            read=_fill(
                task.read,
                numbers.values(homes.get(name, "")),
                f"{checks.places[name]}: where the task {name!r} says what to read",
                numbers,
            ),
        )
        for name, task in checks.tasks.items()
    }
    checks = replace(checks, tasks=tasks)
    validate(notebook, checks, layout, files, course.software.out_of_reach_by_hand)
    fold(notebook)
    return Source(layout.name, layout, notebook, checks, files, given)


def read_script(file: Path) -> NotebookNode:
    """Read a Jupytext percent script.

    Raises
    ------
    SourceError
        If the file is not there or not readable as such.
    """
    try:
        notebook: NotebookNode = jupytext.reads(file.read_text(encoding="utf-8"), fmt="py:percent")
    except FileNotFoundError:
        raise SourceError(f"There is no {file}.") from None
    except Exception as error:  # jupytext raises its parsers' errors
        raise SourceError(f"{file} is not a Jupytext percent script: {error}") from None
    return notebook


def _given(
    notebook: NotebookNode, names: Sequence[str | None], files: Sequence[Path]
) -> dict[str, str]:
    """Return the text of the given code cells by grade id, and by the name in their header."""
    found: dict[str, str] = {}
    for cell, name, file in zip(notebook.cells, names, files, strict=True):
        meta = grading(cell)
        if cell.cell_type == "code" and meta["locked"] and not meta["grade"]:
            found[meta["grade_id"]] = cell.source
        elif name:
            raise SourceError(f"{file}: {called(cell)}: only a given code cell has a name.")
    for cell, name, file in zip(notebook.cells, names, files, strict=True):
        if name and found.setdefault(name, cell.source) is not cell.source:
            raise SourceError(f"{file}: {called(cell)}: another cell is called {name!r}, too.")
    return found


def _complete(cell: NotebookNode, name: str, position: int, where: str) -> dict[str, Any]:
    """Return the cell with complete nbgrader metadata and a cell id that depends on nothing else.

    Every cell that is not an answer is locked, so that nbgrader's own tools restore it. The
    position counts over all files of the notebook.
    """
    short = cell.metadata.get("nbgrader", {})
    if not isinstance(short, dict):
        raise SourceError(f"{where}: nbgrader should be a dictionary.")
    unknown = set(short) - {"grade_id", "solution", "grade", "points"}
    if unknown:
        raise SourceError(f"{where}: nbgrader has an unknown key {sorted(unknown)[0]!r}.")
    if short and not _GRADE_ID.fullmatch(str(short.get("grade_id", ""))):
        raise SourceError(
            f"{where}: its grade_id should be up to 58 letters, digits, '-' and '_', "
            f"not {short.get('grade_id')!r}."
        )
    key = short.get("grade_id", position)
    identity = hashlib.sha256(f"{name}/{key}".encode()).hexdigest()[:12]
    meta = {
        "cell_type": cell.cell_type,
        "grade": bool(short.get("grade", False)),
        "grade_id": short.get("grade_id", f"cell-{identity}"),
        "locked": not short.get("solution", False),
        "schema_version": 3,
        "solution": bool(short.get("solution", False)),
        "task": False,
    }
    if "points" in short:
        meta["points"] = short["points"]
    metadata: dict[str, Any] = {"nbgrader": meta}
    if cell.metadata.get("tags"):
        metadata["tags"] = list(cell.metadata["tags"])
    clean = {
        "id": identity,
        "cell_type": cell.cell_type,
        "metadata": metadata,
        "source": cell.source.strip("\n"),
    }
    if cell.cell_type == "code":
        clean |= {"execution_count": None, "outputs": []}
    return clean


def _fill(source: str, values: Mapping[str, str], where: str, numbers: Numbers) -> str:
    """Fill the templates ``{{ key }}``; values are inserted as they are, not filled again."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values and (wrong := numbers.unknown(match[1])):
            raise SourceError(f"{where}: {match[0]}: {wrong}.".replace("?.", "?"))
        if match[1] not in values:
            raise SourceError(
                f"{where}: nothing fills the template {match[0]}; add it to TEXT in the checks."
            )
        return values[match[1]]

    return TEMPLATE.sub(value, source)

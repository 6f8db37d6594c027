"""Course notebooks: how ``solutions/NAME.py`` is read, and what its cells mean.

The source is a Jupytext percent script. Its cell headers carry nbgrader's metadata in short:
this module completes it, gives every cell an id that is the same on every run, fills templates
such as ``{{ course.name }}``, and says in one sentence what an author has to mend.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode

from autograde.model.course import Course
from autograde.notebooks.cells import Checks, SourceError, called, node
from autograde.notebooks.validate import validate
from autograde.safety.quiet import quiet
from autograde.tasks import Task

CHECKS_SUFFIX = "_checks"
ANSWERS_SUFFIX = "_answers"


_TEMPLATE = re.compile(r"\{\{ ([A-Za-z_][\w.]*) \}\}")
_GRADE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,57}")  # with "-test" still a legal cell id


@dataclass(frozen=True)
class Source:
    """One notebook as its author wrote it: completed metadata, templates filled, solutions in."""

    name: str
    file: Path
    notebook: NotebookNode
    checks: Checks


def sources(solutions: Path) -> dict[str, Path]:
    """Return the notebooks' sources in that folder by name, without checks and answers."""
    return {
        file.stem: file
        for file in sorted(solutions.glob("*.py"))
        if not file.stem.endswith((CHECKS_SUFFIX, ANSWERS_SUFFIX)) and file.stem[0] not in "_."
    }


def read_source(file: Path, course: Course) -> Source:
    """Read and validate one notebook's source and the hidden checks beside it.

    Parameters
    ----------
    file
        ``solutions/NAME.py``, Jupytext percent format.
    course
        Fills ``{{ course.name }}``, ``{{ course.repository }}`` and ``{{ course.branch }}``.

    Raises
    ------
    SourceError
        If an author has something to mend.
    """
    checks = load_checks(file.with_name(f"{file.stem}{CHECKS_SUFFIX}.py"))
    values = {
        "course.name": course.name,
        "course.repository": course.repository,
        "course.branch": course.branch,
        **checks.text,
    }
    cells = enumerate(read_script(file).cells, start=1)
    notebook = node(
        {
            "cells": [_complete(cell, file, position) for position, cell in cells],
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
    for cell in notebook.cells:
        cell.source = _fill(cell.source, values, f"{file}: {called(cell)}")
    validate(notebook, checks, file, course.software.out_of_reach_by_hand)
    return Source(file.stem, file, notebook, checks)


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
    except Exception as error:  # jupytext raises whatever its parsers raise
        raise SourceError(f"{file} is not a Jupytext percent script: {error}") from None
    return notebook


def load_checks(path: Path) -> Checks:
    """Import a checks module by its path; a notebook without one has no automatic task.

    Raises
    ------
    SourceError
        If the module cannot be imported, two tasks share an id, or TEXT maps not text to text.
    """
    if not path.exists():
        return Checks(path, {}, {})
    name = f"_autograde_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        with quiet():
            spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise SourceError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    tasks: dict[str, Task] = {}
    for value in vars(module).values():
        if isinstance(value, Task) and tasks.setdefault(value.id, value) is not value:
            raise SourceError(f"{path}: two tasks have the id {value.id!r}; rename one.")
    text = getattr(module, "TEXT", {})
    if not isinstance(text, dict) or not all(
        isinstance(key, str) and isinstance(value, str) for key, value in text.items()
    ):
        raise SourceError(f"{path}: TEXT should be a dictionary of strings.")
    return Checks(path, tasks, dict(text))


def _complete(cell: NotebookNode, file: Path, position: int) -> dict[str, Any]:
    """Return the cell with complete nbgrader metadata and a cell id that depends on nothing else.

    Every cell that is not an answer is locked, so that nbgrader's own tools restore it.
    """
    short = cell.metadata.get("nbgrader", {})
    where = f"{file}: cell {position}"
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
    identity = hashlib.sha256(f"{file.stem}/{key}".encode()).hexdigest()[:12]
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


def _fill(source: str, values: dict[str, str], where: str) -> str:
    """Fill the templates ``{{ key }}``; values are inserted as they are, not filled again."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise SourceError(
                f"{where}: nothing fills the template {match[0]}; add it to TEXT in the checks."
            )
        return values[match[1]]

    return _TEMPLATE.sub(value, source)

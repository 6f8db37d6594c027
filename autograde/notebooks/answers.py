"""Notebooks of imaginary students: the author's alternative and wrong answers, filled in.

``solutions/NAME/answers/`` (or ``solutions/NAME_answers.py``) holds, for every automatic task, a
differently written right answer and a plausible mistake; the tests of a course grade both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from pathlib import Path

from nbformat import NotebookNode

from autograde.notebooks.cells import SourceError, answers, marker
from autograde.notebooks.layout import Layout, find_layout
from autograde.notebooks.scripts import read_script


def load_answers(path: Path) -> dict[str, dict[str, str]]:
    """Read a notebook's other answers: for each task, the source of an answer cell by its kind.

    Each cell's header says ``answer="TASK" kind="alternative"`` (or ``"wrong"``); its first line
    is the task's marker.

    Parameters
    ----------
    path
        The notebook's source: ``solutions/NAME.py`` or the folder ``solutions/NAME``.

    Raises
    ------
    SourceError
        If a cell lacks one of these, a task has two answers of one kind, or the task stands in
        another section.
    """
    layout = find_layout(path)
    written = (s.script for s in layout.sections if s.answers.exists())
    return answers_of(layout, {script: _tasks(script) for script in written})


def answers_of(layout: Layout, tasks: Mapping[Path, Collection[str]]) -> dict[str, dict[str, str]]:
    """Return what :func:`load_answers` does, of a notebook whose tasks are known by script."""
    found: dict[str, dict[str, str]] = {}
    for section in layout.sections:
        if section.answers.exists():
            found |= _read_answers(section.answers, tasks.get(section.script, ()))
    return found


def _tasks(script: Path) -> set[str]:
    """Return the grade ids of a script's answer cells."""
    short = [cell.metadata.get("nbgrader", {}) for cell in read_script(script).cells]
    return {str(meta.get("grade_id")) for meta in short if meta.get("solution")}


def _read_answers(path: Path, tasks: Collection[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for position, cell in enumerate(read_script(path).cells, start=1):
        source = cell.source.strip("\n")
        task, kind = cell.metadata.get("answer"), cell.metadata.get("kind")
        if task is None and kind is None:
            continue  # the author's remarks
        where = f"{path}: cell {position}"
        if not isinstance(task, str) or kind not in ("alternative", "wrong"):
            raise SourceError(f'{where}: its header should say answer="TASK" and kind="…".')
        if source.split("\n", 1)[0].strip() != marker(task, cell.cell_type):
            raise SourceError(
                f"{where}: its first line should be {marker(task, cell.cell_type)!r}."
            )
        if task not in tasks:
            raise SourceError(f"{where}: its section has no task {task!r}.")
        if kind in found.setdefault(task, {}):
            raise SourceError(f"{where}: the task {task!r} has another answer of kind {kind!r}.")
        found[task][kind] = source
    return found


def submission(notebook: NotebookNode, texts: Mapping[str, str]) -> NotebookNode:
    """Return a copy of a released notebook with these answer cells filled in.

    Parameters
    ----------
    notebook
        As students get it.
    texts
        The source of the answer cell by task; the other answers stay untouched.

    Raises
    ------
    SourceError
        If the notebook has no such task.
    """
    filled: NotebookNode = deepcopy(notebook)
    cells = {answer.task: filled.cells[answer.cell] for answer in answers(filled)}
    for task, text in texts.items():
        if task not in cells:
            raise SourceError(f"The notebook has no answer cell {task!r}.")
        cells[task].source = text
    return filled

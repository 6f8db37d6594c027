"""Course notebooks: how ``solutions/NAME.py`` is read, and what its cells mean.

The source is a Jupytext percent script. Its cell headers carry nbgrader's metadata in short:
this module completes it, gives every cell an id that is the same on every run, fills templates
such as ``{{ course.name }}``, and says in one sentence what an author has to mend.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode
from nbformat.notebooknode import from_dict

from autograde.course import Course
from autograde.figures import TAG, defined, is_figure, needed
from autograde.tasks import Call, Task

CHECKS_SUFFIX = "_checks"
ANSWERS_SUFFIX = "_answers"
BEGIN_SOLUTION, END_SOLUTION = "### BEGIN SOLUTION", "### END SOLUTION"

HAND_IN = "hand-in"
"""Tags a given cell that looks at the file to be handed in: grading, which has none, skips it."""

_TEMPLATE = re.compile(r"\{\{ ([A-Za-z_][\w.]*) \}\}")
_GRADE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,57}")  # with "-test" still a legal cell id
_NOT_BY_HAND = {"xaikit", "captum", "shap", "lime", "alibi"}


class SourceError(Exception):
    """An author's file has to be mended: one sentence, naming the file and the cell."""


@dataclass(frozen=True)
class Checks:
    """The hidden checks of one notebook: its tasks by id, and the text that it fills in."""

    file: Path
    tasks: dict[str, Task]
    text: dict[str, str]


@dataclass(frozen=True)
class Source:
    """One notebook as its author wrote it: completed metadata, templates filled, solutions in."""

    name: str
    file: Path
    notebook: NotebookNode
    checks: Checks


@dataclass(frozen=True)
class Answer:
    """One answer cell of a course notebook.

    Attributes
    ----------
    task
        The grade id of the answer cell: the task's id.
    manual
        Whether a person grades it; then it has no test cell.
    points
        What the task is worth.
    cell
        The answer cell's position in the notebook.
    test
        The position of its locked test cell, None if manual.
    """

    task: str
    manual: bool
    points: float
    cell: int
    test: int | None


def answers(notebook: NotebookNode) -> list[Answer]:
    """List the answer cells of a source or released notebook, in its order."""
    cells = [(cell, grading(cell)) for cell in notebook.cells]
    tests = {meta["grade_id"]: i for i, (_, meta) in enumerate(cells) if is_test(meta)}
    found = []
    for i, (_, meta) in enumerate(cells):
        if not meta.get("solution"):
            continue
        task, manual = meta["grade_id"], bool(meta.get("grade"))
        test = None if manual else tests[f"{task}-test"]
        points = float((meta if test is None else cells[test][1])["points"])
        found.append(Answer(task, manual, points, i, test))
    return found


def mark_scheme(source: str) -> str:
    """Return the mark scheme in an author's answer cell; empty if there is none."""
    pattern = r"BEGIN MARK SCHEME[^\n]*\n(.*?)\n[^\n]*END MARK SCHEME"
    match = re.search(pattern, source, re.DOTALL)
    return match[1].strip() if match else ""


def node(value: dict[str, Any]) -> NotebookNode:
    """Turn plain dictionaries into the nodes that nbformat and nbgrader work on (a deep copy)."""
    return from_dict(value)  # type: ignore[no-untyped-call,no-any-return]


def grading(cell: NotebookNode) -> dict[str, Any]:
    """Return the cell's nbgrader metadata, empty if it has none."""
    meta = cell.metadata.get("nbgrader", {})
    return meta if isinstance(meta, dict) else {}


def is_hand_in(cell: NotebookNode) -> bool:
    """Return whether an author has tagged the cell as one for the student's own machine."""
    return HAND_IN in cell.metadata.get("tags", [])


def is_test(meta: dict[str, Any]) -> bool:
    """Whether this nbgrader metadata is that of a test cell."""
    return bool(meta.get("grade")) and not meta.get("solution")


def marker(task: str, cell_type: str) -> str:
    """Return the first line of the task's answer cell, which survives every front end."""
    return f"# answer: {task}" if cell_type == "code" else f"<!-- answer: {task} -->"


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
        cell.source = _fill(cell.source, values, f"{file}: {_called(cell)}")
    _validate(notebook, checks, file)
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


def _called(cell: NotebookNode) -> str:
    """Name a cell so that its author finds it."""
    first = cell.source.strip().split("\n", 1)[0][:40]
    return f"cell {grading(cell)['grade_id']!r} ({first})"


def _fill(source: str, values: dict[str, str], where: str) -> str:
    """Fill the templates ``{{ key }}``; values are inserted as they are, not filled again."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise SourceError(
                f"{where}: nothing fills the template {match[0]}; add it to TEXT in the checks."
            )
        return values[match[1]]

    return _TEMPLATE.sub(value, source)


def _validate(notebook: NotebookNode, checks: Checks, file: Path) -> None:
    """Raise SourceError for the first thing that an author has to mend."""
    seen: set[str] = set()
    automatic: set[str] = set()
    tests: set[str] = set()
    cells = notebook.cells
    for position, cell in enumerate(cells):
        meta, where = grading(cell), f"{file}: {_called(cell)}"
        if meta["grade_id"] in seen:
            raise SourceError(f"{where}: another cell has this grade_id; rename one.")
        seen.add(meta["grade_id"])
        if meta["grade"]:
            _validate_points(meta, where)
        elif "points" in meta:
            raise SourceError(f"{where}: only a cell with grade true has points.")
        if meta["solution"]:
            _validate_answer(cell, where)
            if not meta["grade"]:
                following = grading(cells[position + 1]) if position + 1 < len(cells) else {}
                test = f"{meta['grade_id']}-test"
                if following.get("grade_id") != test or not is_test(following):
                    raise SourceError(
                        f"{where}: its test cell {test!r} with grade true should follow directly."
                    )
                automatic.add(meta["grade_id"])
                tests.add(test)
        else:
            if re.search(r"(BEGIN|END) (SOLUTION|MARK SCHEME)", cell.source):
                raise SourceError(
                    f"{where}: a solution or mark scheme stands in a cell without solution true."
                )
            if meta["grade"] and meta["grade_id"] not in tests:
                raise SourceError(
                    f"{where}: a test cell follows its answer cell ID and is called ID-test."
                )
            if meta["grade"] and cell.cell_type != "code":
                raise SourceError(f"{where}: a test cell is a code cell.")
    for task in sorted(automatic - set(checks.tasks)):
        raise SourceError(f"{checks.file}: there is no task for the answer cell {task!r}.")
    for task in sorted(set(checks.tasks) - automatic):
        raise SourceError(f"{checks.file}: the task {task!r} has no answer cell in {file.name}.")
    _validate_needs(notebook, checks)
    _validate_figures(notebook, file)
    _validate_hand_in(notebook, file)


def _validate_points(meta: dict[str, Any], where: str) -> None:
    points = meta.get("points")
    number = isinstance(points, int | float) and not isinstance(points, bool)
    if not (number and 0 < float(points or 0) < 1000):
        raise SourceError(f"{where}: points should be a number above 0.")


def _validate_answer(cell: NotebookNode, where: str) -> None:
    meta = grading(cell)
    lines = cell.source.split("\n")
    first = marker(meta["grade_id"], cell.cell_type)
    if lines[0].strip() != first:
        raise SourceError(f"{where}: its first line should be the marker {first!r}.")
    if cell.cell_type != "code" and not meta["grade"]:
        raise SourceError(f"{where}: an answer in text has grade true, because a person grades it.")
    if cell.cell_type == "raw":
        raise SourceError(f"{where}: an answer is a code or a Markdown cell.")
    if not _is_paired(lines, "SOLUTION") or BEGIN_SOLUTION not in cell.source:
        raise SourceError(
            f"{where}: its solution should stand between {BEGIN_SOLUTION!r} and {END_SOLUTION!r}."
        )
    if not _is_paired(lines, "MARK SCHEME"):
        raise SourceError(
            f"{where}: its mark scheme should stand between '=== BEGIN MARK SCHEME ===' and "
            "'=== END MARK SCHEME ==='."
        )


def _is_paired(lines: list[str], kind: str) -> bool:
    """Whether every begin of a region is followed by its end, and every end follows a begin."""
    marks = [mark for line in lines for mark in ("BEGIN", "END") if f"{mark} {kind}" in line]
    return marks == ["BEGIN", "END"] * (len(marks) // 2)


def _validate_needs(notebook: NotebookNode, checks: Checks) -> None:
    locked = {
        grading(cell)["grade_id"]: cell
        for cell in notebook.cells
        if cell.cell_type == "code" and grading(cell)["locked"] and not grading(cell)["grade"]
    }
    for task in checks.tasks.values():
        if not isinstance(task.answer, Call):
            continue
        for need in task.answer.needs:
            where = f"{checks.file}: the task {task.id!r} needs {need!r}"
            if need not in locked:
                raise SourceError(f"{where}, which is no locked code cell.")
            forbidden = _imports(locked[need].source) & _NOT_BY_HAND
            if task.answer.by_hand and forbidden:
                raise SourceError(
                    f"{where}, which imports {sorted(forbidden)[0]}: not there for a task by hand; "
                    "please split that cell."
                )


def _validate_figures(notebook: NotebookNode, file: Path) -> None:
    """Raise unless every cell tagged as a figure leaves behind only what no later cell takes."""
    for position, cell in enumerate(notebook.cells):
        if not is_figure(cell):
            continue
        meta, where = grading(cell), f"{file}: {_called(cell)}"
        if cell.cell_type != "code" or meta["grade"] or meta["solution"]:
            raise SourceError(f"{where}: only a given code cell is tagged {TAG!r}.")
        try:
            names = defined(cell.source)
        except SyntaxError:
            raise SourceError(f"{where}: what is tagged {TAG!r} is plain Python.") from None
        for later in notebook.cells[position + 1 :]:
            if later.cell_type != "code" or is_test(grading(later)) or is_figure(later):
                continue
            if taken := (needed(later.source) or frozenset()) & names:
                raise SourceError(
                    f"{where}: it is tagged {TAG!r}, but {_called(later)} takes "
                    f"{sorted(taken)[0]!r} from it; rename that, or take the tag away."
                )
            if not grading(later)["solution"] and needed(later.source) is not None:
                names -= defined(later.source)  # from here on it is that cell's


def _validate_hand_in(notebook: NotebookNode, file: Path) -> None:
    """Raise where leaving out a cell, because it is tagged as of the hand-in, would be felt."""
    for cell in notebook.cells:
        if not is_hand_in(cell):
            continue
        meta, where = grading(cell), f"{file}: {_called(cell)}"
        if cell.cell_type != "code" or meta["grade"] or meta["solution"]:
            raise SourceError(f"{where}: only a given code cell is tagged {HAND_IN!r}.")
        try:
            names = defined(cell.source)
        except SyntaxError:
            raise SourceError(f"{where}: what is tagged {HAND_IN!r} is plain Python.") from None
        if names:
            raise SourceError(
                f"{where}: it is tagged {HAND_IN!r}, so grading skips it, but it defines "
                f"{sorted(names)[0]!r}; do that in another cell."
            )


def _imports(source: str) -> set[str]:
    """Return the top-level packages that a cell imports; magics are passed over."""
    lines = source.split("\n")
    plain = "\n".join("" if line.lstrip()[:1] in ("%", "!") else line for line in lines)
    try:
        tree = ast.parse(plain)
    except SyntaxError:
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names

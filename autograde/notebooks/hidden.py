"""What a released notebook must not hold: solutions, model answers, mark schemes, hidden checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autograde.notebooks.answers import answers_of
from autograde.notebooks.cells import grading, marker
from autograde.notebooks.source import Source

Kind = Literal["code", "other", "helper", "prose", "key"]

_LEAST_KEY = 12  # letters; "1" or "yes" is everybody's
_GIVEN = re.compile(r"# given on purpose: \S")


@dataclass(frozen=True)
class Secret:
    """One text that only authors see.

    Attributes
    ----------
    owner
        What it is, in words: ``the solution of 'double'``.
    kind
        ``other`` is another right answer in code. ``helper`` is code of the checks beside their
        scoring functions: it may well resemble what the notebook gives.
    task
        The task that it answers, if it does: the answer cell may hold a part of it.
    """

    owner: str
    kind: Kind
    text: str
    task: str = ""


def secrets(source: Source) -> Iterator[Secret]:
    """Yield everything of a notebook's source that students must not see.

    Raises
    ------
    SourceError
        If its other answers cannot be read.
    """
    regions = []
    for cell in source.notebook.cells:
        if not grading(cell)["solution"]:
            continue
        task = grading(cell)["grade_id"]
        own = [*_between(cell.source, "SOLUTION")]
        regions += own
        kind: Kind = "code" if cell.cell_type == "code" else "prose"
        owner = "the solution of" if kind == "code" else "the model answer to"
        yield Secret(f"{owner} {task!r}", kind, "\n".join(own), task)
        for scheme in _between(cell.source, "MARK SCHEME"):
            yield Secret(f"the mark scheme of {task!r}", "prose", scheme, task)
    yield from _other_answers(source)
    for file in source.checks.files:
        yield from _of_checks(file.read_text(encoding="utf-8-sig"))
    yield from _keys(source.checks.text, "\n".join(regions))


def _between(source: str, kind: str) -> Iterator[str]:
    for match in re.finditer(rf"BEGIN {kind}[^\n]*\n(.*?)[^\n]*END {kind}", source, re.DOTALL):
        yield match[1]


def _other_answers(source: Source) -> Iterator[Secret]:
    """Yield the other right answers; the lines that the answer cell hands out are not theirs."""
    cells = {grading(cell)["grade_id"]: cell for cell in source.notebook.cells}
    for task, kinds in answers_of(source.layout, _homes(source)).items():
        if task in cells and "alternative" in kinds:
            cell = cells[task]
            handed_out = {line.strip() for line in cell.source.split("\n")}
            first = marker(task, cell.cell_type)
            lines = [
                line if line.strip() not in handed_out and line.strip() != first else ""
                for line in kinds["alternative"].split("\n")
            ]
            kind: Kind = "other" if cell.cell_type == "code" else "prose"
            yield Secret(f"the other right answer to {task!r}", kind, "\n".join(lines), task)


def _homes(source: Source) -> dict[Path, set[str]]:
    """Return the tasks of each script; those that the course leaves out may stand in any."""
    homes = {section.script: {*source.left_out} for section in source.layout.sections}
    for cell, file in zip(source.notebook.cells, source.files, strict=True):
        if grading(cell)["solution"]:
            homes[file].add(grading(cell)["grade_id"])
    return homes


def _of_checks(text: str) -> Iterator[Secret]:
    """Yield the functions, classes and tables of a module of the checks.

    One that the notebook gives, too, says so in a comment: ``# given on purpose: REASON``.
    """
    lines = text.split("\n")
    for statement in ast.parse(text).body:
        code = "\n".join(lines[statement.lineno - 1 : statement.end_lineno])
        if _GIVEN.search(code):
            continue
        if isinstance(statement, ast.FunctionDef) and any(map(_is_task, statement.decorator_list)):
            yield Secret(f"the hidden check of {statement.name!r}", "code", code)
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield Secret(f"{statement.name!r} of the hidden checks", "helper", code)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            [target, *_] = getattr(statement, "targets", None) or [statement.target]  # type: ignore[union-attr]
            if ast.unparse(target) != "TEXT":  # what fills templates is for students
                yield Secret(f"{ast.unparse(target)!r} of the hidden checks", "helper", code)


def _is_task(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "task"


def _keys(text: Mapping[str, str], solutions: str) -> Iterator[Secret]:
    """Yield text of the checks that belongs into solutions: used in one, or named ``…_key``."""
    for key, value in text.items():
        if len(value) >= _LEAST_KEY and (key.endswith("_key") or value in solutions):
            yield Secret(f"TEXT[{key!r}], which belongs into solutions", "key", value)

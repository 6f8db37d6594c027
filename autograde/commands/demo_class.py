"""A bundled class: made from the answers beside each source, graded like any other.

``solutions/demo_class.toml`` tells who hands in what: which kind of answer to which task, what
the student did to the notebook before the upload, and what the student intends. No result is
stored in advance: every run builds the uploads anew and grades them.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from nbformat import NotebookNode
from pydantic import AfterValidator, TypeAdapter, ValidationError

from autograde.commands.demo_report import DemoReport, write_report
from autograde.grading.mark import Assignment
from autograde.model.course import Course, CourseError
from autograde.model.kinds import (
    UNKNOWN,
    Line,
    People,
    Switch,
    Text,
    meant,
    record,
    refusal,
    should_be,
    table,
)
from autograde.notebooks import answers as answer_cells
from autograde.notebooks.cells import grading, node, report_task
from autograde.notebooks.release import to_json
from autograde.notebooks.source import find_source

Damage = Callable[[NotebookNode], bytes]

_Kind = Annotated[
    Literal["solution", "alternative", "wrong", "untouched"],
    should_be("solution, alternative, wrong or untouched"),
]
_Kinds = Annotated[Mapping[str, _Kind], table()]
_Texts = Annotated[Mapping[str, Text], table()]
_Tags = Annotated[Mapping[str, Annotated[list[Text], should_be("a list of tags")]], table()]


@dataclass(frozen=True)
class Recipe:
    """What one student of the bundled class hands in for one notebook.

    Attributes
    ----------
    answers
        The kind that answers every task unless named below: ``solution``, ``alternative``,
        ``wrong`` or ``untouched``.
    kinds
        Tasks answered by another kind.
    code
        Tasks answered by source text given in the recipe.
    before
        Extra code cells, by the task that they are put before.
    tags
        Tags that the student puts on cells, by grade id.
    damage
        What happened to the file: a key of :data:`DAMAGES`.
    hostile
        Never run without a sandbox.
    timestamp
        When it was handed in, if that matters.
    report
        The report beside it, if one is handed in.
    """

    answers: _Kind = "solution"
    kinds: _Kinds = field(default_factory=dict)
    code: _Texts = field(default_factory=dict)
    before: _Texts = field(default_factory=dict)
    tags: _Tags = field(default_factory=dict)
    damage: Annotated[Text, AfterValidator(_known_damage)] = ""
    hostile: Switch = False
    timestamp: Text = ""
    report: Annotated[DemoReport, record(DemoReport, "a report")] | None = None


@dataclass(frozen=True)
class Student:
    """One student of the bundled class, or a group, with the story behind the uploads."""

    name: str
    story: str
    uploads: Mapping[str, Recipe]
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Entry:
    """A student as the recipe's file has one."""

    name: Line
    story: Text = ""
    submits: Annotated[Mapping[str, Annotated[Recipe, record(Recipe, "an upload")]], table()] = (
        field(default_factory=dict)
    )
    members: People = ()


@dataclass(frozen=True)
class _Class:
    """The recipe's file."""

    student: list[Annotated[_Entry, record(_Entry, "a student")]] = field(default_factory=list)


def load_class(path: Path) -> list[Student]:
    """Read the recipe of the bundled class.

    Raises
    ------
    CourseError
        In one sentence, if the file is missing or an entry is unknown or not what it should be.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CourseError(f"The bundled class cannot be read from {path}: {error}.") from None
    shape = TypeAdapter(Annotated[_Class, record(_Class, "the class")])
    try:
        entries = shape.validate_python(raw).student
    except ValidationError as error:
        raise CourseError(f"{path}: {_sentence(error, raw)}") from None
    return [Student(e.name, e.story, e.submits, e.members) for e in entries]


def _sentence(error: ValidationError, raw: Mapping[str, Any]) -> str:
    """Say in our words what is wrong first, and with whom."""
    first = error.errors(include_url=False)[0]
    where, place = "The class", [str(part) for part in first["loc"] if part != "[key]"]
    if place[:1] == ["student"] and len(place) > 1:
        entry = raw["student"][int(place[1])]
        named = isinstance(entry, dict) and isinstance(entry.get("name"), str)
        where = entry["name"] if named else f"student {int(place[1]) + 1}"
        place = place[2:]
        if place[:1] == ["submits"] and len(place) > 1:
            where, place = f"{where}'s {place[1]}", place[2:]
    if first["type"] == UNKNOWN:
        ours = first["ctx"]
        return f"{where} has an unknown entry {ours['key']} ({ours['known']}){ours['meant']}"
    if first["type"] == "missing":
        return f"{where} has no {place[-1]}; please add one."
    if first["type"] == "list_type":
        return f"{'.'.join(place)} should be a list: [[student]]."
    given = f", not {first['input']!r}" if isinstance(first["input"], str) else ""
    return f"{'.'.join([where, *place])} {first['msg']}{given}."


def fitting(students: Sequence[Student], trusted: Mapping[str, Assignment]) -> list[Student]:
    """Return the class without what answers notebooks and tasks that the course leaves out."""
    return [
        replace(
            student,
            uploads={
                name: _fitting(upload, trusted[name])
                for name, upload in student.uploads.items()
                if name in trusted
            },
        )
        for student in students
    ]


def _fitting(upload: Recipe, assignment: Assignment) -> Recipe:
    if not assignment.left_out:
        return upload
    cells = {grading(cell)["grade_id"] for cell in assignment.released.cells}
    return replace(
        upload,
        kinds={task: each for task, each in upload.kinds.items() if task in cells},
        code={task: each for task, each in upload.code.items() if task in cells},
        before={task: each for task, each in upload.before.items() if task in cells},
        tags={cell: each for cell, each in upload.tags.items() if cell in cells},
        report=upload.report if report_task(assignment.released) else None,
    )


def load_all_answers(
    trusted: Mapping[str, Assignment], course: Course
) -> dict[str, dict[str, dict[str, str]]]:
    """Return, for each notebook and task, the answer cell's source text by kind."""
    every = {}
    for name, assignment in trusted.items():
        others = answer_cells.load_answers(find_source(course.folder / "solutions", name))
        every[name] = {
            task: {"solution": text, **others.get(task, {})}
            for task, text in assignment.solutions.items()
        }
    return every


def make_upload(
    upload: Recipe, released: NotebookNode, answers: Mapping[str, Mapping[str, str]]
) -> bytes:
    """Return the file that a student uploads: the released notebook, filled in and spoiled.

    ``answers`` maps each task to its answer cell's source text by kind (``solution``,
    ``alternative``, ``wrong``).
    """
    for task in (*upload.kinds, *upload.code):
        if task not in answers:
            raise CourseError(
                f"The bundled class answers a task {task!r} that the notebook does not have"
                f"{meant(task, answers)}"
            )
    sources = {}
    for task, kinds in answers.items():
        kind = upload.kinds.get(task, upload.answers)
        if kind != "untouched" and kind in kinds:
            sources[task] = kinds[kind]
    sources.update({task: f"# answer: {task}\n{code}" for task, code in upload.code.items()})
    notebook = answer_cells.submission(released, sources)
    for task, code in upload.before.items():
        position = _position(notebook, task)
        notebook.cells.insert(position, _code_cell(code, f"extra-{task}"))
    for grade_id, tags in upload.tags.items():
        notebook.cells[_position(notebook, grade_id)].metadata["tags"] = tags
    return DAMAGES[upload.damage](notebook) if upload.damage else _as_saved(notebook)


def write_class(
    students: list[Student],
    folder: Path,
    released: Mapping[str, NotebookNode],
    answers: Mapping[str, Mapping[str, Mapping[str, str]]],
    hostile: bool,
    repository: str,
) -> list[str]:
    """Write the class's uploads as ``folder/STUDENT/NAME.ipynb`` (the folder is made anew).

    Reports lie beside them; they link to ``repository`` on GitHub.

    Returns
    -------
    list of str
        ``STUDENT: NAME`` of the hostile uploads left out because ``hostile`` is False.
    """
    if folder.exists():
        shutil.rmtree(folder)
    left_out = []
    for student in students:
        home = folder / student.name
        home.mkdir(parents=True)
        for name, upload in student.uploads.items():
            if upload.hostile and not hostile:
                left_out.append(f"{student.name}: {name}")
                continue
            content = make_upload(upload, released[name], answers[name])
            (home / f"{name}.ipynb").write_bytes(content)
            if upload.report:
                people = [person.title() for person in student.members or (student.name,)]
                address = f"https://github.com/{repository}"
                write_report(home / "report.pdf", people, address, upload.report)
            if upload.timestamp:
                (home / "timestamp.txt").write_text(upload.timestamp + "\n", encoding="utf-8")
    return left_out


def _position(notebook: NotebookNode, grade_id: str) -> int:
    for position, cell in enumerate(notebook.cells):
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id:
            return position
    raise CourseError(f"The bundled class names a cell {grade_id!r} that no notebook has.")


def _code_cell(source: str, id: str) -> NotebookNode:
    return node(
        {
            "cell_type": "code",
            "id": id,
            "metadata": {},
            "source": source,
            "execution_count": None,
            "outputs": [],
        }
    )


def _as_saved(notebook: NotebookNode) -> bytes:
    return to_json(notebook).encode("utf-8")


def _known_damage(name: str) -> str:
    if name and name not in DAMAGES:
        raise refusal(f"one of {', '.join(DAMAGES)}")
    return name


def _truncated(notebook: NotebookNode) -> bytes:
    """Break the upload off."""
    whole = _as_saved(notebook)
    return whole[: len(whole) * 3 // 5]


def _saved_in_colab(notebook: NotebookNode) -> bytes:
    """Colab keeps the cells' text and replaces everything that is not its own."""
    cells: list[dict[str, Any]] = []
    for cell in notebook.cells:
        saved = {
            "cell_type": cell.cell_type,
            "source": cell.source.splitlines(keepends=True),
            "metadata": {"id": f"colab{len(cells):04d}"},
        }
        if cell.cell_type == "code":
            saved |= {"execution_count": None, "outputs": []}
        cells.append(saved)
    document = {
        "nbformat": 4,
        "nbformat_minor": 0,
        "metadata": {
            "colab": {"provenance": [], "gpuType": "T4"},
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "accelerator": "GPU",
        },
        "cells": cells,
    }
    return json.dumps(document).encode("utf-8")


def _windows(notebook: NotebookNode) -> bytes:
    """Save as an editor on Windows does: byte-order mark, carriage returns in every source."""
    changed = node(notebook)
    for cell in changed.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    return b"\xef\xbb\xbf" + _as_saved(changed).replace(b"\n", b"\r\n")


def _shuffled(notebook: NotebookNode) -> bytes:
    """Move the last half of the cells to the front, with every answer cell there twice."""
    changed = node(notebook)
    half = len(changed.cells) // 2
    cells = changed.cells[half:] + changed.cells[:half]
    for cell in [c for c in cells if c.metadata.get("nbgrader", {}).get("solution")]:
        twin = node(cell)
        twin["id"] = f"{cell['id']}-copy"[-64:]
        cells.append(twin)
    changed["cells"] = cells
    return _as_saved(changed)


DAMAGES: dict[str, Damage] = {
    "truncated": _truncated,
    "colab": _saved_in_colab,
    "windows": _windows,
    "shuffled": _shuffled,
}

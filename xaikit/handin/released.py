"""What this package knows of the course's notebooks as they were released.

Release writes it down in ``assets/notebooks.json``: the cells that students got, the names that
each task asks for, and what grading does without. Nothing of it says what is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from xaikit.handin.markers import digest, squeezed, text_known_by, without_terms
from xaikit.handin.unseen import ByHand
from xaikit.handin.uploads import Stub

Role = Literal["answer", "test", "given", "hand-in", "text"]
"""``given`` is code that grading runs, ``test`` the visible checks below an answer, ``hand-in`` the
look at the file; ``text`` is what nobody runs."""


_SHORT = 60
"""Characters of the line by which a cell is called."""


@dataclass(frozen=True)
class ReleasedCell:
    """One cell of a notebook as students got it.

    Attributes
    ----------
    grade_id, cell_id
        By which it is known in an upload.
    role
        What it is there for.
    source
        Its text; empty for a given text, which is known by its digest alone.
    text
        The digest of its text without white space, and without what changes with a term or with
        the tasks that the course chooses.
    """

    grade_id: str
    cell_id: str
    role: Role
    source: str
    text: str

    @classmethod
    def of(cls, grade_id: str, cell_id: str, role: Role, source: str) -> ReleasedCell:
        """Return what is known of a cell with this text."""
        text = squeezed(without_terms(source))
        if role == "text":
            return cls(grade_id, cell_id, role, "", text_known_by(text))
        return cls(grade_id, cell_id, role, source, digest(text))

    @property
    def begins(self) -> str:
        """Its first line, shortened."""
        return begins(self.source)


@dataclass(frozen=True)
class Released:
    """What is known of a notebook as it was released.

    Attributes
    ----------
    release
        By which name it goes in the notebook's metadata.
    cells
        All of its cells, in order.
    functions
        The function that a task asks for, by task.
    variables
        The variables that a task asks for, by task.
    by_hand
        What is known of the functions that grading calls where only some packages are within reach.
    report
        The task whose answer is a report beside the notebook; empty if there is none.
    group_size
        Up to how many hand in together.
    others
        Cells of the whole notebook that are not among these, or have another text there.
    statements
        The digests of a quiz's statements, by label.
    """

    release: str
    cells: tuple[ReleasedCell, ...]
    functions: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_hand: tuple[ByHand, ...] = ()
    report: str = ""
    group_size: int = 1
    others: tuple[ReleasedCell, ...] = ()
    statements: dict[str, str] = field(default_factory=dict)
    stubs: dict[str, Stub] = field(init=False)
    given: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        stubs = {
            cell.grade_id: Stub.of(
                _first(cell.source), cell.cell_id, cell.source, cell.grade_id == self.report
            )
            for cell in self.cells
            if cell.role == "answer"
        }
        object.__setattr__(self, "stubs", stubs)
        object.__setattr__(self, "given", given_of(self.cells, self.others))

    def as_json(self) -> dict[str, Any]:
        """Return what :meth:`read` reads."""
        cells = [
            {
                "grade_id": cell.grade_id,
                "id": cell.cell_id,
                "role": cell.role,
                **({"text": cell.text} if cell.role == "text" else {"source": cell.source}),
            }
            for cell in self.cells
        ]
        return {
            "release": self.release,
            "functions": {**self.functions},
            "variables": {task: [*names] for task, names in self.variables.items()},
            "by_hand": [each.as_json() for each in self.by_hand],
            "report": self.report,
            "group_size": self.group_size,
            "cells": cells,
            "statements": self.statements,
            "others": [
                {"grade_id": o.grade_id, "id": o.cell_id, "role": o.role, "text": o.text}
                for o in self.others
            ],
        }

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Released:
        """Return what an entry of ``assets/notebooks.json`` says."""
        cells = tuple(
            ReleasedCell(cell["grade_id"], cell["id"], "text", "", cell["text"])
            if cell["role"] == "text"
            else ReleasedCell.of(cell["grade_id"], cell["id"], cell["role"], cell["source"])
            for cell in entry["cells"]
        )
        return cls(
            entry["release"],
            cells,
            entry["functions"],
            {task: tuple(names) for task, names in entry["variables"].items()},
            tuple(map(ByHand.read, entry["by_hand"])),
            entry["report"],
            entry["group_size"],
            tuple(
                ReleasedCell(other["grade_id"], other["id"], other["role"], "", other["text"])
                for other in entry["others"]
            ),
            entry["statements"],
        )


def given_of(cells: Iterable[ReleasedCell], others: Iterable[ReleasedCell]) -> frozenset[str]:
    """Return by what cells of a notebook are known that no student wrote."""
    return frozenset(cell.text for cell in (*cells, *others) if cell.role != "answer")


def begins(source: str) -> str:
    """Return the first line of a text that holds something, shortened: people find a cell by it."""
    line = _first(source)
    return line if len(line) <= _SHORT else f"{line[: _SHORT - 1]}…"


def _first(source: str) -> str:
    return next((line.strip() for line in source.split("\n") if line.strip()), "")


@cache
def notebooks() -> dict[str, Released]:
    """Return the notebooks that this version of the package belongs to, by name."""
    text = files("xaikit").joinpath("assets", "notebooks.json").read_text(encoding="utf-8")
    return {name: Released.read(entry) for name, entry in json.loads(text).items()}


def group_size() -> int:
    """Return up to how many hand in together: the most that a notebook of the course says."""
    return max((each.group_size for each in notebooks().values()), default=1)

"""The parts of a notebook's source: which lines belong to which section, and to which task.

A section begins at its heading, ``## Section: TITLE``, and ends at the next heading of that level.
What stands outside of sections, such as introduction and hand-in, belongs to every choice. A task
begins at its heading, ``### Task: TITLE``, and ends with its test cell, or with its answer cell if
a person marks it. The header of the cell that holds a section's heading may say how long it takes,
and whether it belongs to the core path: ``# %% [markdown] minutes=60 core=true``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograde.notebooks.cells import SourceError, called, grading, is_test
from autograde.notebooks.numbering import SECTION, TASK, headings, next_answers


@dataclass(frozen=True)
class Part:
    """Some lines of a text, or all of another cell.

    Attributes
    ----------
    cell
        The cell's position in the whole notebook.
    section
        The section's number in the whole notebook; 0 if it stands outside of sections.
    task
        The task's id; empty if it belongs to none.
    """

    cell: int
    text: str
    section: int
    task: str


@dataclass(frozen=True)
class Section:
    """One section of the whole notebook."""

    number: int
    title: str
    minutes: float
    core: bool


@dataclass(frozen=True)
class Outline:
    """The parts of a whole notebook.

    Attributes
    ----------
    cells, files
        The cells, and for each the script in which it stands.
    parts
        In their order; together they are all cells.
    sections
        In their order, numbered from 1 on.
    names
        The number of the first section that a script begins, or else of the one in which it
        stands, by the script's name without number; 0 outside of sections.
    homes
        The number of the section in which each task stands.
    """

    cells: tuple[NotebookNode, ...]
    files: tuple[Path, ...]
    parts: tuple[Part, ...]
    sections: tuple[Section, ...]
    names: dict[str, int]
    homes: dict[str, int]

    def titled(self, number: int) -> str:
        """Name a section so that an instructor knows it."""
        return f"section {number} ({self.sections[number - 1].title})"


def outline(
    cells: Sequence[NotebookNode], files: Sequence[Path], headers: Sequence[Mapping[str, Any]]
) -> Outline:
    """Return the parts of a notebook's source.

    Parameters
    ----------
    cells
        With completed metadata, as their author wrote them.
    files
        For each cell the script in which it stands.
    headers
        For each cell what its header says.

    Raises
    ------
    SourceError
        If a header says ``minutes`` or ``core`` where no section begins, or something else of it.
    """
    owners = next_answers(cells)
    parts: list[Part] = []
    sections: list[Section] = []
    names: dict[str, int] = {}
    homes: dict[str, int] = {}
    headed: set[Path] = set()
    mistakes: list[str] = []
    here, task = 0, ""
    for position, (cell, file, header) in enumerate(zip(cells, files, headers, strict=True)):
        meta, before = grading(cell), len(sections)
        if cell.cell_type == "markdown" and not meta["solution"]:
            for lines in _blocks(cell.source):
                first = lines.split("\n", 1)[0]
                if heading := SECTION.fullmatch(first):
                    minutes, core = _said(header, mistakes, f"{file}: {called(cell)}")
                    sections.append(Section(len(sections) + 1, heading[2], minutes, core))
                    here, task = len(sections), ""
                elif TASK.fullmatch(first):
                    task = owners[position] or ""
                elif re.match(r"#+ ", first):
                    here, task = (0 if first.startswith("## ") else here), ""
                parts.append(Part(position, lines, here, task))
        else:
            own = _task_of(meta)
            parts.append(Part(position, cell.source, here, own or task))
            if meta["solution"]:
                homes[own] = here
            if own and meta["grade"]:  # a test cell, or an answer that a person marks
                task = ""
        if len(sections) == before and {"minutes", "core"} & {*header}:
            mistakes.append(
                f"{file}: {called(cell)}: minutes and core stand in the header of the cell that "
                "holds a section's heading."
            )
        name = re.sub(r"^\d+[a-z]?_", "", file.stem)
        names.setdefault(name, here)
        if len(sections) > before and file not in headed:
            headed.add(file)
            names[name] = before + 1
    if mistakes:
        raise SourceError(*mistakes)
    return Outline(tuple(cells), tuple(files), tuple(parts), tuple(sections), names, homes)


def _blocks(text: str) -> Iterator[str]:
    """Yield the parts of a text that begin with a heading, and what stands before the first."""
    lines = text.split("\n")
    starts = [0, *(row for row in headings(lines) if row), len(lines)]
    for start, end in pairwise(starts):
        yield "\n".join(lines[start:end])


def _task_of(meta: Mapping[str, Any]) -> str:
    """Return the task whose answer or test cell it is; empty if it is neither."""
    if is_test(dict(meta)):
        return str(meta["grade_id"]).removesuffix("-test")
    return str(meta["grade_id"]) if meta["solution"] else ""


def _said(header: Mapping[str, Any], mistakes: list[str], where: str) -> tuple[float, bool]:
    """Return what a header says of a section: its minutes, and whether it is of the core path."""
    minutes, core = header.get("minutes", 0), header.get("core", False)
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or minutes < 0:
        mistakes.append(f"{where}: minutes should be a number from 0 on, not {minutes!r}.")
        minutes = 0
    if not isinstance(core, bool):
        mistakes.append(f"{where}: core should be true or false, not {core!r}.")
        core = False
    return float(minutes), core

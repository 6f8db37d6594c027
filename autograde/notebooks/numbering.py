"""Numbers and points stand once: release counts tasks and sections and writes them into headings.

An author writes ``### Task: a title`` above an answer cell and ``## Section: a title``; students
read ``### Task 3: a title (2 points)`` and ``## 4 · a title``. A text names them by id, so that the
number follows: ``task {{ task.ID }}``, ``section {{ section.NAME }}``, ``{{ points.ID }}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from autograde.model.kinds import meant
from autograde.model.records import points
from autograde.notebooks.cells import SourceError, called, grading

TASK = re.compile(r"(#+) Task(?: (\d+))?: (.+?)(?: \((\d[\d.]*) points?(?:, [^()]*)?\))?\s*")
SECTION = re.compile(r"## (?:Section:|(\d+) ·) (.+?)\s*")
_LIKE_ONE = re.compile(r"#+\s*(task|section)[\s\d·]*:.*", re.IGNORECASE)
_FENCE = re.compile(r"\s*(```|~~~)")
_WRITTEN_OUT = re.compile(r"\b[Tt]asks? (\d+(?:(?:, | and | to |–|-)\d+)*)\b(?! of notebook)")
_KINDS = {
    **{"task": "numbered task", "section": "section", "points": "task"},
    "notebook": "notebook",
}


@dataclass
class Numbers:
    """What was counted.

    Attributes
    ----------
    task
        The number of each task that has a heading, by its id.
    points
        What each task is worth, in words, by its id.
    section
        The number of each section, by its file's name without number, or by a task in it.
    notebook
        The number of each notebook that the course has, by its name without number.
    here
        The number of the section in which each cell stands; empty before the first.
    gone
        The templates that name a task, section or notebook which ``course.toml`` leaves out.
    """

    task: dict[str, str] = field(default_factory=dict)
    points: dict[str, str] = field(default_factory=dict)
    section: dict[str, str] = field(default_factory=dict)
    notebook: dict[str, str] = field(default_factory=dict)
    here: list[str] = field(default_factory=list)
    gone: frozenset[str] = frozenset()

    def values(self, here: str) -> dict[str, str]:
        """Return what fills the templates of a text in the section of this number."""
        named = ((kind, getattr(self, kind)) for kind in _KINDS)
        found = {
            f"{kind}.{key}": number for kind, numbers in named for key, number in numbers.items()
        }
        return found | ({"section": here} if here else {})

    def unknown(self, template: str) -> str:
        """Return what is wrong about a template that nothing fills, empty if it is none of ours."""
        kind, _, key = template.partition(".")
        if kind not in _KINDS:
            return ""
        if not key:
            return "it stands before the first section"
        if template in self.gone:
            return (
                f"course.toml leaves this {kind.replace('points', 'task')} out; choose it, too, or "
                f"write the text that names it between {{{{ if {template} }}}} and {{{{ end }}}}"
            )
        if kind == "task" and key in self.points:
            return f"the task {key!r} has no heading '### Task: TITLE', and so no number"
        return (
            f"there is no {_KINDS[kind]} {key!r}{meant(key, getattr(self, kind)).removesuffix('.')}"
        )


def number(cells: Sequence[NotebookNode], files: Sequence[Path]) -> Numbers:
    """Write numbers and points into the headings of a notebook's source, and return them.

    Raises
    ------
    SourceError
        If a heading says another number or other points, or has no answer cell below it; if a text
        names a task by a number that there is not.
    """
    worth = dict(_worth(cells))
    numbers = Numbers(points={task: text for task, (text, _) in worth.items()})
    owners = next_answers(cells)
    first_in_file: dict[Path, str] = {}
    section = ""
    for position, cell in enumerate(cells):
        where = f"{files[position]}: {called(cell)}"
        if cell.cell_type == "markdown":
            lines = cell.source.split("\n")
            for row in headings(lines):
                if heading := SECTION.fullmatch(lines[row]):
                    section = str(int(section or 0) + 1)
                    _agree(where, "section", heading[1], section)
                    first_in_file.setdefault(files[position], section)
                    lines[row] = f"## {section} · {heading[2]}"
                elif heading := TASK.fullmatch(lines[row]):
                    task = owners[position]
                    if task is None or task in numbers.task:
                        raise SourceError(
                            f"{where}: no answer cell of its own follows the heading "
                            f"{lines[row]!r}."
                        )
                    count = numbers.task[task] = str(len(numbers.task) + 1)
                    _agree(where, "task", heading[2], count)
                    if task not in worth:
                        continue  # validation says what is wrong with its points
                    text, more = worth[task]
                    _agree(where, "points", heading[4], text.split()[0])
                    lines[row] = f"{heading[1]} Task {count}: {heading[3]} ({text}{more})"
                elif _LIKE_ONE.fullmatch(lines[row]):
                    raise SourceError(
                        f"{where}: the heading {lines[row]!r} is neither '## Section: TITLE' nor "
                        "'### Task: TITLE', so it is not counted; write it in one of these ways."
                    )
            cell.source = "\n".join(lines)
        numbers.here.append(section)
    before = ""
    for file in dict.fromkeys(files):
        inside = [here for here, home in zip(numbers.here, files, strict=True) if home is file]
        before = first_in_file.get(file, inside[0] if inside else before)
        name = re.sub(r"^\d+[a-z]?_", "", file.stem)
        if before:
            numbers.section.setdefault(name, before)
    for cell, here in zip(cells, numbers.here, strict=True):
        if grading(cell)["solution"] and here:
            numbers.section.setdefault(grading(cell)["grade_id"], here)
    _refuse_unknown_numbers(cells, files, len(numbers.task))
    return numbers


def _worth(cells: Sequence[NotebookNode]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each task with its points in words, and what is said about who gives them."""
    for cell in cells:
        meta = grading(cell)
        value = meta.get("points")
        if not meta["grade"] or isinstance(value, bool) or not isinstance(value, int | float):
            continue  # validation says what is wrong
        text = f"{points(value)} {'point' if value == 1 else 'points'}"
        manual = ", graded by a person" if meta["solution"] else ""
        yield meta["grade_id"].removesuffix("" if manual else "-test"), (text, manual)


def next_answers(cells: Sequence[NotebookNode]) -> list[str | None]:
    """Return for each cell the task whose answer stands in it, or next below it."""
    found: list[str | None] = []
    task = None
    for cell in reversed(cells):
        if grading(cell)["solution"]:
            task = grading(cell)["grade_id"]
        found.append(task)
    return found[::-1]


def headings(lines: Sequence[str]) -> Iterator[int]:
    """Yield the rows of a Markdown text that are headings, those in fenced code left out."""
    fence = ""
    for row, line in enumerate(lines):
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and line.startswith("#"):
            yield row


def _agree(where: str, what: str, said: str | None, counted: str) -> None:
    if said is None or float(said) == float(counted):
        return
    if what == "points":
        raise SourceError(
            f"{where}: the heading says {said} points, the task's cell {counted}; leave them out "
            "of the heading: release writes them there."
        )
    kind = what.capitalize()
    raise SourceError(
        f"{where}: the heading says {what} {said}, but counted from the top it is {counted}; write "
        f"'{kind}: TITLE', and release writes the number."
    )


def _refuse_unknown_numbers(
    cells: Sequence[NotebookNode], files: Sequence[Path], count: int
) -> None:
    """Raise where a text names a task by a number that no task has."""
    for cell, file in zip(cells, files, strict=True):
        for match in _WRITTEN_OUT.finditer(cell.source) if count else ():
            wrong = [n for n in re.findall(r"\d+", match[1]) if not 1 <= int(n) <= count]
            if wrong:
                raise SourceError(
                    f"{file}: {called(cell)}: there is no task {wrong[0]}; write "
                    "{{ task.ID }} in place of a number, and it follows its task."
                )

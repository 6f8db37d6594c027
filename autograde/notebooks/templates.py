"""Fills the templates ``{{ key }}`` of a notebook's texts, and of what its tasks say to read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from nbformat import NotebookNode

from autograde.notebooks.cells import TEMPLATE, SourceError, grading
from autograde.notebooks.checks import Checks
from autograde.notebooks.conditions import resolved
from autograde.notebooks.elsewhere import refuse_written_out
from autograde.notebooks.layout import cells_in
from autograde.notebooks.numbering import Numbers
from autograde.tasks import Task

_HALF = re.compile(r"\{\{ [A-Za-z][\w.-]* ?\}(?!\})|(?<![\w{}])\{ ?[A-Za-z][\w.-]* \}\}")
"""A template that lacks a brace. A brace of TeX follows its command, as in ``text{if }}``."""


def line_of(file: Path, place: tuple[int, int], cell: str, text: str) -> str:
    """Name the line of a script's cell that holds a text; ``place`` as in :class:`Source`."""
    blocks = cells_in(file)
    if len(blocks) != place[1]:
        return f"{file}: {cell}"
    first, lines = blocks[place[0]]
    number = next((row for row, line in enumerate(lines) if text in line), 0)
    return f"{file}:{first + number}: {cell}"


def filled(
    source: str, values: Mapping[str, str], where: Callable[[str], str], numbers: Numbers
) -> str:
    """Fill the templates ``{{ key }}``; values are inserted as they are, not filled again.

    ``where`` names the place of a template.
    """
    wrong = [
        f"{where(half[0])}: {half[0]} is no template; a template has two braces on each side."
        for half in _HALF.finditer(source)
    ]
    for template, key in ((match[0], match[1]) for match in TEMPLATE.finditer(source)):
        if key not in values and (why := numbers.unknown(key)):
            wrong.append(f"{where(template)}: {template}: {why}.".replace("?.", "?"))
        elif key not in values:
            wrong.append(
                f"{where(template)}: nothing fills the template {template}; add it to TEXT in "
                "the checks."
            )
    if wrong:
        raise SourceError(*wrong)
    return TEMPLATE.sub(lambda match: values[match[1]], source)


def _always(place: str) -> Callable[[str], str]:
    return lambda _: place


def tasks_read(
    checks: Checks, notebook: NotebookNode, numbers: Numbers, holds: Callable[[str], bool]
) -> Iterator[tuple[str, Task]]:
    """Yield the tasks, by id, with numbers where they say what to read."""
    homes = {
        grading(cell)["grade_id"]: here
        for cell, here in zip(notebook.cells, numbers.here, strict=True)
    }
    for name, task in checks.tasks.items():
        where = f"{checks.places[name]}: where the task {name!r} says what to read"
        refuse_written_out([(where, task.read)])
        known = numbers.values(homes.get(name, ""))
        read = resolved(task.read, holds, where)
        yield name, replace(task, read=filled(read, known, _always(where), numbers))

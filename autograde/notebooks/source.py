"""Course notebooks: how ``solutions/NAME`` is read, and what its cells mean.

The source is one or several Jupytext percent scripts. Their cell headers carry nbgrader's metadata
in short: this module completes it, gives every cell an id that is the same on every run, fills
templates such as ``{{ course.name }}``, and says in one sentence what an author has to correct.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograde.model.course import Course
from autograde.model.terms import terms
from autograde.notebooks.cells import SourceError, called, grading, node
from autograde.notebooks.checks import Checks, load_checks
from autograde.notebooks.choice import Chosen, choose
from autograde.notebooks.colab import colab_texts
from autograde.notebooks.elsewhere import Elsewhere, refuse_written_out
from autograde.notebooks.folded import fold
from autograde.notebooks.layout import Layout, find_layout, is_source
from autograde.notebooks.numbering import Numbers, number
from autograde.notebooks.outline import outline
from autograde.notebooks.scripts import read_scripts
from autograde.notebooks.templates import filled, line_of, tasks_read
from autograde.notebooks.validate import mistakes
from autograde.tasks import Call

_ANSWER = re.compile(r'^# %%.*"solution"\s*:\s*true', re.MULTILINE)
"""The header of an answer cell."""


@dataclass(frozen=True)
class Source:
    """One notebook as its author wrote it: completed metadata, templates filled, solutions in.

    Attributes
    ----------
    files
        For each cell the script in which it stands.
    given
        The text of the given code cells by grade id, and by the name in their header, those that
        ``course.toml`` leaves out included: hidden checks use them.
    places
        For each cell its place among those of its script, and how many the script has.
    left_out
        The tasks that ``course.toml`` leaves out.
    """

    name: str
    layout: Layout
    notebook: NotebookNode
    checks: Checks
    files: tuple[Path, ...]
    given: dict[str, str]
    places: tuple[tuple[int, int], ...]
    left_out: frozenset[str] = frozenset()


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


def course_sources(course: Course) -> dict[str, Path]:
    """Return the sources of the notebooks that the course has: those that ``notebooks`` names.

    Raises
    ------
    SourceError
        If there is no ``solutions/``, or a notebook has both a file and a folder there.
    """
    if not (course.folder / "solutions").is_dir():
        raise SourceError(
            f"{course.folder} holds no solutions/: copy {course.file.name} to the folder that does."
        )
    there = sources(course.folder / "solutions")
    return {n: path for n, path in there.items() if not course.notebooks or n in course.notebooks}


def course_assignments(course: Course) -> list[str]:
    """Return the names of the notebooks of the course that are handed in and marked."""
    chosen = course_sources(course)
    return [name for name in assignments(course.folder / "solutions") if name in chosen]


def assignments(solutions: Path) -> list[str]:
    """Return the names of the notebooks that are handed in and marked: those with a task.

    An appendix without one is released, published and tested as they are, and is no assignment.
    Headers alone are read, so that a notebook whose cells have to be mended is known, too.

    Raises
    ------
    SourceError
        If a notebook is both a file and a folder.
    """
    return [name for name, path in sources(solutions).items() if _has_task(path)]


def _has_task(path: Path) -> bool:
    files = path.glob("*.py") if path.is_dir() else [path]
    return any(_ANSWER.search(file.read_text("utf-8", errors="replace")) for file in files)


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


def find_chosen(course: Course, name: str) -> Path:
    """Return the source of the notebook of that name, if the course has it.

    Raises
    ------
    SourceError
        If there is none, or ``notebooks`` in ``course.toml`` does not name it.
    """
    path = find_source(course.folder / "solutions", name)
    if name not in course_sources(course):
        raise SourceError(f"{course.file}: notebooks leaves {name} out; add it there.")
    return path


def read_source(path: Path, course: Course) -> Source:
    """Read and validate one notebook's source and its hidden checks.

    Parameters
    ----------
    path
        ``solutions/NAME.py`` or the folder ``solutions/NAME``: Jupytext percent format.
    course
        Fills ``{{ course.name }}``, ``{{ course.repository }}``, what
        :mod:`autograde.notebooks.colab` says, and ``{{ course.terms }}``: deadline, points, weight
        and late rule in one line.

    Raises
    ------
    SourceError
        If an author has something to correct.
    """
    source, found = examine(path, course)
    if found or source is None:
        raise SourceError(*found)
    return source


def examine(
    path: Path, course: Course, load: Callable[[Layout, Mapping[str, str]], Checks] = load_checks
) -> tuple[Source | None, list[str]]:
    """Read one notebook's source, and return a sentence for everything to be corrected in it.

    There is a source if its scripts and checks can be read. ``load`` gets the checks.

    Raises
    ------
    SourceError
        If its files are not in order.
    """
    layout = find_layout(path)
    scripts = read_scripts(layout)
    found, files, faulty = scripts.mistakes, scripts.files, scripts.faulty
    whole = not found
    notebook = _notebook(scripts.cells)
    given: dict[str, str] = {}
    checks: Checks | None = None
    with _noting(found):
        given = _given(notebook, [header.get("name") for header in scripts.headers], files)
    with _noting(found):
        checks = load(layout, given)
    with _noting(found):
        refuse_written_out(
            (f"{file}: {called(cell)}", cell.source)
            for file, cell in zip(files, notebook.cells, strict=True)
        )
    chosen: Chosen | None = None
    places = scripts.places
    elsewhere = Elsewhere(course, sources(path.parent))
    with _noting(found):
        parts = outline(notebook.cells, files, scripts.headers)
        chosen = choose(parts, course, layout.name, _needs(checks), elsewhere)
    if chosen is not None:
        notebook.cells, files = chosen.cells, [*chosen.files]
        places = tuple(places[position] for position in chosen.positions)
        faulty = {at for at, position in enumerate(chosen.positions) if position in faulty}
        checks = checks and _without(checks, chosen.left_out)
    worth = (grading(cell).get("points", 0) for cell in notebook.cells)
    total = sum(each for each in worth if isinstance(each, int | float))
    values = {
        "course.name": course.name,
        "course.repository": course.repository,
        **colab_texts(course, layout.name),
        "course.terms": terms(course, layout.name, total, course_assignments(course)),
        **(chosen.values if chosen else {}),
        **(checks.text if checks else {}),
    }
    numbers: Numbers | None = None
    with _noting(found):
        numbers = number(notebook.cells, files)
        numbers.notebook = elsewhere.numbers
        numbers.gone = (chosen.gone if chosen else frozenset()) | elsewhere.gone
    # Without checks or numbers, nobody knows what fills the templates.
    if checks is not None and numbers is not None and chosen is not None:
        for file, cell, here, place in zip(
            files, notebook.cells, numbers.here, places, strict=True
        ):
            where = partial(line_of, file, place, called(cell))
            with _noting(found):
                time = chosen.times[int(here) - 1] if here else ""
                known = values | numbers.values(here) | ({"time": time} if time else {})
                cell.source = filled(cell.source, known, where, numbers)
        with _noting(found):
            tasks = dict(tasks_read(checks, notebook, numbers, chosen.holds))
            checks = replace(checks, tasks=tasks)
    out_of_reach = course.software.out_of_reach_by_hand
    # Where cells or scripts cannot be read, nothing is known about what belongs to them.
    found += mistakes(notebook, checks if whole else None, layout, files, out_of_reach, faulty)
    if checks is None or not whole:
        return None, found
    if not found:  # else nobody releases it, and cells may be missing
        fold(notebook)
    left_out = chosen.left_out if chosen else frozenset()
    return Source(
        layout.name, layout, notebook, checks, tuple(files), given, places, left_out
    ), found


def _needs(checks: Checks | None) -> dict[str, tuple[str, ...]]:
    """Return for each task the given cells that its hidden calls need."""
    answers = {name: task.answer for name, task in (checks.tasks if checks else {}).items()}
    return {name: a.needs for name, a in answers.items() if isinstance(a, Call)}


def _without(checks: Checks, left_out: frozenset[str]) -> Checks:
    tasks = {name: task for name, task in checks.tasks.items() if name not in left_out}
    return replace(checks, tasks=tasks)


@contextmanager
def _noting(found: list[str]) -> Iterator[None]:
    """Add what an author has to correct to the list, and go on."""
    try:
        yield
    except SourceError as error:
        found += error.mistakes


def _notebook(cells: list[dict[str, Any]]) -> NotebookNode:
    return node(
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

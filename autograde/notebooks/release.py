"""What students get: ``solutions/NAME`` without its solutions, as ``notebooks/NAME.ipynb``.

nbgrader's own preprocessors take the solutions out; this module refuses to write a notebook
that still contains one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

from autograde.errors import AutogradeError
from autograde.model.course import Course
from autograde.notebooks.agreement import agree, undated
from autograde.notebooks.cells import (
    SourceError,
    answers,
    grading,
    is_test,
    released_cells,
    report_task,
    stubs_of,
)
from autograde.notebooks.checks import Checks, load_checks
from autograde.notebooks.idioms import idioms
from autograde.notebooks.kept import kept_checks
from autograde.notebooks.layout import Layout
from autograde.notebooks.leaks import leaks
from autograde.notebooks.leftovers import delete_leftovers
from autograde.notebooks.source import (
    Source,
    course_sources,
    examine,
    find_chosen,
    find_source,
    read_source,
)
from autograde.notebooks.unseen import unseen
from autograde.safety.files import write_together
from autograde.tasks import Call, Task, Value
from xaikit.handin.markers import without_terms
from xaikit.handin.released import Released, ReleasedCell
from xaikit.handin.statements import statements
from xaikit.handin.uploads import Stub

CODE_STUB = "# YOUR CODE HERE\npass"
TEXT_STUB = "YOUR ANSWER HERE"


ASSET = "notebooks.json"
"""What release writes into the library's ``assets/``: what it knows of the notebooks, by which it
looks at a file that is about to be handed in."""


class LeakError(SourceError):
    """A released notebook would hold what only authors should see."""


def release(
    names: Sequence[str],
    course: Course,
    report: Callable[[str], object] = print,
) -> list[Path]:
    """Write ``notebooks/NAME.ipynb`` for these notebooks, by default for all.

    All are made before the first is written: an error leaves everything as it was. The same
    source gives the same bytes.

    Parameters
    ----------
    names
        Names of notebooks in ``solutions/``, such as ``01_theory``; none means all.
    course
        Where ``solutions/`` and ``notebooks/`` are, and what fills the templates.
    report
        Takes a line for each notebook.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    SourceError
        If sources have to be corrected, or a solution or hidden check would leak: a sentence for
        everything that was found.
    CourseError
        If ``course.toml`` names a notebook or table that is not meant.
    autograde.safety.files.WriteError
        If the disk is full or a folder read-only.
    """
    there = course_sources(course)
    paths = [find_chosen(course, name) for name in names or there]
    agree(course, there)
    found: list[str] = []
    made: dict[str, NotebookNode] = {}
    known: dict[str, dict[str, Any]] = {}
    load = partial(kept_checks, course)
    for path in paths:
        try:
            source, mistakes = examine(path, course, load)
        except SourceError as error:
            found += error.mistakes
            continue
        found += mistakes
        try:
            if source is not None:
                made[source.name] = notebook = released(source)
                rest = rest_of_whole(source, notebook, course, load)
                known[source.name] = manifest(
                    notebook, source.checks.tasks, course.group_size, rest
                )
        except LeakError as error:
            found += error.mistakes
        except Exception:
            if not mistakes:  # else it comes of these
                raise
    if found:
        raise SourceError(*found)
    files = {name: course.folder / "notebooks" / f"{name}.ipynb" for name in made}
    texts = {files[name]: to_json(notebook) for name, notebook in made.items()}
    write_together(texts | _asset(known, list(there), course))
    if others := _others(course.folder / "notebooks", there):
        report(f"Note: of an earlier release and not of this course: {others}; please delete.")
    for sentence in undated(course):
        report(f"Note: {sentence}")
    for name, notebook in made.items():
        tasks = answers(notebook)
        count = f"{len(tasks)} {'task' if len(tasks) == 1 else 'tasks'}"
        worth = f"{count}, {sum(t.points for t in tasks):g} points"
        report(f"{files[name]}: {worth if tasks else 'no task, so it is no assignment'}")
    return list(files.values())


def released(source: Source) -> NotebookNode:
    """Return the notebook that students get.

    Raises
    ------
    SourceError
        If a solution or hidden check would leak.
    """
    notebook: NotebookNode = deepcopy(source.notebook)
    # Where nothing is marked, readers change any cell and use any name.
    marked = bool(answers(notebook))
    if marked:
        delete_leftovers(notebook, _needs(source))
    for preprocessor in (
        *([LockCells()] if marked else []),
        ClearSolutions(code_stub={"python": CODE_STUB}, text_stub=TEXT_STUB),
        ClearOutput(),
        # Our mark schemes stand in manually graded answers, nbgrader's in its task cells.
        ClearMarkScheme(enforce_metadata=False),
        ClearHiddenTests(),
    ):
        preprocessor.log.setLevel(logging.CRITICAL)  # what is wrong is said by the exception
        try:
            notebook, _ = preprocessor.preprocess(notebook, {})
        except (RuntimeError, ValueError) as error:
            raise SourceError(f"{source.layout.path}: {error}") from None
    for cell in notebook.cells:
        cell.source = cell.source.strip("\n")
        if is_test(grading(cell)):
            cell.source = _with_checks(cell.source)
    ComputeChecksums().preprocess(notebook, {})
    if found := leaks(source, notebook, idioms()):
        raise LeakError(*found)
    digest = hashlib.sha256(to_json(lasting(notebook)).encode()).hexdigest()[:12]
    notebook.metadata["course"] = {"notebook": source.name, "release": digest}
    nbformat.validate(notebook)
    return notebook


def lasting(notebook: NotebookNode) -> NotebookNode:
    """Return a release without the line that states deadline and weight: what marks depend on."""
    copy: NotebookNode = deepcopy(notebook)
    for cell in copy.cells:
        text = without_terms(cell.source)
        if text != cell.source:
            cell.source = text
            cell.metadata["nbgrader"].pop("checksum", None)
    return copy


def _needs(source: Source) -> frozenset[str]:
    """Return the grade ids of the cells that hidden calls need."""
    answers = (task.answer for task in source.checks.tasks.values())
    return frozenset(need for a in answers if isinstance(a, Call) for need in a.needs)


def _with_checks(source: str) -> str:
    """Return a test cell that imports what it checks with, below the title of a folded cell.

    So it says what is missing where nothing has run since the kernel started.
    """
    lines = source.split("\n")
    place = int(lines[0].startswith("#@"))
    if not re.search(r"\bchecks\.", source):
        return source
    return "\n".join([*lines[:place], "from xaikit import checks", "", *lines[place:]])


def _others(folder: Path, there: Collection[str]) -> str:
    """Return the notebooks in a folder that are none of these, in one line; empty if all are."""
    return ", ".join(str(file) for file in sorted(folder.glob("*.ipynb")) if file.stem not in there)


def _asset(made: Mapping[str, Any], there: Sequence[str], course: Course) -> dict[Path, str]:
    """Return the file from which the course's library knows its notebooks, brought up to date."""
    folder = course.folder / "xaikit" / "assets"
    if not folder.is_dir():  # the course uses the library as it is installed
        return {}
    file = folder / ASSET
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    entries = {**kept, **made}
    known = {name: entries[name] for name in there if name in entries}
    return {file: json.dumps(known, indent=1) + "\n"}


def manifest(
    notebook: NotebookNode,
    tasks: Mapping[str, Task],
    group_size: int = 1,
    others: tuple[ReleasedCell, ...] = (),
) -> dict[str, Any]:
    """Return what students' copies of the library know of a release, as JSON has it.

    By it the visible checks say what is missing (:mod:`xaikit.checks.session`), and a student's
    file is looked at before it is handed in (:mod:`xaikit.handin.ready`).
    """
    asked = {task.id: task.answer for task in tasks.values()}
    return Released(
        notebook.metadata["course"]["release"],
        released_cells(notebook),
        {task: answer.function for task, answer in asked.items() if isinstance(answer, Call)},
        {task: answer.names for task, answer in asked.items() if isinstance(answer, Value)},
        unseen(notebook, tasks),
        report_task(notebook),
        group_size,
        others,
        statements(cell.source for cell in notebook.cells if cell.cell_type == "markdown"),
    ).as_json()


def rest_of_whole(
    source: Source,
    notebook: NotebookNode,
    course: Course,
    load: Callable[[Layout, Mapping[str, str]], Checks] = load_checks,
) -> tuple[ReleasedCell, ...]:
    """Return the whole notebook's cells that a release leaves out, or has with another text.

    Their sources are left away: an upload's are known by their ids and digests. There are none if
    the course takes the whole notebook, or if the whole has to be mended before it can be released.
    """
    terms = course.assignment(source.name)
    if not (terms.core or terms.sections is not None or terms.skip):
        return ()
    try:
        whole, _ = examine(source.layout.path, course.whole, load)
        cells = released_cells(released(whole)) if whole is not None else ()
    except AutogradeError:
        return ()
    there = {(cell.grade_id, cell.text) for cell in released_cells(notebook)}
    return tuple(
        replace(cell, source="") for cell in cells if (cell.grade_id, cell.text) not in there
    )


def handed_out(course: Course, names: Iterable[str]) -> dict[str, dict[str, Stub]]:
    """Return the answer cells of these notebooks as students got them, by notebook.

    They are read from ``notebooks/``; a notebook that is not there is made from its source, and
    has none if that has to be mended.
    """
    found: dict[str, dict[str, Stub]] = {}
    for name in names:
        try:
            file = course.folder / "notebooks" / f"{name}.ipynb"
            text = file.read_text(encoding="utf-8")
            found[name] = stubs_of(nbformat.reads(text, as_version=4))  # type: ignore[no-untyped-call]
        except Exception:  # no such file, or one that another program has changed
            try:
                source = read_source(find_source(course.folder / "solutions", name), course)
                found[name] = stubs_of(released(source))
            except AutogradeError:
                found[name] = {}
    return found


def solutions(source: Source) -> dict[str, str]:
    """Return the source text of every answer cell with its solution in place, by task."""
    return {
        answer.task: _without_scheme(source.notebook.cells[answer.cell].source)
        for answer in answers(source.notebook)
    }


def solved(source: Source) -> NotebookNode:
    """Return the notebook of a student who answers everything as the author does."""
    notebook = released(source)
    texts = solutions(source)
    for answer in answers(notebook):
        notebook.cells[answer.cell].source = texts[answer.task]
    return notebook


def to_json(notebook: NotebookNode) -> str:
    """Return the notebook as text: the same bytes for the same cells."""
    text: str = nbformat.writes(notebook, version=4)  # type: ignore[no-untyped-call]
    return text.rstrip("\n") + "\n"


def _without_scheme(source: str) -> str:
    """Return an answer cell's text without delimiters and without its mark scheme."""
    kept, scheme = [], False
    for line in source.split("\n"):
        if "BEGIN MARK SCHEME" in line:
            scheme = True
        elif "END MARK SCHEME" in line:
            scheme = False
        elif not scheme and "BEGIN SOLUTION" not in line and "END SOLUTION" not in line:
            kept.append(line)
    return "\n".join(kept).strip("\n")

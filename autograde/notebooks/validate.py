"""Says what an author has to correct in a notebook's source, one sentence at a time."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograde.notebooks.cells import (
    BEGIN_SOLUTION,
    END_SOLUTION,
    HAND_IN,
    REPORT,
    called,
    grading,
    is_hand_in,
    is_test,
    marker,
)
from autograde.notebooks.checks import Checks
from autograde.notebooks.figures import TAG, is_figure
from autograde.notebooks.layout import Layout
from autograde.tasks import Call
from xaikit.handin.code import packages_of
from xaikit.handin.markers import without_magics
from xaikit.handin.names import defined, needed

_PICTURE = re.compile(r"""!\[[^\]\n]*\]\(<?([^)\s>]+)|<img\b[^>]*\bsrc=["']?([^"'\s>]+)""")
_COMMANDS = ("= !", "= %", "=!", "=%", "?")
"""What IPython reads in the middle of a line, and Python does not."""

_PASSED = re.compile(r"""\bchecks\.passed\(\s*["']([^"'\n]+)["']""")


def mistakes(
    notebook: NotebookNode,
    checks: Checks | None,
    layout: Layout,
    files: Sequence[Path],
    out_of_reach: Collection[str],
    faulty: Collection[int] = (),
) -> Iterator[str]:
    """Yield a sentence for each thing that an author has to correct.

    Of mistakes that follow from one another only the first is said. ``checks`` is None if they
    cannot be imported; ``files`` says for each cell in which script it stands, ``out_of_reach``
    which packages a task by hand does without, ``faulty`` the positions of cells whose header is
    not in order.
    """
    cells = notebook.cells
    ids = [*_ids(cells, files, faulty)]
    yield from ids
    yield from _cells(cells, files, faulty)
    if checks is not None and not ids:
        yield from _places(notebook, checks, layout, files)
        yield from _needs(notebook, checks, out_of_reach)
    yield from _figures(notebook, files)
    yield from _hand_in(notebook, files)
    yield from _report(notebook, files)


def _cells(
    cells: Sequence[NotebookNode], files: Sequence[Path], faulty: Collection[int]
) -> Iterator[str]:
    """Look at each cell by itself."""
    for position, cell in enumerate(cells):
        if position in faulty:
            continue
        meta, where = grading(cell), f"{files[position]}: {called(cell)}"
        if meta["grade"]:
            yield from _points(meta, where)
        elif "points" in meta:
            yield f"{where}: only a cell with grade true has points."
        if meta["solution"]:
            yield from _answer(cell, where)
        elif re.search(r"(BEGIN|END) (SOLUTION|MARK SCHEME)", cell.source):
            yield f"{where}: a solution or mark scheme stands in a cell without solution true."
        elif meta["grade"] and cell.cell_type != "code":
            yield f"{where}: a test cell is a code cell."
        if cell.cell_type == "code":
            yield from _python(cell.source, where)
        else:
            yield from _pictures(cell.source, where)
        named = _PASSED.search(cell.source) if is_test(meta) else None
        if named and f"{named[1]}-test" != meta["grade_id"]:
            yield f"{where}: checks.passed({named[1]!r}) names another task than this cell's."


def _pictures(source: str, where: str) -> Iterator[str]:
    """Look whether students have the pictures of a text: they get the notebook alone."""
    for match in _PICTURE.finditer(source):
        place = match[1] or match[2]
        if not re.match(r"https?:|data:|attachment:|\{\{", place):
            yield (
                f"{where}: its picture {place} is a file, which students do not get; draw it in a "
                "cell, or give its address on the web."
            )


def _python(source: str, where: str) -> Iterator[str]:
    """Look whether a cell is Python, magics and commands of the shell aside."""
    if any(line.lstrip().startswith("%%") for line in source.split("\n")):
        return  # perhaps of another language
    try:
        compile(without_magics(source), where, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
    except SyntaxError as error:
        if any(command in source for command in _COMMANDS):
            return
        lines = source.split("\n")
        line = lines[min(error.lineno or 1, len(lines)) - 1].strip()
        yield f"{where}: it is no Python ({error.msg}) at its line {error.lineno}: {line!r}."
    except ValueError as error:  # a null character
        yield f"{where}: it is no Python ({error})."


def _ids(
    cells: Sequence[NotebookNode], files: Sequence[Path], faulty: Collection[int]
) -> Iterator[str]:
    """Look whether ids differ, and whether each answer cell is followed by its test cell."""
    seen: set[str] = set()
    expected: set[int] = set()  # positions of cells that an answer cell has spoken for
    for position, cell in enumerate(cells):
        meta, where = grading(cell), f"{files[position]}: {called(cell)}"
        if meta["grade_id"] in seen:
            yield f"{where}: another cell has this grade_id; rename one."
        seen.add(meta["grade_id"])
        if position in faulty:
            continue
        if meta["solution"] and not meta["grade"] and cell.cell_type == "code":
            following = grading(cells[position + 1]) if position + 1 < len(cells) else {}
            test = f"{meta['grade_id']}-test"
            right = following.get("grade_id") == test and is_test(following)
            if not right and position + 1 not in faulty:
                yield f"{where}: its test cell {test!r} with grade true should follow directly."
            expected.add(position + 1)
        elif is_test(meta) and position not in expected:
            yield f"{where}: a test cell follows its answer cell ID and is called ID-test."


def _places(
    notebook: NotebookNode, checks: Checks, layout: Layout, files: Sequence[Path]
) -> Iterator[str]:
    """Look whether each automatic task's answer and check stand in the same section."""
    homes = {section.script: section.checks for section in layout.sections}
    automatic = {
        grading(cell)["grade_id"]: file
        for cell, file in zip(notebook.cells, files, strict=True)
        if grading(cell)["solution"] and not grading(cell)["grade"] and cell.cell_type == "code"
    }
    for task, file in sorted(automatic.items()):
        if task not in checks.tasks:
            yield f"{homes[file]}: there is no task for the answer cell {task!r}."
        elif checks.places[task] != homes[file]:
            yield (
                f"{checks.places[task]}: the task {task!r} is answered in {file.name}; "
                f"move its check to {homes[file]}."
            )
    for task in sorted(set(checks.tasks) - set(automatic)):
        yield (
            f"{checks.places[task]}: the task {task!r} has no answer cell in {layout.path.name}."
        )


def _points(meta: dict[str, Any], where: str) -> Iterator[str]:
    points = meta.get("points")
    number = isinstance(points, int | float) and not isinstance(points, bool)
    if not (number and 0 < float(points or 0) < 1000):
        yield f"{where}: points should be a number above 0."


def _answer(cell: NotebookNode, where: str) -> Iterator[str]:
    meta = grading(cell)
    lines = cell.source.split("\n")
    first = marker(meta["grade_id"], cell.cell_type)
    if lines[0].strip() != first:
        yield f"{where}: its first line should be the marker {first!r}."
    if cell.cell_type != "code" and not meta["grade"]:
        yield f"{where}: an answer in text has grade true, because a person grades it."
    if cell.cell_type == "raw":
        yield f"{where}: an answer is a code or a Markdown cell."
    if not _is_paired(lines, "SOLUTION") or BEGIN_SOLUTION not in cell.source:
        yield (
            f"{where}: its solution should stand between {BEGIN_SOLUTION!r} and {END_SOLUTION!r}."
        )
    if not _is_paired(lines, "MARK SCHEME"):
        yield (
            f"{where}: its mark scheme should stand between '=== BEGIN MARK SCHEME ===' and "
            "'=== END MARK SCHEME ==='."
        )


def _is_paired(lines: list[str], kind: str) -> bool:
    """Whether every begin of a region is followed by its end, and every end follows a begin."""
    marks = [mark for line in lines for mark in ("BEGIN", "END") if f"{mark} {kind}" in line]
    return marks == ["BEGIN", "END"] * (len(marks) // 2)


def _needs(notebook: NotebookNode, checks: Checks, out_of_reach: Collection[str]) -> Iterator[str]:
    locked = {
        grading(cell)["grade_id"]: cell
        for cell in notebook.cells
        if cell.cell_type == "code" and grading(cell)["locked"] and not grading(cell)["grade"]
    }
    for task in checks.tasks.values():
        if not isinstance(task.answer, Call):
            continue
        yield from _without(notebook, checks, task.id, task.answer.without)
        for need in task.answer.needs:
            where = f"{checks.places[task.id]}: the task {task.id!r} needs {need!r}"
            if need not in locked:
                yield f"{where}, which is no locked code cell."
                continue
            forbidden = imported(locked[need].source) & {*out_of_reach}
            if task.answer.by_hand and forbidden:
                yield (
                    f"{where}, which imports {sorted(forbidden)[0]}: not there for a task by hand; "
                    "please split that cell."
                )


def _without(
    notebook: NotebookNode, checks: Checks, task: str, without: tuple[str, ...]
) -> Iterator[str]:
    """Look whether the test cell says what a task does without."""
    visible = "\n".join(
        cell.source for cell in notebook.cells if grading(cell)["grade_id"] == f"{task}-test"
    )
    for name in without:
        if "checks.without(" not in visible:
            yield (
                f"{checks.places[task]}: the task {task!r} does without {name}; please let "
                "its test cell say so: checks.without(function, *names)."
            )


def _figures(notebook: NotebookNode, files: Sequence[Path]) -> Iterator[str]:
    """Look whether every cell tagged as a figure leaves behind only what no later cell takes."""
    for position, cell in enumerate(notebook.cells):
        if not is_figure(cell):
            continue
        meta, where = grading(cell), f"{files[position]}: {called(cell)}"
        if cell.cell_type != "code" or meta["grade"] or meta["solution"]:
            yield f"{where}: only a given code cell is tagged {TAG!r}."
            continue
        try:
            names = defined(cell.source)
        except SyntaxError:
            yield f"{where}: what is tagged {TAG!r} is plain Python."
            continue
        for later in notebook.cells[position + 1 :]:
            if later.cell_type != "code" or is_test(grading(later)) or is_figure(later):
                continue
            if taken := (needed(later.source) or frozenset()) & names:
                yield (
                    f"{where}: it is tagged {TAG!r}, but {called(later)} takes "
                    f"{sorted(taken)[0]!r} from it; rename that, or take the tag away."
                )
                break
            if not grading(later)["solution"] and needed(later.source) is not None:
                names -= defined(later.source)  # from here on it is that cell's


def _hand_in(notebook: NotebookNode, files: Sequence[Path]) -> Iterator[str]:
    """Look whether grading can skip a cell that is tagged as of the hand-in."""
    for cell, file in zip(notebook.cells, files, strict=True):
        if not is_hand_in(cell):
            continue
        meta, where = grading(cell), f"{file}: {called(cell)}"
        if cell.cell_type != "code" or meta["grade"] or meta["solution"]:
            yield f"{where}: only a given code cell is tagged {HAND_IN!r}."
            continue
        try:
            names = defined(cell.source)
        except SyntaxError:
            yield f"{where}: what is tagged {HAND_IN!r} is plain Python."
            continue
        if names:
            yield (
                f"{where}: it is tagged {HAND_IN!r}, so grading skips it, but it defines "
                f"{sorted(names)[0]!r}; do that in another cell."
            )


def _report(notebook: NotebookNode, files: Sequence[Path]) -> Iterator[str]:
    """Look whether what is tagged as the report is one task that a person marks."""
    places = [
        (f"{file}: {called(cell)}", cell)
        for cell, file in zip(notebook.cells, files, strict=True)
        if REPORT in cell.metadata.get("tags", [])
    ]
    for where, cell in places:
        meta = grading(cell)
        if cell.cell_type != "code" or not (meta["grade"] and meta["solution"]):
            yield (
                f"{where}: what is tagged {REPORT!r} is an answer cell of code with grade true and "
                "solution true, because a person marks the report."
            )
    for where, _ in places[1:]:
        yield f"{where}: another cell is tagged {REPORT!r}; a notebook has one report."


def imported(source: str) -> set[str]:
    """Return the top-level packages that a cell imports; magics are passed over."""
    try:
        tree = ast.parse(without_magics(source))
    except SyntaxError:
        return set()
    return packages_of(tree) - {""}

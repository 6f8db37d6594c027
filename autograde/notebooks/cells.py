"""What the cells of a course notebook mean: answers, tests, given cells, markers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode
from nbformat.notebooknode import from_dict

from autograde.errors import AutogradeError
from autograde.notebooks.colab import INSTALLS
from xaikit.handin.released import ReleasedCell, Role
from xaikit.handin.uploads import Stub

BEGIN_SOLUTION, END_SOLUTION = "### BEGIN SOLUTION", "### END SOLUTION"


TEMPLATE = re.compile(r"\{\{ ([A-Za-z_][\w.-]*) \}\}")


HAND_IN = "hand-in"
"""Tags a given cell that looks at the file to be handed in: grading, which has none, skips it."""


class SourceError(AutogradeError):
    """An author's files have to be corrected.

    Parameters
    ----------
    mistakes
        A sentence each, naming the file and the cell.
    """

    def __init__(self, *mistakes: str) -> None:
        self.mistakes = tuple(dict.fromkeys(mistakes))
        head = f"{len(self.mistakes)} things have to be corrected.\n"
        super().__init__((head if len(self.mistakes) > 1 else "") + "\n".join(self.mistakes))


REPORT = "report"
"""Tags the answer cell in which a group makes its report: the answer is the file beside the
notebook, so grading does not run the cell."""


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


def written(sources: Iterable[str]) -> str:
    """Return a digest of the texts of cells, by which another answer is told from the same."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.strip().encode(errors="replace") + b"\0")
    return digest.hexdigest()[:32]


def mark_scheme(source: str) -> str:
    """Return the mark scheme in an author's answer cell; empty if there is none."""
    pattern = r"BEGIN MARK SCHEME[^\n]*\n(.*?)\n[^\n]*END MARK SCHEME"
    match = re.search(pattern, source, re.DOTALL)
    if match is None:
        return ""
    lines = match[1].strip().split("\n")
    if all(line.startswith("#") for line in lines):  # in a cell of code it is a comment
        lines = [line.removeprefix("#").removeprefix(" ") for line in lines]
    return "\n".join(lines)


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


def is_skipped(cell: NotebookNode) -> bool:
    """Return whether grading skips a cell: it is of the hand-in, or installs the package in Colab.

    The latter names the course's tag, and a new tag is no reason to run anybody again.
    """
    return is_hand_in(cell) or INSTALLS.removeprefix("# ") in cell.source.partition("\n")[0]


def is_report(cell: NotebookNode) -> bool:
    """Return whether the answer is a file beside the notebook: the report."""
    return REPORT in cell.metadata.get("tags", []) and bool(grading(cell).get("solution"))


def report_task(notebook: NotebookNode) -> str:
    """Return the task whose answer is the report; empty if there is none."""
    return next((grading(cell)["grade_id"] for cell in notebook.cells if is_report(cell)), "")


def is_test(meta: dict[str, Any]) -> bool:
    """Whether this nbgrader metadata is that of a test cell."""
    return bool(meta.get("grade")) and not meta.get("solution")


def marker(task: str, cell_type: str) -> str:
    """Return the first line of the task's answer cell, which survives every front end."""
    return f"# answer: {task}" if cell_type == "code" else f"<!-- answer: {task} -->"


def called(cell: NotebookNode) -> str:
    """Name a cell so that its author finds it."""
    first = cell.source.strip().split("\n", 1)[0][:40]
    return f"cell {grading(cell)['grade_id']!r} ({first})"


def stubs_of(released: NotebookNode) -> dict[str, Stub]:
    """Return a release's answer cells, as uploads are searched for them."""
    cells = {part.task: released.cells[part.cell] for part in answers(released)}
    return {
        task: Stub.of(marker(task, cell.cell_type), cell.id, cell.source, is_report(cell))
        for task, cell in cells.items()
    }


def released_cells(released: NotebookNode) -> tuple[ReleasedCell, ...]:
    """Return a release's cells, by which an upload's own ones are told from them."""
    return tuple(
        ReleasedCell.of(grading(cell)["grade_id"], cell.id, _role(cell), cell.source)
        for cell in released.cells
    )


def _role(cell: NotebookNode) -> Role:
    meta = grading(cell)
    if meta.get("solution"):
        return "answer"
    if cell.cell_type != "code":
        return "text"
    if is_test(meta):
        return "test"
    return "hand-in" if is_skipped(cell) else "given"

"""What a case is, and the few things that cases do to a notebook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograde.notebooks.cells import grading
from autograde.notebooks.release import to_json

from .toy import FULL, NAME, RIGHT, WRONG, answered

Kind = Literal["theft", "denial", "unfair", "page"]
Change = Callable[[NotebookNode], bytes | None]

CASES: list[Case] = []


@dataclass(frozen=True)
class Case:
    """One submission.

    Attributes
    ----------
    kind
        ``theft`` and ``page`` start from wrong answers and want points, or a script on a page that
        the instructor opens. ``denial`` and ``unfair`` start from right answers; the former harms
        somebody on purpose, the latter is a mishap.
    story
        What is tried, for the table.
    change
        Changes the answered notebook, or returns what is uploaded instead.
    ours
        The automatic points that our grader must give.
    says
        A part of what our record must tell: which limit fired, or what was unusual.
    silent
        What must not be found in anything that we write for students and instructors.
    file
        The name of the uploaded file.
    beside
        Files uploaded with the notebook.
    link
        What the upload is a symbolic link to, instead of a notebook.
    tight
        Whether it is graded under limits that are small enough to be hit in seconds, instead of
        together with the class.
    endless
        Whether the time limit is what must end it: that is small, too, for this case alone.
    """

    name: str
    kind: Kind
    story: str
    change: Change
    ours: float
    says: str = ""
    silent: str = ""
    file: str = f"{NAME}.ipynb"
    beside: dict[str, str] = field(default_factory=dict)
    link: str = ""
    tight: bool = False
    endless: bool = False

    def upload(self, released: NotebookNode) -> bytes:
        """Return the bytes that are handed in."""
        notebook = answered(released, WRONG if self.kind in ("theft", "page") else RIGHT)
        content = self.change(notebook)
        return to_json(notebook).encode() if content is None else content


def case(
    kind: Kind,
    story: str,
    ours: float | None = None,
    says: str = "",
    silent: str = "",
    file: str = f"{NAME}.ipynb",
    beside: dict[str, str] | None = None,
    link: str = "",
    tight: bool = False,
    endless: bool = False,
) -> Callable[[Change], Change]:
    """Register a change as a case, under the function's name (a decorator)."""

    def register(change: Change) -> Change:
        points = (0.0 if kind in ("theft", "page") else FULL) if ours is None else ours
        name = change.__name__.replace("_", "-")
        limits = (tight or endless, endless)
        CASES.append(
            Case(name, kind, story, change, points, says, silent, file, beside or {}, link, *limits)
        )
        return change

    return register


def cell(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    """Return the cell with that grade id."""
    return next(c for c in notebook.cells if grading(c).get("grade_id") == grade_id)


def answer(notebook: NotebookNode, task: str, source: str) -> None:
    """Replace an answer."""
    cell(notebook, task).source = f"# answer: {task}\n{source}"


def first(notebook: NotebookNode, source: str) -> None:
    """Add a code cell of the student's before the first answer."""
    before(notebook, "mean-square", source)


def before(notebook: NotebookNode, grade_id: str, source: str) -> None:
    """Add a code cell of the student's before another."""
    position = notebook.cells.index(cell(notebook, grade_id))
    notebook.cells.insert(position, new_code_cell(source))

"""Feedback: one self-contained HTML page for each submission.

At its top what a student asks first (how many points, for what, what to do about the others),
below it the notebook as it was graded, each answer followed by its mark.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup
from nbformat import NotebookNode

from autograde.model.course import Course
from autograde.model.moments import in_words
from autograde.model.records import SubmissionResult, TaskResult
from autograde.notebooks.cells import answers, node
from autograde.notebooks.titles import titles_of
from autograde.reports.pages import render
from autograde.safety.files import link_whole, write_whole
from autograde.safety.html import code_html, markdown_html, output_html, plain_code_html
from autograde.safety.sanitize import safe_name

COLOURED = 300_000
"""Characters of code on one page that are coloured; what follows is shown as it is."""


@dataclass
class Row:
    """One task as the page's table shows it.

    ``anchor`` is empty without a place to link to; ``onward`` is that of the next task with points
    missing, for a task that has points missing itself.
    """

    result: TaskResult
    title: str
    anchor: str
    onward: str = ""

    @property
    def share(self) -> float | None:
        """Points earned as a share of the task's points, None while a person has to look."""
        if self.result.score is None or self.result.max_score <= 0:
            return None
        return self.result.score / self.result.max_score

    @property
    def verdict(self) -> str:
        """One of waiting, full, part, none: how the page colours the task."""
        if self.share is None:
            return "waiting"
        return "full" if self.share >= 1 else "part" if self.share > 0 else "none"


@dataclass
class Piece:
    """One cell of the notebook as the page shows it."""

    kind: str  # text, code, answer, checks
    body: Markup
    outputs: list[Markup] = field(default_factory=list)
    row: Row | None = None
    mark: Row | None = None


def feedback_path(student: str, assignment: str) -> str:
    """Return where the page lies, relative to the folder with all results."""
    return f"feedback/{safe_name(student)}/{assignment}.html"


def write_feedback(results: Iterable[SubmissionResult], course: Course, out: Path) -> list[Path]:
    """Write one page for each result below ``out/feedback`` and return their paths.

    A group's page is one file, which lies at the group and at each member without an own one. The
    results are taken one at a time: their notebooks are large.
    """
    own: set[Path] = set()
    paths: dict[Path, None] = {}
    for result in results:
        page = out / feedback_path(result.student, result.assignment)
        write_whole(page, feedback_html(result, course))
        own.add(page)
        paths[page] = None
        for who in course.members(result.student):
            path = out / feedback_path(who, result.assignment)
            if path not in own:
                link_whole(path, page)
                paths[path] = None
    return list(paths)


def feedback_html(result: SubmissionResult, course: Course) -> str:
    """Return the page for one submission.

    Parameters
    ----------
    result
        With marks given by hand, if there are any. Its notebook may hold anything: text is
        escaped, Markdown cleaned, and of outputs only text, PNG and JPEG are shown.
    """
    notebook = None if result.notebook is None else node(result.notebook)
    titles = {} if notebook is None else titles_of(notebook)
    rows = [
        Row(task, titles.get(task.task, task.task), f"task-{task.task}" if titles else "")
        for task in result.tasks
    ]
    short = [row for row in rows if row.verdict in ("none", "part")]
    for row, after in pairwise(short):
        row.onward = after.anchor
    due = course.deadline(result.assignment, result.student)
    sent = datetime.fromisoformat(result.timestamp) if result.timestamp else None
    return render(
        "feedback.html",
        course=course,
        due=due and in_words(due),
        sent=sent and in_words(course.local(sent)),
        members=course.members(result.student) if result.student in course.groups else (),
        result=result,
        rows=rows,
        waiting=[row for row in rows if row.verdict == "waiting"],
        short=short,
        # Only what a check marks can be tried again with the visible checks.
        again=next((row for row in short if row.result.check), None),
        missing=sum(row.result.max_score - (row.result.score or 0.0) for row in short),
        pieces=[] if notebook is None else _pieces(notebook, {r.result.task: r for r in rows}),
    )


def _pieces(notebook: NotebookNode, rows: dict[str, Row]) -> list[Piece]:
    """Turn cells into what the page shows, each mark after its answer's test cell."""
    parts = answers(notebook)
    answer_at = {part.cell: rows.get(part.task) for part in parts}
    test_at = {part.test: rows.get(part.task) for part in parts if part.test is not None}
    manual = {part.cell for part in parts if part.manual}
    pieces = []
    coloured = 0
    for i, cell in enumerate(notebook.cells):
        row = answer_at.get(i)
        if cell.cell_type == "code":
            coloured += len(cell.source)
            shown = code_html if coloured <= COLOURED else plain_code_html
            piece = Piece("code", shown(cell.source))
            # What a test cell puts out is the scorer's number for nbgrader: shown as the mark.
            if i not in test_at:
                where = f"Image from the code of {row.title}" if row else "Image from the code"
                piece.outputs = [h for o in cell.outputs if (h := output_html(o, where))]
        elif cell.cell_type == "markdown":
            piece = Piece("text", markdown_html(cell.source, cell.get("attachments")))
        else:
            continue
        if row is not None:
            piece.kind, piece.row = "answer", row
            piece.mark = row if i in manual else None
        elif i in test_at:
            piece.kind, piece.mark = "checks", test_at[i]
        pieces.append(piece)
    return pieces

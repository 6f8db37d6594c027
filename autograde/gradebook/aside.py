"""Marks by hand follow ``course.toml``: with a task's points, and past a choice that leaves it out.

What a person gave to a task that the course leaves out is kept aside in the gradebook, and comes
back with the task: a choice may be a slip of the pen, and marking costs hours.
"""

from __future__ import annotations

from typing import Any

from nbgrader import api
from sqlalchemy import text

_MARKS = (
    "CREATE TABLE IF NOT EXISTS autograde_aside (notebook_id VARCHAR(32) NOT NULL, "
    "cell TEXT NOT NULL, manual REAL, extra REAL, max_score REAL NOT NULL, review BOOLEAN, "
    "PRIMARY KEY (notebook_id, cell))"
)
_COMMENTS = (
    "CREATE TABLE IF NOT EXISTS autograde_aside_comment (notebook_id VARCHAR(32) NOT NULL, "
    "cell TEXT NOT NULL, said TEXT NOT NULL, PRIMARY KEY (notebook_id, cell))"
)


def prepare_aside(session: Any) -> None:
    """Make the tables."""
    session.execute(text(_MARKS))
    session.execute(text(_COMMENTS))


def forget_aside(session: Any) -> None:
    """Forget what is aside of submissions that are gone; the tables are there."""
    left = "SELECT id FROM submitted_notebook"
    for table in ("autograde_aside", "autograde_aside_comment"):
        session.execute(text(f"DELETE FROM {table} WHERE notebook_id NOT IN ({left})"))


def put_aside(session: Any, cell: Any) -> None:
    """Keep what persons gave to a cell of the gradebook that is about to go."""
    for grade in cell.grades if isinstance(cell, api.GradeCell) else ():
        if grade.manual_score is not None or grade.extra_credit:
            session.execute(
                text(
                    "INSERT OR REPLACE INTO autograde_aside VALUES "
                    "(:notebook, :cell, :manual, :extra, :most, :review)"
                ),
                {
                    "notebook": grade.notebook_id,
                    "cell": cell.name,
                    "manual": grade.manual_score,
                    "extra": grade.extra_credit,
                    "most": cell.max_score,
                    "review": grade.needs_manual_grade,
                },
            )
    for comment in cell.comments if isinstance(cell, api.SolutionCell) else ():
        if comment.manual_comment:
            session.execute(
                text(
                    "INSERT OR REPLACE INTO autograde_aside_comment VALUES (:notebook, :cell, :s)"
                ),
                {"notebook": comment.notebook_id, "cell": cell.name, "s": comment.manual_comment},
            )


def brought_back(session: Any, cell: Any, notebook: Any) -> Any:
    """Return a submission's new grade or comment for a new cell, with what was kept of it."""
    key = {"notebook": notebook.id, "cell": cell.name}
    where = "WHERE notebook_id = :notebook AND cell = :cell"
    if isinstance(cell, api.SolutionCell):
        said = session.execute(text(f"SELECT said FROM autograde_aside_comment {where}"), key)
        comment = api.Comment(cell=cell, notebook=notebook, manual_comment=said.scalar())
        session.execute(text(f"DELETE FROM autograde_aside_comment {where}"), key)
        return comment
    row = session.execute(text(f"SELECT * FROM autograde_aside {where}"), key).first()
    session.execute(text(f"DELETE FROM autograde_aside {where}"), key)
    grade = api.Grade(cell=cell, notebook=notebook)
    if row is not None:
        grade.manual_score = _scaled(row.manual, row.max_score, cell.max_score)
        grade.extra_credit, grade.needs_manual_grade = row.extra, bool(row.review)
    return grade


def give_points(cell: Any, points: float) -> None:
    """Let a cell be worth this; marks by hand stay the same share of it, extra credit as it is."""
    if cell.max_score == points:
        return
    for grade in cell.grades:
        grade.manual_score = _scaled(grade.manual_score, cell.max_score, points)
    cell.max_score = points


def _scaled(mark: float | None, most: float, now: float) -> float | None:
    return mark if mark is None or most <= 0 else round(mark * now / most, 4)

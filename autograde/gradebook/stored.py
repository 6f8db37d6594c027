"""What a gradebook holds: marks and comments that persons gave, read whole."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader import api
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError, SAWarning

from autograde.errors import AutogradeError
from autograde.gradebook.aside import forget_aside, prepare_aside

FILE = "gradebook.db"


LOG = logging.getLogger(__name__)


Key = tuple[str, str, str]
"""Student (by nbgrader's id: the name as a folder, or a pseudonym), assignment, task."""


class GradebookError(AutogradeError):
    """The gradebook cannot be used or disagrees with the marks: one sentence."""


@dataclass(frozen=True)
class Stored:
    """One mark as the gradebook holds it; ``answer`` is what stood there for whoever marked it."""

    auto: float | None
    manual: float | None
    extra: float
    max_score: float
    review: bool
    comment: str
    answer: str = ""

    @property
    def score(self) -> float | None:
        """What nbgrader counts: a person's mark before the automatic one, and extra credit."""
        mark = self.auto if self.manual is None else self.manual
        return None if mark is None else mark + self.extra

    @property
    def by_hand(self) -> bool:
        """Whether a person has marked this task."""
        return self.manual is not None or self.extra != 0


@dataclass(frozen=True)
class Seen:
    """Which answers a gradebook's marks are about: digests, by nbgrader's notebook id and task.

    ``shown`` is the answer in the notebook that lies beside the gradebook; ``marked`` the one to
    which a mark by hand was given that nobody has looked at again since.
    """

    shown: str
    marked: str


def answers_seen(session: Any) -> dict[tuple[str, str], Seen]:
    """Read them from a gradebook; they travel with the file to whoever marks, and back."""
    there = "SELECT 1 FROM sqlite_master WHERE name = 'autograde_answer'"
    if session.execute(text(there)).first() is None:
        return {}  # of an earlier version, and perhaps not to be written
    rows = session.execute(text("SELECT notebook_id, task, shown, marked FROM autograde_answer"))
    return {(notebook, task): Seen(shown, marked) for notebook, task, shown, marked in rows}


def prepare_seen(session: Any) -> None:
    """Make the table for them, and those for what is kept aside."""
    session.execute(text(_SEEN))
    prepare_aside(session)
    session.commit()


def keep_seen(session: Any, notebook: str, task: str, seen: Seen) -> None:
    """Write one of them."""
    session.execute(
        text("INSERT OR REPLACE INTO autograde_answer VALUES (:notebook, :task, :shown, :marked)"),
        {"notebook": notebook, "task": task, "shown": seen.shown, "marked": seen.marked},
    )


def forget_seen(session: Any) -> None:
    """Forget those of submissions that are gone, and what was kept aside of them."""
    prepare_seen(session)
    forget_aside(session)
    left = "SELECT id FROM submitted_notebook"
    session.execute(text(f"DELETE FROM autograde_answer WHERE notebook_id NOT IN ({left})"))
    session.commit()


_SEEN = (
    "CREATE TABLE IF NOT EXISTS autograde_answer (notebook_id VARCHAR(32) NOT NULL, "
    "task TEXT NOT NULL, shown TEXT NOT NULL, marked TEXT NOT NULL, "
    "PRIMARY KEY (notebook_id, task))"
)


def vacuum(db: Path) -> None:
    """Take out of the file what was deleted or changed: it could still be read there."""
    engine = create_engine(url_of(db), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM"))
    engine.dispose()


def stored_marks(db: Path) -> dict[Key, Stored]:
    """Read all marks of the gradebook, by student, assignment and task."""
    if not db.exists():
        raise GradebookError(f"There is no {db}; run autograde grade first.")
    with one_sentence(db), api.Gradebook(url_of(db)) as gradebook:
        comments = {
            (row.notebook_id, row.name): row.manual_comment or ""
            for row in gradebook.db.query(
                api.Comment.notebook_id, api.BaseCell.name, api.Comment.manual_comment
            ).join(api.BaseCell, api.BaseCell.id == api.Comment.cell_id)
        }
        seen = answers_seen(gradebook.db)
        rows = (
            gradebook.db.query(
                api.SubmittedAssignment.student_id,
                api.Assignment.name.label("assignment"),
                api.GradeCell.name,
                api.GradeCell.max_score,
                api.Grade.notebook_id,
                api.Grade.auto_score,
                api.Grade.manual_score,
                api.Grade.extra_credit,
                api.Grade.needs_manual_grade,
            )
            .join(api.GradeCell, api.GradeCell.id == api.Grade.cell_id)
            .join(api.SubmittedNotebook, api.SubmittedNotebook.id == api.Grade.notebook_id)
            .join(
                api.SubmittedAssignment,
                api.SubmittedAssignment.id == api.SubmittedNotebook.assignment_id,
            )
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
        )
        found = {}
        for row in rows:
            task = row.name.removesuffix("-test")
            answer = seen.get((row.notebook_id, task), Seen("", ""))
            found[row.student_id, row.assignment, task] = Stored(
                auto=row.auto_score,
                manual=row.manual_score,
                extra=row.extra_credit or 0.0,
                max_score=row.max_score,
                review=row.needs_manual_grade,
                comment=comments.get((row.notebook_id, task), ""),
                answer=answer.marked if row.needs_manual_grade else answer.shown,
            )
        return found


def url_of(db: Path) -> str:
    """Return the address by which nbgrader opens a gradebook."""
    return f"sqlite:///{db.resolve()}"


@contextlib.contextmanager
def one_sentence(db: Path) -> Iterator[None]:
    """Turn what sqlite says into a sentence with a remedy; leave out what nbgrader warns of."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own add_submission
            yield
    except (DatabaseError, api.InvalidEntry) as error:
        # nbgrader raises some of sqlite's errors under a name of its own.
        cause = error if isinstance(error, DatabaseError) else error.__context__
        if not isinstance(cause, DatabaseError):
            raise
        reason = str(cause.orig)
        again = "and run the same command again"
        if "locked" in reason:
            cure = f"another program is writing to it; close formgrader {again}"
        elif "full" in reason or "I/O" in reason:
            cure = f"nothing graded so far is lost; make room on the disk {again}"
        elif "readonly" in reason:
            cure = f"make it writable, or give another --out, {again}"
        elif "no such column" in reason or "no such table" in reason:
            cure = "an older nbgrader made it; run `nbgrader db upgrade` in its folder"
        else:
            cure = f"move it away, or give another --out, {again}"
        raise GradebookError(f"{db} cannot be used ({reason}): {cure}.") from None

"""What grading one submission leaves behind: plain records that every later step reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["graded", "manual_pending", "late", "partial", "broken", "missing"]


@dataclass
class TaskResult:
    """One task of one submission.

    ``score`` is None for a manually graded task that waits for a person. ``message`` is what
    the student reads; ``notice`` is for the instructor only (a check that failed to run, an
    answer matched by its marker alone, …). ``key`` identifies all that the score depends on,
    ``check`` the version of the hidden check, and ``answer`` what the student wrote.
    ``to_marker`` stands above the answer where a person marks it.
    ``by_hand``: the message is a person's comment, in Markdown. ``statements`` says of a quiz which
    statements were answered ``right``, ``wrong``, or not (``open``).
    """

    task: str
    score: float | None
    max_score: float
    message: str
    notice: str = ""
    key: str = ""
    check: str = ""
    answer: str = ""
    by_hand: bool = False
    statements: dict[str, str] = field(default_factory=dict)
    to_marker: str = ""


@dataclass
class SubmissionResult:
    """One graded submission.

    Attributes
    ----------
    student
        The submitting student or group, as shown to people.
    assignment
        The notebook's name, such as ``01_theory``.
    status
        ``broken``: the upload could not be read. ``partial``: it ran, but something stopped it
        early (time, memory, a dead kernel). ``missing``: nothing was handed in.
    tasks
        In the notebook's order.
    notebook
        The rebuilt notebook (nbformat 4 as a dict) with cleaned outputs and the scorer's results
        in the test cells; None if broken or missing.
    notices
        For the student and the instructor: what was unusual about the upload, a sentence each.
    seconds
        Processor time of the run.
    key
        Identifies what was graded with what: a hash over submission, release, checks and secret.
    submission_hash
        SHA-256 of the uploaded bytes.
    timestamp
        When it was handed in, ISO 8601 with offset; empty if unknown.
    late
        Whether it was handed in after the deadline, all that is granted included.
    penalty
        Points taken off for handing in late.
    answers
        What the run gave, packed, so that a changed check is asked about the same answers.
    report_hash
        SHA-256 of the report beside the notebook; empty if none is asked for, or there is none.
    report_text
        What is written on its first page, at most 8,000 characters.
    ran
        Whether any of the student's code ran for this record.
    """

    student: str
    assignment: str
    status: Status
    tasks: list[TaskResult] = field(default_factory=list)
    notebook: dict[str, Any] | None = None
    notices: list[str] = field(default_factory=list)
    seconds: float = 0.0
    key: str = ""
    submission_hash: str = ""
    timestamp: str = ""
    late: bool = False
    penalty: float = 0.0
    answers: bytes = b""
    ran: bool = True
    report_hash: str = ""
    report_text: str = ""

    @property
    def waiting(self) -> bool:
        """Whether a task of it waits for a person."""
        return any(t.score is None for t in self.tasks)

    @property
    def earned(self) -> float:
        """Points earned so far: tasks that wait for a person count nothing yet."""
        return sum(t.score or 0.0 for t in self.tasks)

    @property
    def score(self) -> float:
        """Points earned, less those taken off for handing in late."""
        return self.earned - self.penalty

    @property
    def max_score(self) -> float:
        """Points that could be earned."""
        return sum(t.max_score for t in self.tasks)


@dataclass(frozen=True)
class Mark:
    """One row of ``grades.csv``; ``waiting`` if a task of it waits for a person."""

    student: str
    group: str
    assignment: str
    score: float
    max_score: float
    status: str
    waiting: bool


def points(value: float | None) -> str:
    """Return points as people write them: at most four decimals, no zeros at the end."""
    if value is None:
        return ""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text

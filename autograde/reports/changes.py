"""What a grading changed: which checks, and which marks that had been shown before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograde.model.records import SubmissionResult, points
from autograde.safety.sanitize import clean_line

KEPT = 5
"""Of so many gradings the report shows what they changed."""

_LINES = 12
_PERSON = "a person marked it"

Shown = dict[str, Any]


@dataclass(frozen=True)
class Override:
    """A mark that a person typed over an automatic one."""

    student: str
    assignment: str
    task: str
    automatic: float
    given: float
    comment: str

    def __str__(self) -> str:
        return (
            f"{clean_line(self.student)}, {self.assignment}, {self.task}: "
            f"{points(self.given)} in place of {points(self.automatic)}"
        )


@dataclass(frozen=True)
class Change:
    """One mark that is another one than was shown before.

    ``task`` is empty for what is taken off the whole submission. ``before`` and ``now`` are None
    while a person has to look.
    """

    student: str
    assignment: str
    task: str
    before: float | None
    now: float | None
    why: str
    message_before: str
    message_now: str

    @property
    def moved(self) -> float:
        """By how many points."""
        return (self.now or 0.0) - (self.before or 0.0)

    def __str__(self) -> str:
        return (
            f"{clean_line(self.student)}, {self.assignment}, {self.task or 'late penalty'}: "
            f"{_words(self.before)} before, {_words(self.now)} now ({self.why})"
        )


@dataclass(frozen=True)
class Changes:
    """What one grading changed.

    Attributes
    ----------
    time
        When, ISO 8601.
    checks
        Assignment and task of every check that is another one than before, or has other points.
    marks
        The marks that moved.
    """

    time: str
    checks: list[tuple[str, str]] = field(default_factory=list)
    marks: list[Change] = field(default_factory=list)

    @property
    def silent(self) -> list[Change]:
        """The marks that no person changed."""
        return [change for change in self.marks if change.why != _PERSON]

    def without(self, students: Iterable[str]) -> Changes:
        """Return the same without these students or groups."""
        gone = {*students}
        return Changes(self.time, self.checks, [m for m in self.marks if m.student not in gone])


def overrides(
    graded: Iterable[SubmissionResult], final: Iterable[SubmissionResult]
) -> list[Override]:
    """Return the marks that persons typed over automatic ones; the two lists are in one order."""
    return [
        Override(after.student, after.assignment, task.task, own.score, task.score, task.message)
        for before, after in zip(graded, final, strict=True)
        for own, task in zip(before.tasks, after.tasks, strict=True)
        if own.score is not None
        and task.score is not None
        and (own.score, own.message) != (task.score, task.message)
    ]


def as_shown(graded: Iterable[SubmissionResult], final: Iterable[SubmissionResult]) -> list[Shown]:
    """Return what is kept of marks that were shown, to be compared with those of the next time."""
    return [
        {
            "student": after.student,
            "assignment": after.assignment,
            "upload": after.submission_hash,
            "penalty": after.penalty,
            "tasks": {
                task.task: {
                    "score": task.score,
                    "max_score": task.max_score,
                    "message": task.message,
                    "check": task.check,
                    "by_hand": (own.score, own.message) != (task.score, task.message),
                }
                for own, task in zip(before.tasks, after.tasks, strict=True)
            },
        }
        for before, after in zip(graded, final, strict=True)
    ]


def compare(before: Sequence[Shown], now: Sequence[Shown], time: str) -> Changes:
    """Return what differs between the marks that were shown and those that are."""
    known = {(each["student"], each["assignment"]): each for each in before}
    checks: dict[tuple[str, str], None] = {}
    marks: list[Change] = []
    for each in sorted(now, key=lambda s: (s["assignment"], s["student"].casefold())):
        old = known.get((each["student"], each["assignment"]))
        if old is None:
            continue
        for task, mark in each["tasks"].items():
            was = old["tasks"].get(task)
            both = was and was["check"] and mark["check"]
            if was and (
                (both and was["check"] != mark["check"]) or was["max_score"] != mark["max_score"]
            ):
                checks[each["assignment"], task] = None
        marks += _moved(old, each)
    return Changes(time, [*checks], marks)


def said(changes: Changes, typed_over: Sequence[Override], command: str) -> Iterator[str]:
    """Yield what the screen says of it; nothing where nothing changed.

    Parameters
    ----------
    command
        What takes the marks back that persons typed over automatic ones.
    """
    if changes.checks:
        names = ", ".join(f"{assignment} {task}" for assignment, task in changes.checks)
        yield f"Checks or points that changed: {names}"
    by_person = len(changes.marks) - len(changes.silent)
    if by_person:
        yield f"Marks that persons gave or changed since the last grading: {by_person}"
    if changes.silent:
        people = len({(c.student, c.assignment) for c in changes.silent})
        total = sum(change.moved for change in changes.silent)
        yield (
            f"Marks that moved: {len(changes.silent)}, in {people} "
            f"{'submission' if people == 1 else 'submissions'}, {total:+.6g} points in all; "
            "report.html has the old and the new message of each"
        )
        yield from _some(changes.silent)
    elif changes.checks:
        yield "Marks that moved: none"
    if typed_over:
        yield f"Marks that persons typed over automatic ones: {len(typed_over)} ({command})"
        yield from _some(typed_over)


def _some(what: Sequence[object]) -> Iterator[str]:
    yield from (f"  {each}" for each in what[:_LINES])
    if len(what) > _LINES:
        yield f"  and {len(what) - _LINES} more, in report.html"


def _moved(old: Shown, new: Shown) -> Iterator[Change]:
    who = new["student"], new["assignment"]
    nothing: Shown = {"score": 0.0, "max_score": 0.0, "message": "", "check": "", "by_hand": False}
    for task in dict.fromkeys([*new["tasks"], *old["tasks"]]):
        was, now = old["tasks"].get(task), new["tasks"].get(task)
        if was and now and was["score"] == now["score"]:
            continue
        why = _why(old, new, was, now)
        was, now = was or nothing, now or nothing
        yield Change(*who, task, was["score"], now["score"], why, was["message"], now["message"])
    if old["penalty"] != new["penalty"]:
        why = "taken off for handing in late"
        yield Change(*who, "", -old["penalty"], -new["penalty"], why, "", "")


def _why(old: Shown, new: Shown, was: Shown | None, now: Shown | None) -> str:
    if was is None or now is None:
        return "the task is new" if was is None else "the task is gone"
    if old["upload"] != new["upload"]:
        return "another upload" if new["upload"] else "there is no upload any more"
    if was["by_hand"] and now["by_hand"] and was["max_score"] != now["max_score"]:
        return "its points changed"
    if was["by_hand"] or now["by_hand"]:
        return _PERSON if now["by_hand"] else "a person's mark was taken back"
    if was["check"] != now["check"]:
        return "its check changed"
    if was["max_score"] != now["max_score"]:
        return "its points changed"
    return "given cells, software, data or the course's secret changed"


def _words(score: float | None) -> str:
    return "waiting" if score is None else points(round(score, 2))

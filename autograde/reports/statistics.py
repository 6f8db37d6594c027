"""How a class did, task by task and statement by statement: numbers for the report and as CSV.

A mark that waits for a person is no zero: it counts nowhere until it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import StatisticsError, correlation, mean, median, stdev

from autograde.model.course import Course
from autograde.model.records import SubmissionResult, TaskResult, points
from autograde.reports.tables import write_table
from autograde.safety.sanitize import clean_line

FOLDER = "statistics"
LEAST = 3
"""A correlation of two submissions is 1 or -1, whatever they are."""


@dataclass(frozen=True)
class TaskStatistics:
    """What the marks of one task say.

    Attributes
    ----------
    marked, waiting
        Numbers of submissions that have marks, and that wait for a person.
    mean, spread
        In points; the spread is the sample's standard deviation. None if nobody, or only one, has
        marks.
    discrimination
        The correlation with the points for the rest of the notebook; None where there is none.
    why
        Why there is none, in words.
    messages
        What students read who lost points, with counts, the most frequent first.
    """

    assignment: str
    task: str
    max_score: float
    marked: int
    waiting: int
    mean: float | None
    spread: float | None
    discrimination: float | None
    why: str
    messages: tuple[tuple[str, int], ...]

    @property
    def share(self) -> float | None:
        """The mean as a share of the points, in percent."""
        return None if self.mean is None or not self.max_score else 100 * self.mean / self.max_score


@dataclass(frozen=True)
class StatementStatistics:
    """How many answered one statement of a quiz rightly, wrongly and not at all."""

    assignment: str
    task: str
    statement: str
    right: int
    wrong: int
    open: int

    @property
    def asked(self) -> int:
        """Whose answers were marked."""
        return self.right + self.wrong + self.open


@dataclass(frozen=True)
class HandIns:
    """Days from the release of one notebook to its submissions.

    ``shortest``, ``median`` and ``longest`` are None if no time is known.
    """

    assignment: str
    known: int
    unknown: int
    shortest: float | None
    median: float | None
    longest: float | None


@dataclass(frozen=True)
class Statistics:
    """All statistics of a class; ``unreleased`` are notebooks whose release has no known time."""

    tasks: list[TaskStatistics]
    statements: list[StatementStatistics]
    hand_ins: list[HandIns]
    unreleased: list[str]


def statistics(results: Sequence[SubmissionResult], course: Course) -> Statistics:
    """Compute the statistics of submissions that could be read."""
    read = [r for r in results if r.status not in ("missing", "broken")]
    by_assignment = {
        name: [r for r in read if r.assignment == name]
        for name in sorted({r.assignment for r in read})
    }
    released = {name: course.assignment(name).released for name in by_assignment}
    return Statistics(
        [t for name, some in by_assignment.items() for t in _tasks(name, some)],
        [s for name, some in by_assignment.items() for s in _statements(name, some)],
        [
            _hand_ins(name, some, moment)
            for name, some in by_assignment.items()
            if (moment := released[name]) is not None
        ],
        [name for name, moment in released.items() if moment is None],
    )


def write_statistics(found: Statistics, folder: Path) -> None:
    """Write a table each of tasks, statements, messages and times of handing in to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    head = "assignment task max_score marked waiting mean spread discrimination why_none"
    _write(folder / "tasks.csv", head, [_row(t) for t in found.tasks])
    _write(
        folder / "statements.csv",
        "assignment task statement right wrong open",
        [[s.assignment, s.task, s.statement, s.right, s.wrong, s.open] for s in found.statements],
    )
    messages = [
        [t.assignment, t.task, count, clean_line(message, 2000)]
        for t in found.tasks
        for message, count in t.messages
    ]
    _write(folder / "messages.csv", "assignment task count message", messages)
    _write(
        folder / "hand_in.csv",
        "assignment known unknown shortest_days median_days longest_days",
        [
            [h.assignment, h.known, h.unknown, *map(points, (h.shortest, h.median, h.longest))]
            for h in found.hand_ins
        ],
    )


def _write(path: Path, head: str, rows: Sequence[Sequence[object]]) -> None:
    write_table(path, head.split(), [[str(cell) for cell in row] for row in rows])


def _row(t: TaskStatistics) -> list[object]:
    numbers = map(points, (t.mean, t.spread, t.discrimination))
    return [t.assignment, t.task, points(t.max_score), t.marked, t.waiting, *numbers, t.why]


def _tasks(assignment: str, results: Sequence[SubmissionResult]) -> list[TaskStatistics]:
    names = list(dict.fromkeys(t.task for r in results for t in r.tasks))
    # A sum over other tasks for one student than for another cannot be compared.
    whole = {n for n in names if all(t.score is not None for t in _of(n, results))}
    return [_task(assignment, name, results, whole - {name}) for name in names]


def _of(task: str, results: Sequence[SubmissionResult]) -> list[TaskResult]:
    return [t for r in results for t in r.tasks if t.task == task]


def _task(
    assignment: str, task: str, results: Sequence[SubmissionResult], others: set[str]
) -> TaskStatistics:
    marks = _of(task, results)
    pairs = [
        (own.score, sum(t.score or 0.0 for t in r.tasks if t.task in others))
        for r in results
        for own in r.tasks
        if own.task == task and own.score is not None
    ]
    scores = [score for score, _ in pairs]
    value, why = _discrimination(scores, [rest for _, rest in pairs], others)
    lost = (t.message for t in marks if t.score is not None and t.score < t.max_score and t.message)
    return TaskStatistics(
        assignment,
        task,
        max_score=marks[0].max_score,
        marked=len(scores),
        waiting=len(marks) - len(scores),
        mean=mean(scores) if scores else None,
        spread=stdev(scores) if len(scores) > 1 else None,
        discrimination=value,
        why=why,
        messages=tuple(Counter(lost).most_common()),
    )


def _discrimination(
    scores: Sequence[float], rest: Sequence[float], others: set[str]
) -> tuple[float | None, str]:
    if not scores:
        return None, "nobody has marks yet"
    if len(scores) < LEAST:
        return None, "only one has marks" if len(scores) == 1 else "only two have marks"
    if not others:
        return None, "no other task has all marks"
    if len({*scores}) == 1:
        return None, "all have the same marks"
    try:
        return correlation(scores, rest), ""
    except StatisticsError:
        return None, "all have the same marks for the rest"


def _statements(assignment: str, results: Sequence[SubmissionResult]) -> list[StatementStatistics]:
    found = []
    for task in dict.fromkeys(t.task for r in results for t in r.tasks if t.statements):
        marks = _of(task, results)
        names = dict.fromkeys(name for t in marks for name in t.statements)
        for name in names:
            counts = Counter(t.statements.get(name, "open") for t in marks)
            found.append(
                StatementStatistics(
                    assignment, task, name, counts["right"], counts["wrong"], counts["open"]
                )
            )
    return found


def _hand_ins(assignment: str, results: Sequence[SubmissionResult], released: datetime) -> HandIns:
    days = [
        (datetime.fromisoformat(r.timestamp) - released).total_seconds() / 86400
        for r in results
        if r.timestamp
    ]

    def of(value: Callable[[list[float]], float]) -> float | None:
        return value(days) if days else None

    return HandIns(assignment, len(days), len(results) - len(days), of(min), of(median), of(max))

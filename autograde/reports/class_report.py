"""The instructor's report: one self-contained HTML page about a whole class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import mean, median
from types import MappingProxyType

from autograde.model.course import Course
from autograde.model.moments import in_words
from autograde.model.records import SubmissionResult, TaskResult
from autograde.reports.changes import Changes, Override
from autograde.reports.feedback import feedback_path
from autograde.reports.pages import render
from autograde.reports.similarity import Pair
from autograde.reports.statistics import FOLDER, statistics, write_statistics
from autograde.reports.tables import by_student, in_order, weighted_share
from autograde.safety.files import write_whole

BINS = 10
SLOWEST = 10


@dataclass
class Distribution:
    """How one assignment's scores are spread; everything as a share of its points in percent.

    ``counts`` has :data:`BINS` entries, the last includes full marks. Of ``waiting`` submissions a
    person has not marked all, and what waits counts as no points here.
    """

    assignment: str
    counts: list[int]
    mean: float
    median: float
    waiting: int

    @property
    def handed_in(self) -> int:
        """How many submissions were marked."""
        return sum(self.counts)

    @property
    def bars(self) -> list[tuple[float, float, int, str]]:
        """Horizontal position and height (both in [0, 100]), count and name of every bar."""
        highest, width = max(self.counts), 100 / BINS
        return [
            (i * width, 100 * n / highest, n, f"{i * width:.0f}–{(i + 1) * width:.0f} %")
            for i, n in enumerate(self.counts)
        ]


@dataclass
class TaskRate:
    """How a class did on one task."""

    assignment: str
    task: str
    max_score: float
    full: int
    part: int
    none: int
    waiting: int
    share: float | None
    common: str
    common_count: int


def write_report(
    results: Sequence[SubmissionResult],
    course: Course,
    path: Path,
    alike: Sequence[Pair] = (),
    titles: Mapping[tuple[str, str], str] = MappingProxyType({}),
    history: Sequence[Changes] = (),
    typed_over: Sequence[Override] = (),
) -> None:
    """Write the report for these results, and its statistics as tables.

    It links to the feedback pages beside it.
    """
    write_statistics(statistics(in_order(results), course), path.parent / FOLDER)
    write_whole(path, report_html(results, course, alike, titles, history, typed_over))


def report_html(
    results: Sequence[SubmissionResult],
    course: Course,
    alike: Sequence[Pair] = (),
    titles: Mapping[tuple[str, str], str] = MappingProxyType({}),
    history: Sequence[Changes] = (),
    typed_over: Sequence[Override] = (),
) -> str:
    """Return the report: marks, their spread, tasks, work left, what went wrong, slow runs.

    Parameters
    ----------
    alike
        The pairs of submissions that a person should look at side by side.
    titles
        What tasks are called, by assignment and id.
    history
        What the last gradings changed, the newest first.
    typed_over
        The marks that persons typed over automatic ones.
    """
    results = in_order(results)
    table = by_student(results)
    return render(
        "report.html",
        course=course,
        results=results,
        assignments=sorted({r.assignment for r in results}),
        table=table,
        totals={s: weighted_share(row.values(), course) for s, row in table.items()},
        links={(r.student, r.assignment): feedback_path(r.student, r.assignment) for r in results},
        distributions=distributions(results),
        rates=task_rates(results),
        statistics=statistics(results, course),
        waiting=waiting(results),
        unusual=[
            (r, notes)
            for r in results
            if (notes := _notes(r, course)) or r.late or r.status in ("late", "partial", "broken")
        ],
        alike=alike,
        titles=titles,
        history=history,
        when=lambda changes: in_words(course.local(datetime.fromisoformat(changes.time))),
        typed_over=typed_over,
        unrun=sum(r.status == "broken" for r in results),
        slowest=sorted((r for r in results if r.seconds > 0), key=lambda r: -r.seconds)[:SLOWEST],
    )


def distributions(results: Sequence[SubmissionResult]) -> list[Distribution]:
    """Return the spread of each assignment's scores, over all that was handed in."""
    found = []
    for assignment in sorted({r.assignment for r in results}):
        handed_in = [
            r
            for r in results
            if r.assignment == assignment and r.status != "missing" and r.max_score > 0
        ]
        shares = [100 * r.score / r.max_score for r in handed_in]
        if shares:
            counts = Counter(min(BINS - 1, max(0, int(share * BINS / 100))) for share in shares)
            bins = [counts[i] for i in range(BINS)]
            unfinished = sum(r.waiting for r in handed_in)
            found.append(Distribution(assignment, bins, mean(shares), median(shares), unfinished))
    return found


def task_rates(results: Sequence[SubmissionResult]) -> list[TaskRate]:
    """Return how each task went, over submissions that could be read; in the notebooks' order."""
    tasks: dict[tuple[str, str], list[TaskResult]] = {}
    for r in results:
        if r.status not in ("missing", "broken"):
            for t in r.tasks:
                tasks.setdefault((r.assignment, t.task), []).append(t)
    return [_rate(assignment, task, marks) for (assignment, task), marks in tasks.items()]


def waiting(results: Sequence[SubmissionResult]) -> dict[tuple[str, str], list[SubmissionResult]]:
    """Return whose answers wait for a person, by assignment and task."""
    found: dict[tuple[str, str], list[SubmissionResult]] = {}
    for r in results:
        for t in r.tasks:
            if t.score is None:
                found.setdefault((r.assignment, t.task), []).append(r)
    return found


def _rate(assignment: str, task: str, marks: list[TaskResult]) -> TaskRate:
    scores = [(t.score, t.max_score) for t in marks if t.score is not None and t.max_score > 0]
    messages = Counter(
        t.message for t in marks if t.message and t.score is not None and t.score < t.max_score
    )
    common, count = messages.most_common(1)[0] if messages else ("", 0)
    full = sum(score >= most for score, most in scores)
    none = sum(score <= 0 for score, _ in scores)
    return TaskRate(
        assignment,
        task,
        max_score=marks[0].max_score,
        full=full,
        part=len(scores) - full - none,
        none=none,
        waiting=sum(t.score is None for t in marks),
        share=100 * mean(score / most for score, most in scores) if scores else None,
        common=common,
        common_count=count,
    )


def _notes(result: SubmissionResult, course: Course) -> list[str]:
    """Return what an instructor should know about a submission, a sentence each."""
    said = [(t.task, note) for t in result.tasks for note in (t.notice, t.to_marker) if note]
    stranger = "" if result.status == "missing" else course.stranger(result.student)
    about = [f"{result.student} {stranger}"] if stranger else []
    return [*about, *result.notices, *(f"`{task}`: {note}" for task, note in said)]

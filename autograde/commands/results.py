"""Write all results of a graded class: gradebook, audit record, tables, feedback, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from autograde.commands.exchange import write_exchange
from autograde.commands.progress import Progress
from autograde.gradebook.nbgrader_db import (
    fill_gradebook,
    manual_marks,
    with_manual_marks,
    write_penalties,
)
from autograde.gradebook.stored import FILE
from autograde.grading.late import with_penalties
from autograde.grading.mark import Assignment
from autograde.grading.provenance import software
from autograde.grading.store import Store, StoreError
from autograde.intake.collected import Collected
from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.notebooks.titles import titles_of
from autograde.reports import audit, changes
from autograde.reports.changes import Change, Changes, Override, Shown
from autograde.reports.class_report import write_report
from autograde.reports.feedback import write_feedback
from autograde.reports.pages_of_reports import alike_reports, with_notes
from autograde.reports.similarity import Pair, similar_in_class
from autograde.reports.tables import write_grades, write_tasks
from autograde.sandbox.isolation import Isolation

_SAYING = 5.0  # seconds between two lines about long work


def write_results(
    results: list[SubmissionResult],
    course: Course,
    trusted: Mapping[str, Assignment],
    isolation: Isolation,
    store: Store,
    out: Path,
    say: Callable[[str], object],
    collected: Iterable[Collected] = (),
    settings: Path | None = None,
) -> list[SubmissionResult]:
    """Write gradebook, audit record, tables, feedback and report; return the final records.

    What the folder holds of other assignments stays in tables and report, so that a class can be
    graded assignment by assignment into one folder.
    """
    started = time.monotonic()
    before = [r for r in _graded_before(store, course) if r.assignment not in trusted]
    instructor = {name: a.instructor for name, a in trusted.items()}
    releases = {name: a.released for name, a in trusted.items()}
    versions = {name: a.version for name, a in trusted.items()}

    results = with_notes(results, releases, course)

    def whole(some: Iterable[SubmissionResult]) -> Iterator[SubmissionResult]:
        some = [*some]
        return _slowly(store.with_notebooks(some), len(some), say)

    store.save_class([*before, *results], course)
    say("Writing the gradebook")
    gradebook = fill_gradebook(results, instructor, releases, course, out, whole, settings)
    final = with_penalties(with_manual_marks(results, gradebook), course)
    write_penalties(final, gradebook)
    say("Writing the audit record")
    audit.note(results, final, audit.Origin(versions, software(), isolation), out)
    say("Writing feedback")
    # Marks by hand and lateness of earlier assignments count as they are now, on pages, too.
    shown_before = [*map(as_shown(course, out), before)]
    write_feedback(whole([*shown_before, *final]), course, out)
    write_exchange(final, collected, course, out)
    say("Comparing submissions with each other")
    alike = [pair for pair in _alike(store) if pair.assignment not in trusted]
    alike += similar_in_class(whole(final), releases, course)
    alike += alike_reports(final, releases, course)
    store.save_list("alike", [asdict(pair) for pair in alike])
    titles = [each for each in store.load_list("titles") if each[0] not in trusted]
    titles += [
        [name, task, title]
        for name, notebook in releases.items()
        for task, title in titles_of(notebook).items()
    ]
    store.save_list("titles", titles)
    say("Writing tables and the report")
    if before:
        names = ", ".join(sorted({result.assignment for result in before}))
        say(f"They hold what was graded before, too: {names}")
    shown = changes.as_shown(results, final)
    history, latest = _history(shown, store)
    everything = [*shown_before, *final]
    typed_over = write_overview([*before, *results], everything, history, course, store, out)
    # Last: after a crash the next grading still says what this one changed.
    save_history(history, store)
    save_shown(shown, store)
    say(f"Written in {time.monotonic() - started:.0f} s")
    undo = f"to take them back: autograde restore --out {out}"
    for line in changes.said(latest, typed_over, undo):
        say(line)
    return final


def write_overview(
    graded: Iterable[SubmissionResult],
    final: Sequence[SubmissionResult],
    history: Sequence[Changes],
    course: Course,
    store: Store,
    out: Path,
) -> list[Override]:
    """Write tables and report, the same whichever command changed the results.

    Parameters
    ----------
    graded, final
        All submissions as the grader scored them, and as they are shown; in one order.
    history
        What the last gradings changed, the newest first.
    course
        The course, with the class that was graded.
    store
        It keeps which submissions are alike, and what tasks are called.
    out
        The folder of results.

    Returns
    -------
    list of Override
        The marks that persons typed over automatic ones.
    """
    write_grades(final, course, out / "grades.csv")
    write_tasks(final, course, out / "tasks.csv")
    typed_over = changes.overrides(graded, final)
    titles = {(name, task): title for name, task, title in store.load_list("titles")}
    report = out / "report.html"
    write_report(final, course, report, [*_alike(store)], titles, history, typed_over)
    return typed_over


def _graded_before(store: Store, course: Course) -> list[SubmissionResult]:
    try:
        return store.load_class(course)[0]
    except StoreError:
        return []  # nothing, or nothing that this version can read


def as_shown(course: Course, out: Path) -> Callable[[SubmissionResult], SubmissionResult]:
    """Return what makes of a scored submission the one that is shown.

    It adds what persons gave, as the gradebook has it now, and takes off what lateness costs.
    """
    merge = manual_marks(out / FILE)
    return lambda result: with_penalties([merge(result)], course)[0]


def load_history(store: Store) -> list[Changes]:
    """Return what the last gradings changed, the newest first."""
    return [
        Changes(
            each["time"],
            [(assignment, task) for assignment, task in each["checks"]],
            [Change(**mark) for mark in each["marks"]],
        )
        for each in store.load_list("changes")
    ]


def save_history(history: Iterable[Changes], store: Store) -> None:
    """Keep it for the next report."""
    store.save_list("changes", [asdict(each) for each in history])


def save_shown(shown: Iterable[Shown], store: Store) -> None:
    """Keep what was shown now, beside that of submissions which were not."""
    kept = [*store.load_list("shown"), *shown]
    store.save_list("shown", [*{(s["student"], s["assignment"]): s for s in kept}.values()])


def _history(shown: list[Shown], store: Store) -> tuple[list[Changes], Changes]:
    """Return what this grading and those before it changed, and what this one did."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    latest = changes.compare(store.load_list("shown"), shown, now)
    news = [latest] if latest.checks or latest.silent else []
    return [*news, *load_history(store)][: changes.KEPT], latest


def _alike(store: Store) -> Iterator[Pair]:
    for each in store.load_list("alike"):
        yield Pair(**{**each, "students": tuple(each["students"]), "tasks": tuple(each["tasks"])})


def _slowly(
    results: Iterable[SubmissionResult], total: int, say: Callable[[str], object]
) -> Iterator[SubmissionResult]:
    """Yield the results, and report progress when it takes long."""
    said, progress = time.monotonic(), Progress(total)
    for count, result in enumerate(results):
        if time.monotonic() - said > _SAYING and count:
            say(f"  {count} of {total}{progress.left(count)}")
            said = time.monotonic()
        yield result

"""Write all results of a graded class: gradebook, audit record, tables, feedback, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from autograde.commands.exchange import write_exchange
from autograde.commands.progress import Progress
from autograde.gradebook.nbgrader_db import fill_gradebook, with_manual_marks, write_penalties
from autograde.grading.late import with_penalties
from autograde.grading.mark import Assignment
from autograde.grading.provenance import software
from autograde.grading.store import Store
from autograde.intake.collected import Collected
from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.notebooks.titles import titles_of
from autograde.reports import audit
from autograde.reports.class_report import write_report
from autograde.reports.feedback import write_feedback
from autograde.reports.similarity import similar_in_class
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
    """Write gradebook, audit record, tables, feedback and report; return the final records."""
    started = time.monotonic()
    instructor = {name: a.instructor for name, a in trusted.items()}
    releases = {name: a.released for name, a in trusted.items()}
    versions = {name: a.version for name, a in trusted.items()}

    def whole(some: Iterable[SubmissionResult]) -> Iterator[SubmissionResult]:
        return _slowly(store.with_notebooks(some), len(results), say)

    store.save_class(results, course)
    say("Writing the gradebook")
    gradebook = fill_gradebook(results, instructor, releases, course, out, whole, settings)
    final = with_penalties(with_manual_marks(results, gradebook), course)
    write_penalties(final, gradebook)
    say("Writing the audit record")
    audit.note(results, final, audit.Origin(versions, software(), isolation), out)
    say("Writing tables")
    write_grades(final, course, out / "grades.csv")
    write_tasks(final, course, out / "tasks.csv")
    say("Writing feedback")
    write_feedback(whole(final), course, out)
    write_exchange(final, collected, course, out)
    say("Comparing submissions with each other")
    alike = similar_in_class(whole(final), releases, course)
    say("Writing the report")
    titles = {
        (name, task): title
        for name, notebook in releases.items()
        for task, title in titles_of(notebook).items()
    }
    write_report(final, course, out / "report.html", alike, titles)
    say(f"Written in {time.monotonic() - started:.0f} s")
    return final


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

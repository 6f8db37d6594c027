"""Grade a class: many submissions in parallel, none twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path

from nbformat import NotebookNode

from autograde.commands.progress import Progress
from autograde.commands.results import as_shown, write_results
from autograde.gradebook.coursefolder import refuse_foreign_settings
from autograde.grading import workers as executors
from autograde.grading.data import settle_data
from autograde.grading.jobs import (
    GradeError,
    Job,
    content_of,
    make_jobs,
    run_job,
    upload_key,
)
from autograde.grading.mark import UNTIMED, Assignment, Timing, load_assignment, mark
from autograde.grading.provenance import software
from autograde.grading.reports import report_of
from autograde.grading.store import Store, only_grader
from autograde.grading.workers import Workers
from autograde.intake.folders import settings_beside
from autograde.intake.submissions import Found, find
from autograde.intake.unmet import unmet
from autograde.intake.upload import SubmissionsError, Upload
from autograde.model.course import Course
from autograde.model.records import SubmissionResult, TaskResult
from autograde.notebooks.agreement import agree, unread
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import answers
from autograde.notebooks.release import handed_out, to_json
from autograde.notebooks.source import course_assignments, course_sources
from autograde.reports.tables import mark_words
from autograde.sandbox.isolation import Isolation
from autograde.sandbox.proof import prove
from xaikit.threads import cores

Say = Callable[[str], object]


def grade(
    folder: Path,
    course: Course,
    out: Path,
    assignments: Sequence[str] = (),
    jobs: int | None = None,
    isolation: Isolation = "bubblewrap",
    say: Say = print,
    scheduler: str | None = None,
) -> list[SubmissionResult]:
    """Grade every submission in a folder or zip file and write marks, feedback and report.

    Uploads that were graded before, by the same checks, are not run again.

    Parameters
    ----------
    folder
        ``STUDENT/NAME.ipynb``, nbgrader's ``submitted/STUDENT/ASSIGNMENT/NAME.ipynb``, or a zip
        file: of these, or as Moodle or Canvas lets an instructor download it.
    course
        The course; its ``solutions/`` hold sources and hidden checks.
    out
        Where everything is written.
    assignments
        The notebooks to grade, by default all that somebody handed in.
    jobs
        Submissions at a time; by default one a core.
    isolation
        ``bubblewrap``, or ``none`` for submissions that are trusted.
    say
        Takes a line of progress.
    scheduler
        The address of a ``dask.distributed`` scheduler, whose workers then grade. They need the
        same software, and the course's folder and data at the same place.

    Returns
    -------
    list of SubmissionResult
        One for each student and assignment, with the marks that persons gave, without notebooks.

    Raises
    ------
    GradeError, SubmissionsError, StoreError, SandboxError, SourceError, CheckError, WorkersError
    CourseError, GradebookError, AuditError, WriteError
        One sentence that says what to do.
    """
    there = list(course_sources(course))
    if unknown := [name for name in assignments if name not in there]:
        raise GradeError(
            f"There is no notebook {unknown[0]!r} in {course.folder / 'solutions'}; "
            f"there is {', '.join(there)}."
        )
    agree(course, there)
    unmarked = {*there} - {*course_assignments(course)}
    if idle := [name for name in assignments if name in unmarked]:
        raise GradeError(f"{idle[0]} has no task, so there is nothing to grade in it.")
    _refuse_among_submissions(out, folder)
    refuse_foreign_settings(out)
    found = find(folder, course, handed_out(course, there), assignments, unmarked)
    for notice in (*found.notices, *unmet(course, found.uploads), *unread(course)):
        say(f"Note: {notice}")
    store = Store(out)
    with only_grader(out):
        hidden = (course.folder.resolve(), folder.resolve(), out.resolve())
        if isolation == "bubblewrap":
            say("Sandbox: proving that it holds")
            prove(hidden, course.software.packages)
        settle_data(course, say)
        names = sorted({upload.assignment for upload in found.uploads})
        trusted = {name: load_assignment(name, course.file) for name in names}
        results, waiting = _sorted_out(found, course, trusted, store, isolation)
        if waiting and scheduler:
            executors.reach(scheduler)  # before the solutions run, which may take minutes
        timings = {
            name: solution_timing(trusted[name], course, store, isolation, hidden, say)
            for name in names
        }
        unchanged = sum(1 for result in results if result.key)
        say(
            f"Submissions: {len(waiting)} to grade"
            + (f"; {unchanged} unchanged since the last run" if unchanged else "")
        )
        if waiting:
            count = min(jobs or cores(), len(waiting))
            workers: AbstractContextManager[Workers] = executors.local(count)
            if scheduler:
                inside = course.software.packages
                proof = partial(prove, hidden, inside) if isolation == "bubblewrap" else None
                workers = executors.cluster(scheduler, proof, say)
            todo = make_jobs(waiting, course, trusted, timings, isolation, hidden, store.earlier)
            shown = as_shown(course, out)
            results += _run_all(
                todo,
                len(waiting),
                trusted,
                store,
                workers,
                say,
                lambda result: mark_words(shown(result)),
            )
        settings = settings_beside(folder)
        return write_results(
            results, course, trusted, isolation, store, out, say, found.collected, settings
        )


def _refuse_among_submissions(out: Path, folder: Path) -> None:
    """Refuse results in the folder of submissions: the next run would take them for uploads."""
    within = out.resolve().is_relative_to(folder.resolve())
    if within and not (folder / "submitted").is_dir():  # of nbgrader's folder only that is read
        raise GradeError(
            f"{out} lies in {folder}, where each folder is a student's, so that results would be "
            "taken for submissions: choose a folder beside it with --out."
        )


def solution_timing(
    assignment: Assignment,
    course: Course,
    store: Store,
    isolation: Isolation,
    hidden: tuple[Path, ...],
    say: Say,
) -> Timing:
    """Run the author's solution as a submission: it must earn every point, and sets the limits."""
    name = f"solution of {assignment.name}"
    content = to_json(_solution(assignment)).encode()
    key = hashlib.sha256(
        "\0".join([assignment.version, software(), isolation]).encode() + b"\0" + content
    ).hexdigest()
    path = store.folder / f"timing-{assignment.name}.json"
    if (kept := store.read(path)) is not None and kept.get("key") == key:
        return Timing(**kept["timing"])
    say(f"Solution of {assignment.name}: running it, to see full marks and set time limits")
    result, timing = mark(content, name, assignment, course.secret(), UNTIMED, isolation, hidden)
    by_hand = {part.task for part in answers(assignment.released) if part.manual}
    lost = [
        t
        for t in result.tasks
        if t.task not in by_hand and t.score is not None and t.score < t.max_score
    ]
    if lost or result.status not in ("graded", "manual_pending"):
        what = f"{lost[0].task}: {lost[0].message} {lost[0].notice}" if lost else result.notices[0]
        raise GradeError(
            f"The solution of {assignment.name} does not earn full marks here, so nobody was "
            f"graded; first: {what.strip()}"
        )
    say(f"Solution of {assignment.name}: full marks in {timing.total:.0f} s")
    store.write(path, {"key": key, "timing": asdict(timing)})
    return timing


def _solution(assignment: Assignment) -> NotebookNode:
    """Return the author's submission: its answers alone, so that a new text changes nothing."""
    notebook = submission(assignment.released, assignment.solutions)
    notebook.cells = [notebook.cells[part.cell] for part in answers(notebook)]
    notebook.metadata.pop("course", None)
    return notebook


def _sorted_out(
    found: Found,
    course: Course,
    trusted: Mapping[str, Assignment],
    store: Store,
    isolation: Isolation,
) -> tuple[list[SubmissionResult], list[Upload]]:
    """Return records of what need not be run (missing, unreadable, unchanged), and the rest."""
    results: list[SubmissionResult] = []
    waiting: list[Upload] = []
    secret = course.secret()
    for upload in found.uploads:
        student, assignment = upload.student, trusted[upload.assignment]
        if upload.path is None:
            results.append(_missing(upload, assignment))
            continue
        try:
            content = content_of(upload)
        except SubmissionsError as error:
            broken = SubmissionResult(student, assignment.name, "broken", notices=[str(error)])
            results.append(_finished(broken, upload, assignment))
            continue
        key = upload_key(assignment, secret, content, report_of(upload), isolation)
        kept = store.load(student, assignment.name, key)
        if kept is not None:
            results.append(_finished(kept, upload, assignment))
        else:
            waiting.append(upload)
    return results, waiting


def _run_all(
    jobs: Iterator[Job],
    total: int,
    trusted: Mapping[str, Assignment],
    store: Store,
    workers: AbstractContextManager[Workers],
    say: Say,
    mark_of: Callable[[SubmissionResult], str],
) -> list[SubmissionResult]:
    """Keep each submission's record as it is done; return them all, without notebooks."""
    results = []
    with workers as here:
        say(f"Workers: {here.count}, each with one submission at a time")
        progress = Progress(total)
        for count, (upload, result) in enumerate(_marked(jobs, here), start=1):
            store.save(result)
            final = _finished(
                replace(result, notebook=None, answers=b""), upload, trusted[result.assignment]
            )
            results.append(final)
            took = f"{final.seconds:.0f} s" if result.ran else "from recorded answers"
            say(
                f"[{count}/{total}] {final.student}, {final.assignment}: {mark_of(final)}, "
                f"{took}{progress.left(count)}"
            )
    return results


def _marked(jobs: Iterator[Job], workers: Workers) -> Iterator[tuple[Upload, SubmissionResult]]:
    """Yield each upload's record as it is done; make only as many jobs as keep the workers busy."""

    def submit(count: int) -> dict[Future[SubmissionResult], Upload]:
        few = islice(jobs, count)
        return {workers.executor.submit(run_job, job): job.upload for job in few}

    running = submit(2 * workers.count)
    while running:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            upload = running.pop(future)
            running |= submit(1)
            yield upload, future.result()


def _finished(result: SubmissionResult, upload: Upload, assignment: Assignment) -> SubmissionResult:
    """Add what does not depend on the run: when it was handed in, and tasks of a broken upload."""
    result.timestamp = upload.timestamp.isoformat() if upload.timestamp else ""
    result.notices = [*upload.notices, *result.notices]
    result.late = upload.late
    if upload.late and result.status == "graded":
        result.status = "late"
    if not result.tasks:
        result.tasks = _nothing(assignment, "The upload could not be read as a notebook.")
    return result


def _nothing(assignment: Assignment, message: str) -> list[TaskResult]:
    parts = answers(assignment.released)
    return [TaskResult(part.task, 0.0, part.points, message) for part in parts]


def _missing(upload: Upload, assignment: Assignment) -> SubmissionResult:
    tasks = _nothing(assignment, "Not handed in.")
    return SubmissionResult(upload.student, upload.assignment, "missing", tasks)

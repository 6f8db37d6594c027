"""Grade a class: many in parallel, none twice, and all that is written of it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from itertools import islice
from pathlib import Path

import xaikit
from autograde.commands.progress import Progress
from autograde.errors import AutogradeError
from autograde.gradebook.nbgrader_db import fill_gradebook, with_manual_marks, write_penalties
from autograde.grading import workers as executors
from autograde.grading.late import with_penalties
from autograde.grading.mark import UNTIMED, Assignment, Timing, load_assignment, mark
from autograde.grading.provenance import record_key, software
from autograde.grading.score import CheckError
from autograde.grading.store import Store, only_grader
from autograde.grading.workers import Workers
from autograde.intake.submissions import Found, SubmissionsError, Upload, find
from autograde.intake.unmet import unmet
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.model.records import SubmissionResult, TaskResult, points
from autograde.notebooks.agreement import agree, unread
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import answers
from autograde.notebooks.release import to_json
from autograde.notebooks.source import sources
from autograde.reports import audit
from autograde.reports.class_report import write_report
from autograde.reports.feedback import write_feedback
from autograde.reports.similarity import similar_in_class
from autograde.reports.tables import write_grades, write_tasks
from autograde.sandbox.proof import prove
from autograde.sandbox.walls import Isolation, SandboxError

_SAYING = 5.0  # seconds between two lines about long work

Say = Callable[[str], object]


class GradeError(AutogradeError):
    """Grading cannot go on: one sentence that says why and what to do."""


@dataclass(frozen=True)
class Job:
    """One upload on its way to a worker process.

    A worker has its own copy of the course and reads the secret there: ``key`` tells whether the
    two are the same. What names a student is not shown where a job is logged.
    """

    upload: Upload = field(repr=False)
    content: bytes = field(repr=False)
    key: str
    version: str
    software: str
    timing: Timing = field(repr=False)
    isolation: Isolation
    course_file: Path
    hidden: tuple[Path, ...] = field(repr=False)
    data: str
    data_source: str


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
    there = list(sources(course.folder / "solutions"))
    if unknown := [name for name in assignments if name not in there]:
        raise GradeError(
            f"There is no notebook {unknown[0]!r} in {course.folder / 'solutions'}; "
            f"there is {', '.join(there)}."
        )
    agree(course, there)
    found = find(folder, course, there, only=assignments)
    for notice in (*found.notices, *unmet(course, found.uploads), *unread(course)):
        say(f"Note: {notice}")
    store = Store(out)
    with only_grader(out):
        hidden = (course.folder.resolve(), folder.resolve(), out.resolve())
        if isolation == "bubblewrap":
            say("Sandbox: proving that it holds")
            if slower := prove(hidden, course.software.packages):
                say(f"Sandbox: {slower}")
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
            f"Submissions: {len(waiting)} to run"
            + (f"; {unchanged} unchanged since the last run" if unchanged else "")
        )
        if waiting:
            count = min(jobs or len(os.sched_getaffinity(0)), len(waiting))
            workers: AbstractContextManager[Workers] = executors.local(count)
            if scheduler:
                inside = course.software.packages
                walls = partial(prove, hidden, inside) if isolation == "bubblewrap" else None
                workers = executors.cluster(scheduler, walls, say)
            todo = _jobs(waiting, course, trusted, timings, isolation, hidden)
            results += _run_all(todo, len(waiting), trusted, store, workers, say)
        return _write_all(results, course, trusted, isolation, store, out, say)


def settle_data(course: Course, say: Say = print) -> None:
    """Decide once which data everybody sees: sandboxes have no network, the scorer might.

    Where the course's data set is found first (a download included), all that follows in this
    process and its children looks for data.

    Raises
    ------
    GradeError
        If the course names a data set that is not to be had.
    """
    from xaikit.data.places import cache_folder

    source = data_source(course.software.data)
    if "XAIKIT_DATA" not in os.environ and source and Path(source).is_relative_to(cache_folder()):
        os.environ["XAIKIT_DATA"] = str(cache_folder())
    os.environ["XAIKIT_OFFLINE"] = "1"
    if source:
        say(f"Data: {source}")


@cache
def data_source(name: str) -> str:
    """Return where this process found a data set of xaikit's; nowhere, if the course has none."""
    if not name:
        return ""
    try:
        return xaikit.load(name).source
    except (ValueError, FileNotFoundError) as error:
        reason = " ".join(str(error).split())
        raise GradeError(f"course.toml, software.data: {reason}") from None


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
    key = record_key(assignment, b"", isolation)
    path = store.folder / f"timing-{assignment.name}.json"
    if (kept := store.read(path)) is not None and kept.get("key") == key:
        return Timing(**kept["timing"])
    say(f"Solution of {assignment.name}: running it, to see full marks and set time limits")
    content = to_json(submission(assignment.released, assignment.solutions)).encode()
    result, timing = mark(content, name, assignment, course.secret(), UNTIMED, isolation, hidden)
    lost = [t for t in result.tasks if t.score is not None and t.score < t.max_score]
    if lost or result.status not in ("graded", "manual_pending"):
        what = f"{lost[0].task}: {lost[0].message} {lost[0].notice}" if lost else result.notices[0]
        raise GradeError(
            f"The solution of {assignment.name} does not earn full marks here, so nobody was "
            f"graded; first: {what.strip()}"
        )
    say(f"Solution of {assignment.name}: full marks in {timing.total:.0f} s")
    store.write(path, {"key": key, "timing": asdict(timing)})
    return timing


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
            content = _read(upload)
        except SubmissionsError as error:
            broken = SubmissionResult(student, assignment.name, "broken", notices=[str(error)])
            results.append(_finished(broken, upload, assignment))
            continue
        key = record_key(assignment, secret + b"\0" + content, isolation)
        kept = store.load(student, assignment.name, key)
        if kept is not None:
            results.append(_finished(kept, upload, assignment))
        else:
            waiting.append(upload)
    return results, waiting


def _read(upload: Upload) -> bytes:
    """Read an upload; one that cannot be read is its student's affair, one that is gone ours."""
    try:
        return upload.read()
    except SubmissionsError:
        if upload.path is not None and not upload.path.exists():
            raise GradeError(
                f"{upload.path} was there when grading began and is gone. Nothing graded so far "
                "is lost: bring the submissions back, then run the same command again."
            ) from None
        raise


def _jobs(
    waiting: Iterable[Upload],
    course: Course,
    trusted: Mapping[str, Assignment],
    timings: Mapping[str, Timing],
    isolation: Isolation,
    hidden: tuple[Path, ...],
) -> Iterator[Job]:
    """Yield a job for every upload, and read that only when its turn has come."""
    secret, data = course.secret(), os.environ.get("XAIKIT_DATA", "")
    for upload in waiting:
        assignment, content = trusted[upload.assignment], _read(upload)
        yield Job(
            upload,
            content,
            record_key(assignment, secret + b"\0" + content, isolation),
            assignment.version,
            software(),
            timings[upload.assignment],
            isolation,
            course.file.resolve(),
            hidden,
            data,
            data_source(course.software.data),
        )


def _run_all(
    jobs: Iterator[Job],
    total: int,
    trusted: Mapping[str, Assignment],
    store: Store,
    workers: AbstractContextManager[Workers],
    say: Say,
) -> list[SubmissionResult]:
    """Keep each submission's record as it is done; return them all, without notebooks."""
    results = []
    with workers as here:
        say(f"Workers: {here.count}, each with one submission at a time")
        progress = Progress(total)
        for count, (upload, result) in enumerate(_marked(jobs, here), start=1):
            store.save(result)
            final = _finished(replace(result, notebook=None), upload, trusted[result.assignment])
            results.append(final)
            say(
                f"[{count}/{total}] {final.student}, {final.assignment}: "
                f"{points(final.score)} of {points(final.max_score)}, {final.status}, "
                f"{final.seconds:.0f} s{progress.left(count)}"
            )
    return results


def _marked(jobs: Iterator[Job], workers: Workers) -> Iterator[tuple[Upload, SubmissionResult]]:
    """Yield each upload's record as it is done; no more jobs are there than keep workers busy."""

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


def run_job(job: Job) -> SubmissionResult:
    """Grade one upload in a worker process."""
    os.environ["XAIKIT_DATA"], os.environ["XAIKIT_OFFLINE"] = job.data, "1"
    assignment = load_assignment(job.upload.assignment, job.course_file)
    secret = read_course(job.course_file).secret()
    if (differs := _difference(job, assignment, secret)) is not None:
        raise GradeError(
            f"{differs} Nothing graded so far is lost: mend that, then run the same command again."
        )
    student = job.upload.student
    try:
        result, _ = mark(
            job.content, student, assignment, secret, job.timing, job.isolation, job.hidden
        )
    except (CheckError, SandboxError):
        raise  # everybody's, not this upload's
    except Exception as error:
        # Nobody's upload stops the others. Without a key, the next run tries it again.
        notice = f"The grader failed on this upload ({type(error).__name__}): please look at it."
        return SubmissionResult(student, assignment.name, "broken", notices=[notice])
    result.key = job.key
    return result


def _difference(job: Job, assignment: Assignment, secret: bytes) -> str | None:
    """Return what a worker has another of than the grader, in a sentence; None if nothing."""
    where = platform.node() or "a worker"
    if software() != job.software:
        return (
            f"The software on {where} is not the grader's: install the same requirements.lock and "
            "the same xaikit there."
        )
    if assignment.version != job.version:
        return (
            f"The source or the checks of {assignment.name} on {where} are not the grader's, or "
            "were changed while grading: keep both the same until it is done."
        )
    if (source := data_source(assignment.software.data)) != job.data_source:
        return (
            f"The data on {where} is not the grader's ({source}, not {job.data_source}): "
            "have it in the same folder there."
        )
    if record_key(assignment, secret + b"\0" + job.content, job.isolation) != job.key:
        return (
            f"The course's secret on {where} is not the grader's: copy .course-secret into "
            f"{job.course_file.parent}, or set AUTOGRADE_SECRET there."
        )
    return None


def _finished(result: SubmissionResult, upload: Upload, assignment: Assignment) -> SubmissionResult:
    """Add what does not depend on the run: when it was handed in, and tasks of a broken upload."""
    result.timestamp = upload.timestamp.isoformat() if upload.timestamp else ""
    result.notices = [*upload.notices, *result.notices]
    result.late = upload.late
    if upload.late and result.status in ("graded", "manual_pending"):
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


def _write_all(
    results: list[SubmissionResult],
    course: Course,
    trusted: Mapping[str, Assignment],
    isolation: Isolation,
    store: Store,
    out: Path,
    say: Say,
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
    gradebook = fill_gradebook(results, instructor, releases, course, out, whole)
    final = with_penalties(with_manual_marks(results, gradebook), course)
    write_penalties(final, gradebook)
    say("Writing the audit record")
    audit.note(results, final, audit.Origin(versions, software(), isolation), out)
    say("Writing tables")
    write_grades(final, course, out / "grades.csv")
    write_tasks(final, course, out / "tasks.csv")
    say("Writing feedback")
    write_feedback(whole(final), course, out)
    say("Comparing submissions with each other")
    alike = similar_in_class(whole(final), releases, course)
    say("Writing the report")
    write_report(final, course, out / "report.html", alike)
    say(f"Written in {time.monotonic() - started:.0f} s")
    return final


def _slowly(
    results: Iterable[SubmissionResult], total: int, say: Say
) -> Iterator[SubmissionResult]:
    """Yield the results, and say how far that is when it takes long."""
    said, progress = time.monotonic(), Progress(total)
    for count, result in enumerate(results):
        if time.monotonic() - said > _SAYING and count:
            say(f"  {count} of {total}{progress.left(count)}")
            said = time.monotonic()
        yield result

"""Grade a class: many in parallel, none twice, and all that is written of it."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path

import xaikit
from autograde import sandbox
from autograde.answers import submission
from autograde.course import Course
from autograde.feedback import write_feedback
from autograde.gradebook import fill_gradebook, with_manual_marks, write_penalties
from autograde.late import HANDED_IN_LATE, with_penalties
from autograde.marking import Assignment, Timing, load_assignment, mark
from autograde.records import SubmissionResult, TaskResult
from autograde.release import to_json
from autograde.report import write_report
from autograde.sandbox import Isolation, SandboxError
from autograde.score import CheckError
from autograde.similarity import similar_in_class
from autograde.source import answers, sources
from autograde.store import Store, only_grader
from autograde.submissions import Found, SubmissionsError, Upload, find
from autograde.tables import points, write_grades, write_tasks

Say = Callable[[str], object]


class GradeError(Exception):
    """Grading cannot go on: one sentence that says why and what to do."""


@dataclass(frozen=True)
class Job:
    """One upload on its way to a worker process."""

    upload: Upload
    content: bytes
    key: str
    version: str
    timing: Timing
    isolation: Isolation
    course_file: Path
    hidden: tuple[Path, ...]


def grade(
    folder: Path,
    course: Course,
    out: Path,
    assignments: Sequence[str] = (),
    jobs: int | None = None,
    isolation: Isolation = "bubblewrap",
    say: Say = print,
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

    Returns
    -------
    list of SubmissionResult
        One for each student and assignment, with the marks that persons gave.

    Raises
    ------
    GradeError, SubmissionsError, StoreError, SandboxError, SourceError, CheckError, GradebookError
        One sentence that says what to do.
    """
    there = list(sources(course.folder / "solutions"))
    if unknown := [name for name in assignments if name not in there]:
        raise GradeError(
            f"There is no notebook {unknown[0]!r} in {course.folder / 'solutions'}; "
            f"there is {', '.join(there)}."
        )
    found = find(folder, course, there, only=assignments)
    for notice in found.notices:
        say(f"Note: {notice}")
    store = Store(out)
    with only_grader(out):
        hidden = (course.folder.resolve(), folder.resolve(), out.resolve())
        if isolation == "bubblewrap":
            say("Sandbox: proving that it holds")
            sandbox.prove(hidden)
        settle_data(say)
        names = sorted({upload.assignment for upload in found.uploads})
        trusted = {name: load_assignment(name, course.file) for name in names}
        timings = {
            name: _solution_timing(trusted[name], course, store, isolation, hidden, say)
            for name in names
        }
        results = _run_all(found, course, trusted, timings, store, jobs, isolation, hidden, say)
        return _write_all(results, course, trusted, out, say)


def settle_data(say: Say = print) -> None:
    """Decide once which data everybody sees: sandboxes have no network, the scorer might.

    What the data's own search finds first (a download included) is used by all that follows in
    this process and its children.
    """
    from xaikit.places import cache_folder

    source = xaikit.load("fashion_mnist").source
    if "XAIKIT_DATA" not in os.environ and Path(source).is_relative_to(cache_folder()):
        os.environ["XAIKIT_DATA"] = str(cache_folder())
    os.environ["XAIKIT_OFFLINE"] = "1"
    say(f"Data: {source}")


def _solution_timing(
    assignment: Assignment,
    course: Course,
    store: Store,
    isolation: Isolation,
    hidden: tuple[Path, ...],
    say: Say,
) -> Timing:
    """Run the author's solution as a submission: it must earn every point, and sets the limits."""
    name = f"solution of {assignment.name}"
    key = _key(assignment, b"", isolation)
    path = store.folder / f"timing-{assignment.name}.json"
    if (kept := store.read(path)) is not None and kept.get("key") == key:
        return Timing(**kept["timing"])
    say(f"Solution of {assignment.name}: running it, to see full marks and set time limits")
    content = to_json(submission(assignment.released, assignment.solutions)).encode()
    result, timing = mark(content, name, assignment, course.secret(), Timing(), isolation, hidden)
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


def _run_all(
    found: Found,
    course: Course,
    trusted: Mapping[str, Assignment],
    timings: Mapping[str, Timing],
    store: Store,
    jobs: int | None,
    isolation: Isolation,
    hidden: tuple[Path, ...],
    say: Say,
) -> list[SubmissionResult]:
    """Return a record for every upload: kept ones, missing ones, and the rest by the workers."""
    results: list[SubmissionResult] = []
    waiting: list[Job] = []
    for upload in found.uploads:
        if upload.path is None:
            results.append(_missing(upload, trusted[upload.assignment]))
            continue
        try:
            content = upload.read()
        except SubmissionsError as error:
            results.append(
                _finished(
                    SubmissionResult(
                        upload.student, upload.assignment, "broken", notices=[str(error)]
                    ),
                    upload,
                    trusted[upload.assignment],
                )
            )
            continue
        key = _key(trusted[upload.assignment], course.secret() + b"\0" + content, isolation)
        kept = store.load(upload.student, upload.assignment, key)
        if kept is not None:
            results.append(_finished(kept, upload, trusted[upload.assignment]))
        else:
            timing = timings[upload.assignment]
            version = trusted[upload.assignment].version
            waiting.append(
                Job(upload, content, key, version, timing, isolation, course.file, hidden)
            )
    unchanged = sum(1 for r in results if r.key)
    workers = jobs or len(os.sched_getaffinity(0))
    say(
        f"Submissions: {len(waiting)} to run, {workers} at a time"
        + (f"; {unchanged} unchanged since the last run" if unchanged else "")
    )
    for count, (job, result) in enumerate(_marked(waiting, workers), start=1):
        store.save(result)
        final = _finished(result, job.upload, trusted[result.assignment])
        results.append(final)
        say(
            f"[{count}/{len(waiting)}] {final.student}, {final.assignment}: "
            f"{points(final.score)} of {points(final.max_score)}, {final.status}, "
            f"{final.seconds:.0f} s"
        )
    return results


def _marked(waiting: Sequence[Job], workers: int) -> Iterator[tuple[Job, SubmissionResult]]:
    """Yield each job's record as it is done."""
    if not waiting:
        return
    # Spawned, not forked: torch's threads do not survive a fork.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker) as pool:
        futures: dict[Future[SubmissionResult], Job] = {pool.submit(_mark, j): j for j in waiting}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise GradeError(
                "A grading process was ended from outside (out of memory?). Nothing graded so far "
                "is lost: run the same command again, with a smaller --jobs."
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Keep progress bars of hidden checks out of the grader's lines, and end with the grader."""
    os.environ["TQDM_DISABLE"] = "1"
    parent = parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def end_with_parent() -> None:
        # A grader that is killed tells its workers nothing, and they would wait for ever.
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _mark(job: Job) -> SubmissionResult:
    """Grade one upload in a worker process."""
    assignment = load_assignment(job.upload.assignment, job.course_file)
    if assignment.version != job.version:
        raise GradeError(
            f"The source or the checks of {assignment.name} were changed while grading. Nothing "
            "graded so far is lost: run the same command again."
        )
    student, secret = job.upload.student, Course.read(job.course_file).secret()
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


def _finished(result: SubmissionResult, upload: Upload, assignment: Assignment) -> SubmissionResult:
    """Add what does not depend on the run: when it was handed in, and tasks of a broken upload."""
    result.timestamp = upload.timestamp.isoformat() if upload.timestamp else ""
    result.notices = [*upload.notices, *result.notices]
    if upload.late:
        result.notices.insert(0, HANDED_IN_LATE)
        if result.status in ("graded", "manual_pending"):
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
    out: Path,
    say: Say,
) -> list[SubmissionResult]:
    """Write gradebook, tables, feedback and report; return the records with persons' marks."""
    say("Writing gradebook, tables, feedback and report")
    started = time.monotonic()
    instructor = {name: a.instructor for name, a in trusted.items()}
    releases = {name: a.released for name, a in trusted.items()}
    Store(out).save_class(results, course)
    gradebook = fill_gradebook(results, instructor, releases, course, out)
    results = with_penalties(with_manual_marks(results, gradebook), course)
    write_penalties(results, gradebook)
    write_grades(results, course, out / "grades.csv")
    write_tasks(results, course, out / "tasks.csv")
    write_feedback(results, course, out)
    alike = similar_in_class(results, releases, course)
    write_report(results, course, out / "report.html", alike)
    say(f"Written in {time.monotonic() - started:.0f} s")
    return results


def _key(assignment: Assignment, content: bytes, isolation: Isolation) -> str:
    """Return what a record depends on: the upload, the checks, the software and its data."""
    key = hashlib.sha256(f"{assignment.version} {_software()} {isolation}".encode())
    key.update(os.environ.get("XAIKIT_DATA", "").encode() + b"\0" + content)
    return key.hexdigest()


@cache
def _software() -> str:
    """Return a digest of the library that notebooks import and of the grader itself."""
    digest = hashlib.sha256()
    for package in (Path(xaikit.__file__).parent, Path(__file__).parent):
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(package)).encode() + file.read_bytes())
    return digest.hexdigest()

"""One upload on its way to a worker process, and what the worker makes of it."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from autograde.errors import AutogradeError
from autograde.grading.data import data_digest, data_source
from autograde.grading.environment import installed
from autograde.grading.mark import Assignment, Timing, load_assignment, mark
from autograde.grading.provenance import record_key, software
from autograde.grading.reports import HandedReport, report_of, with_report
from autograde.grading.score import CheckError
from autograde.intake.upload import SubmissionsError, Upload
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.model.records import SubmissionResult
from autograde.sandbox.isolation import Isolation, SandboxError


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
    edition: str
    packages: str
    timing: Timing = field(repr=False)
    isolation: Isolation
    course_file: Path
    hidden: tuple[Path, ...] = field(repr=False)
    data: str
    data_source: str
    data_digest: str
    earlier: SubmissionResult | None = field(default=None, repr=False)
    report: HandedReport | None = field(default=None, repr=False)

    def key_with(self, assignment: Assignment, secret: bytes) -> str:
        """Return what identifies the record of this upload, as a course with this secret says."""
        return upload_key(assignment, secret, self.content, self.report, self.isolation)


def upload_key(
    assignment: Assignment,
    secret: bytes,
    content: bytes,
    report: HandedReport | None,
    isolation: Isolation,
) -> str:
    """Return what identifies the record of an upload: all that its marks may depend on."""
    particular = secret + b"\0" + with_report(content, report)
    return record_key(assignment, particular, isolation)


def content_of(upload: Upload) -> bytes:
    """Read an upload; an unreadable file gives a broken submission, a missing one ends grading."""
    try:
        return upload.read()
    except SubmissionsError:
        if upload.path is not None and not upload.path.exists():
            raise GradeError(
                f"{upload.path} was there when grading began and is gone. Nothing graded so far "
                "is lost: bring the submissions back, then run the same command again."
            ) from None
        raise


def edition(assignment: Assignment) -> str:
    """Return a text that differs if the checks of an assignment differ, or what students read."""
    return f"{assignment.version} {assignment.released.metadata['course']['release']}"


def packages() -> str:
    """Return a digest of all that is installed, with the code of what grading runs on."""
    return hashlib.sha256(f"{software()}\0{installed()}".encode()).hexdigest()


def make_jobs(
    waiting: Iterable[Upload],
    course: Course,
    trusted: Mapping[str, Assignment],
    timings: Mapping[str, Timing],
    isolation: Isolation,
    hidden: tuple[Path, ...],
    earlier: Callable[[str, str], SubmissionResult | None] = lambda student, assignment: None,
) -> Iterator[Job]:
    """Yield a job for every upload, and read the upload only when its turn has come.

    ``earlier`` finds the record of an earlier grading, by student and assignment.
    """
    secret, data = course.secret(), os.environ.get("XAIKIT_DATA", "")
    for upload in waiting:
        assignment, content = trusted[upload.assignment], content_of(upload)
        report = report_of(upload)
        yield Job(
            upload,
            content,
            upload_key(assignment, secret, content, report, isolation),
            edition(assignment),
            packages(),
            timings[upload.assignment],
            isolation,
            course.file.resolve(),
            hidden,
            data,
            data_source(assignment.software.data),
            data_digest(assignment.software.data),
            earlier(upload.student, upload.assignment),
            report,
        )


def run_job(job: Job) -> SubmissionResult:
    """Grade one upload in a worker process."""
    os.environ["XAIKIT_DATA"], os.environ["XAIKIT_OFFLINE"] = job.data, "1"
    with redirect_stderr(StringIO()):  # on reading data: who started grading has read it already
        assignment = load_assignment(job.upload.assignment, job.course_file)
        secret = read_course(job.course_file).secret()
        differs = _difference(job, assignment, secret)
    if differs is not None:
        raise GradeError(
            f"{differs} Nothing graded so far is lost: mend that, then run the same command again."
        )
    student = job.upload.student
    try:
        result, _ = mark(
            job.content,
            student,
            assignment,
            secret,
            job.timing,
            job.isolation,
            job.hidden,
            job.earlier,
            job.report,
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
    """Say in a sentence what differs between a worker and the grader; None if nothing."""
    where = platform.node() or "a worker"
    if packages() != job.packages:
        return (
            f"The software on {where} is not the grader's: install the same requirements.lock and "
            "the same xaikit there."
        )
    if edition(assignment) != job.edition:
        return (
            f"The source or the checks of {assignment.name} on {where} are not the grader's, or "
            "were changed while grading: keep both the same until it is done."
        )
    source, digest = (look(assignment.software.data) for look in (data_source, data_digest))
    if (source, digest) != (job.data_source, job.data_digest):
        return (
            f"The data on {where} ({source}) is not the grader's ({job.data_source}), or was "
            "changed while grading: have the same files in the same folder there."
        )
    if job.key_with(assignment, secret) != job.key:
        return (
            f"The course's secret on {where} is not the grader's: copy .course-secret into "
            f"{job.course_file.parent}, or set AUTOGRADE_SECRET there."
        )
    return None

"""The same submissions, graded by plain nbgrader and by us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from unittest import mock

import nbformat
from nbconvert import HTMLExporter

from autograde.commands.grade import grade
from autograde.grading import mark as marking
from autograde.grading import workers as executors
from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.sandbox.isolation import Limits

from . import (  # noqa: F401  # each registers cases
    denial,
    pages,
    theft,
    theft_elsewhere,
    unfair,
    unfair_form,
)
from .case import CASES, Case
from .toy import NAME, RIGHT, WRONG, answered, assignment

MIB = 1 << 20
# A case that hits a limit should do so soon, and take little of the machine with it. Its time limit
# is small only where time is what the case is about: a busy machine makes the others slow.
TIGHT = partial(Limits, memory=800 * MIB, disk=64 * MIB, files=3000, processes=150)
_ENDLESS = 8.0  # seconds: more than an honest cell needs, less than an endless one lasts
_CALM = marking.Timing(least=90.0, call=9.0)  # a call may take ten times that
_STALLED = 120.0  # seconds without a mark after which plain nbgrader hangs


@dataclass(frozen=True)
class Plain:
    """What plain nbgrader made of a submission: its mark (None: none, it failed).

    ``shown`` says whether its page holds what no page should (``Case.silent``).
    """

    score: float | None
    shown: bool = False


def write_uploads(course: Course, cases: Sequence[Case], folder: Path, nbgrader: bool) -> None:
    """Write submissions as ``STUDENT/NAME.ipynb``, for nbgrader as ``STUDENT/NAME/NAME.ipynb``.

    With them an honest one, and one in which all answers are wrong.
    """
    released = assignment(course).released
    for student, answers in (("honest", RIGHT), ("wrong", WRONG)):
        place = folder / student / (NAME if nbgrader else "")
        place.mkdir(parents=True)
        nbformat.write(answered(released, answers), place / f"{NAME}.ipynb")
    for case in cases:
        place = folder / case.name / (NAME if nbgrader else "")
        place.mkdir(parents=True)
        if case.link:
            link = f"../../honest/{NAME}/{NAME}.ipynb" if nbgrader else case.link
            (place / case.file).symlink_to(link)
        else:
            (place / case.file).write_bytes(case.upload(released))
        for name, text in case.beside.items():
            (place / name).write_text(text)


# --- plain nbgrader ------------------------------------------------------------------------------


def grade_plainly(course: Course, cases: Sequence[Case], folder: Path) -> dict[str, Plain]:
    """Return what plain nbgrader says of each case, of ``honest`` and of ``wrong``."""
    source = assignment(course).instructor
    folders = [folder / "one", folder / "two"]
    for place in folders:
        (place / "source" / NAME).mkdir(parents=True)
        nbformat.write(source, place / "source" / NAME / f"{NAME}.ipynb")
        write_uploads(course, cases, place / "submitted", nbgrader=True)
    names = ["honest", "wrong", *(case.name for case in cases)]
    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(_run_nbgrader, folders, (names[::2], names[1::2])))
    return {name: result for half in halves for name, result in half.items()}


def _run_nbgrader(place: Path, students: Sequence[str]) -> dict[str, Plain]:
    """Run nbgrader isolated, because it does not isolate; start again after one that hangs."""
    results = place / "results.jsonl"
    results.touch()
    found: dict[str, Plain] = {}
    while left := [student for student in students if student not in found]:
        program = [sys.executable, str(Path(__file__).with_name("plain_nbgrader.py"))]
        isolated = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"]
        isolated += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
        isolated += ["--bind", str(place), str(place), "--chdir", str(place)]
        isolated += ["--setenv", "HOME", str(place), "--setenv", "REDTEAM_KEY", "5050"]
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"  # for alembic
        shown = " ".join(case.name for case in CASES if case.silent)
        isolated += ["--setenv", "REDTEAM_PAGES", shown]
        isolated += ["--setenv", "PYTHONDONTWRITEBYTECODE", "1", "--setenv", "PATH", path]
        bounds = ["prlimit", f"--data={3 << 30}", f"--fsize={1 << 30}", "--core=0", "--"]
        with (
            (place / "log").open("ab") as log,
            subprocess.Popen(
                [*isolated, *bounds, *program, str(place), NAME, str(results), *left],
                stdout=log,
                stderr=log,
                start_new_session=True,
            ) as process,
        ):
            size, since = -1, time.monotonic()
            while process.poll() is None:
                time.sleep(0.2)
                if (now := results.stat().st_size) != size:
                    size, since = now, time.monotonic()
                if time.monotonic() - since > _STALLED:
                    process.kill()
        for line in results.read_text().splitlines():
            read = json.loads(line)
            score = read["score"] if read["success"] else None
            silent = {case.name: case.silent for case in CASES if case.silent}
            unwanted = silent.get(read["student"])
            found[read["student"]] = Plain(score, bool(unwanted) and unwanted in read["page"])
        if left[0] not in found and not any(student in found for student in left):
            found[left[0]] = Plain(None)  # it ended or stalled the grader itself
        elif remaining := [student for student in left if student not in found]:
            found[remaining[0]] = Plain(None)
    return found


# --- ours ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ours:
    """Our record, and all that was written for people, as formgrader shows it."""

    record: SubmissionResult
    written: str = ""

    @property
    def told(self) -> str:
        """All sentences of the record."""
        tasks = [f"{task.message} {task.notice}" for task in self.record.tasks]
        return " ".join([*self.record.notices, *tasks])


def grade_class(course: Course, cases: Sequence[Case], folder: Path) -> dict[str, Ours]:
    """Grade them as one class, by the command that an instructor gives."""
    write_uploads(course, cases, folder / "submissions", nbgrader=False)
    out = folder / "graded"
    lines: list[str] = []
    with mock.patch.object(executors, "_begin_worker", _begin_calm_worker):
        records = grade(folder / "submissions", course, out, jobs=2, say=lines.append)
    assert sum(line.startswith("[") for line in lines) > 1, lines
    found = {}
    shown = {case.name for case in cases if case.silent}
    for record in records:
        files = [*(out / "feedback" / record.student).rglob("*.html")]
        files += (out / "autograded" / record.student).rglob("*.ipynb")
        written = "".join(file.read_text(errors="replace") for file in files)
        if record.student in shown:
            written += "".join(HTMLExporter().from_filename(str(f))[0] for f in files[-1:])
        found[record.student] = Ours(record, written)
    for case in cases:  # what was not even taken for an upload
        passed = [line for line in lines if case.name in line]
        missing = SubmissionResult(case.name, NAME, "missing", notices=passed)
        found.setdefault(case.name, Ours(missing))
    return found


def _begin_calm_worker(lifeline: Connection) -> None:
    marking._LEAST_SECONDS = _CALM.least
    executors._begin_worker(lifeline)


def grade_tightly(course: Course, cases: Sequence[Case], hidden: Path) -> dict[str, Ours]:
    """Grade them two at a time under limits that are small enough to be hit in seconds."""
    trusted = assignment(course)

    def run(case: Case) -> Ours:
        content = case.upload(trusted.released)
        timing = marking.Timing() if case.endless else _CALM
        args = (trusted, b"secret", timing, "bubblewrap", (course.folder, hidden))
        return Ours(marking.mark(content, case.name, *args)[0])  # type: ignore[arg-type]

    with (
        mock.patch.object(marking, "Limits", TIGHT),
        mock.patch.object(marking, "_LEAST_SECONDS", _ENDLESS),
        ThreadPoolExecutor(2) as pool,
    ):
        return {c.name: ours for c, ours in zip(cases, pool.map(run, cases), strict=True)}

"""One submission, from the uploaded bytes to its record: rebuild, run, answer, score."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograde.grading.order import (
    all_written,
    early,
    elsewhere,
    late_readings,
    needed_first,
    wants_all,
)
from autograde.grading.score import graded_notebook, hidden_inputs, score
from autograde.intake.rebuild import Rebuilt, rebuild
from autograde.model.course import Software
from autograde.model.course_file import read_course
from autograde.model.records import Status, SubmissionResult
from autograde.notebooks.cells import answers, grading, is_hand_in, is_test
from autograde.notebooks.checks import Checks
from autograde.notebooks.figures import is_figure, to_run
from autograde.notebooks.release import lasting, released, solutions, to_json
from autograde.notebooks.source import find_source, read_source
from autograde.notebooks.unseen import named
from autograde.sandbox.isolation import Isolation, Limits
from autograde.sandbox.packages import out_of_reach
from autograde.sandbox.replies import REMARKS, CellRun, Failed
from autograde.sandbox.run import CodeCell, HiddenCalls, call_functions, run_notebook
from autograde.tasks import Call, Value
from xaikit.markers import runnable
from xaikit.notebook_json import BrokenUploadError

# A time limit is a multiple of the processor time that the solution took, and never below the
# least: a student's way may be a slow one.
_TIMES_SOLUTION = 10.0
_LEAST_SECONDS = 20.0
_TIMES_OWN = 3.0  # what a cell of the student's own may take of that
_LEAST_SECONDS_IN_ALL = 300.0

_STOPS = {
    "timeout": "took longer than its time limit and was stopped",
    "memory": "used too much memory (more than {memory:.1f} GB) and was stopped",
    "disk": "wrote too many or too large files (more than {files}, or {disk} MB) and was stopped",
    "busy": "computed in too many processes or threads at the same time (more than {busy}) and was "
    "stopped",
    "unwatched": "kept the grader from watching its limits and was stopped",
    "output flood": "printed too much and was stopped",
    "kernel died": "ended the Python process",
    "malformed output": "sent output that could not be read",
}


@dataclass(frozen=True)
class Assignment:
    """Everything trusted about one notebook; ``version`` changes with all that marks depend on."""

    name: str
    instructor: NotebookNode
    released: NotebookNode
    solutions: Mapping[str, str]
    checks: Checks
    version: str
    software: Software


@dataclass(frozen=True)
class Timing:
    """What the solution's run took, in processor time, and showed.

    Attributes
    ----------
    cells
        Seconds of each cell, by its id.
    call
        Seconds of one hidden call, on average.
    total
        Seconds of all of it.
    figures
        The outputs of cells that only show something, by their ids; see
        :mod:`autograde.notebooks.figures`.
    least
        Seconds that any cell may take, if that is more than usual.
    """

    cells: Mapping[str, float] = field(default_factory=dict)
    call: float = 0.0
    total: float = 0.0
    figures: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    least: float = 0.0


UNTIMED = Timing(least=240.0)
"""For the trusted solution, which nobody has timed yet: a slow machine is no reason to stop it."""


@cache
def load_assignment(name: str, course_file: Path) -> Assignment:
    """Read one notebook's source and checks, once a process.

    Raises
    ------
    autograde.notebooks.source.SourceError
        If an author has something to correct.
    """
    course = read_course(course_file)
    source = read_source(find_source(course.folder / "solutions", name), course)
    notebook = lasting(released(source))
    version = hashlib.sha256(to_json(notebook).encode())
    version.update(repr(sorted(course.tables.items())).encode())
    version.update(repr(course.software.out_of_reach_by_hand).encode())
    for file in source.layout.files:
        version.update(file.relative_to(course.folder).as_posix().encode())
        version.update(file.read_bytes())
    return Assignment(
        name,
        source.notebook,
        notebook,
        solutions(source),
        source.checks,
        version.hexdigest(),
        course.software,
    )


def mark(
    content: bytes,
    student: str,
    assignment: Assignment,
    secret: bytes,
    timing: Timing,
    isolation: Isolation,
    hidden: tuple[Path, ...],
) -> tuple[SubmissionResult, Timing]:
    """Grade one upload, which may contain anything.

    Parameters
    ----------
    content
        The uploaded bytes.
    secret
        The course's secret, from which hidden inputs are derived.
    timing
        What the solution took and showed: time limits are multiples of the former, and cells that
        only show something are not run again. Without it, all are.
    isolation
        Whether student code runs in the sandbox.
    hidden
        Folders that student code must not see.

    Returns
    -------
    SubmissionResult
        The record, without key and timestamp.
    Timing
        What this submission took and showed.

    Raises
    ------
    autograde.sandbox.process.SandboxError
        If the sandbox cannot start.
    autograde.grading.score.CheckError
        If the inputs of a hidden check cannot be made.
    """
    digest = hashlib.sha256(content).hexdigest()
    try:
        rebuilt = rebuild(content, assignment.released)
    except BrokenUploadError as error:
        broken = SubmissionResult(student, assignment.name, "broken", submission_hash=digest)
        broken.notices.append(str(error))
        return broken, Timing()

    cells = _cells(rebuilt, assignment, timing)
    limits = Limits(seconds=max(_LEAST_SECONDS_IN_ALL, _TIMES_SOLUTION * timing.total))
    answered = run_notebook(cells, limits, isolation, hidden)
    called: dict[str, Any] = {}
    stops, ran = list(answered.stops), list(answered.cells)
    seconds, calling, calls_made = answered.seconds, 0.0, 0
    for without, calls in _hidden_calls(rebuilt, assignment, secret, digest, timing).items():
        where = (limits, isolation, hidden, without)
        chosen = needed_first(rebuilt, assignment.checks.tasks, cells, set(calls))
        returned = call_functions(chosen, calls, *where)
        found, changed = returned.results, returned.changed
        ran += returned.cells
        ended = [cell for cell in returned.cells if cell.stopped or not cell.ran]
        seconds += returned.seconds
        calling += returned.seconds
        calls_made += sum(len(call.arguments) for call in calls.values())
        later = {t: c for t, c in calls.items() if wants_all(t, c.function, rebuilt, found[t])}
        if later:
            # What else the student wrote has run then, wherever it stands.
            passed_over = {cell.id for cell in (*answered.stops, *ended)}
            written = all_written(rebuilt, assignment.checks.tasks, cells, later, passed_over)
            twice = {early(task): call for task, call in later.items()}
            again = call_functions(written, later | twice, *where)
            seconds += again.seconds
            for task in later:
                for name in (early(task), task):  # the latter, if it is there, counts
                    results = again.results[name]
                    if results and not any(isinstance(result, Failed) for result in results):
                        found[task], changed[task] = results, again.changed[name]
        for task, call in calls.items():
            outcomes = zip(call.arguments, found[task], changed[task], strict=True)
            called[task] = list(outcomes)
        stops += ended

    results = score(assignment.checks.tasks, rebuilt, answered.answers, called)
    outputs = {**timing.figures, **{cell.id: cell.outputs for cell in answered.cells}}
    stopped = list(dict.fromkeys(_stop(cell, rebuilt, limits) for cell in stops))
    remarks = dict.fromkeys(line for cell in ran for line in _remarks(cell, rebuilt, limits))
    record = SubmissionResult(
        student,
        assignment.name,
        _status(stopped, rebuilt, [result.score for result in results]),
        results,
        graded_notebook(rebuilt, results, outputs),
        [*rebuilt.notices, *stopped, *remarks],
        seconds,
        submission_hash=digest,
    )
    took = {cell.id: cell.seconds for cell in answered.cells}
    figures = {cell.id: outputs[cell.id] for cell in assignment.released.cells if is_figure(cell)}
    return record, Timing(took, calling / max(calls_made, 1), seconds, figures)


def _cells(rebuilt: Rebuilt, assignment: Assignment, timing: Timing) -> list[CodeCell]:
    """Return the code cells to run.

    Not the test cells, which the scorer fills in, nor what is known to show the same for everybody,
    nor what looks at the file to be handed in.
    """
    tasks = {answer.cell: answer for answer in answers(rebuilt.notebook)}
    numbered = list(enumerate(rebuilt.notebook.cells))
    known = [(position, cell) for position, cell in numbered if cell.id in timing.figures]
    left_out = {position for position, _ in known} - to_run(
        known,
        [
            (position, cell.source)
            for position, cell in numbered
            if cell.cell_type == "code" and (position in tasks or cell.id in rebuilt.extras)
        ],
    )
    cells = []
    readings = late_readings(rebuilt, assignment.checks.tasks)
    for position, cell in numbered:
        if cell.cell_type != "code" or position in left_out:
            continue
        if is_test(grading(cell)) or is_hand_in(cell):
            continue
        answer = tasks.get(position)
        task = "" if answer is None or answer.manual else answer.task
        kind = assignment.checks.tasks[task].answer if task else None
        names = kind.names if isinstance(kind, Value) else ()
        if task in rebuilt.untouched | rebuilt.absent:
            names = ()  # perhaps the answer is in a cell of the student's own
        least = _LEAST_SECONDS * (_TIMES_OWN if cell.id in rebuilt.extras else 1)
        limit = max(least, timing.least, _TIMES_SOLUTION * timing.cells.get(cell.id, 0.0))
        late = readings.get(cell.id, {})
        cells.append(CodeCell(cell.id, runnable(cell.source), task, names, limit, late))
    return cells


def _hidden_calls(
    rebuilt: Rebuilt,
    assignment: Assignment,
    secret: bytes,
    digest: str,
    timing: Timing,
) -> dict[tuple[str, ...], dict[str, HiddenCalls]]:
    """Return the hidden calls of the tasks that were answered, by the packages they do without."""
    unanswered = (rebuilt.untouched | rebuilt.absent) - elsewhere(rebuilt, assignment.checks.tasks)
    limit = max(_LEAST_SECONDS, _TIMES_SOLUTION * timing.call)
    grouped: dict[tuple[str, ...], dict[str, HiddenCalls]] = {}
    for name, task in assignment.checks.tasks.items():
        if isinstance(task.answer, Call) and name not in unanswered:
            inputs = hidden_inputs(task, secret, digest)
            calls = grouped.setdefault(_without(assignment, task.answer), {})
            calls[name] = HiddenCalls(task.answer.function, inputs, limit, task.answer.without)
    return grouped


def _without(assignment: Assignment, call: Call) -> tuple[str, ...]:
    """Return the packages that a task does without; cells that it needs name others."""
    if not call.by_hand:
        return ()
    packages = named(assignment.released, call)
    return out_of_reach(packages, tuple(assignment.software.out_of_reach_by_hand))


def _stop(cell: CellRun, rebuilt: Rebuilt, limits: Limits) -> str:
    """Say in a sentence what stopped, and where."""
    if not cell.ran and not cell.stopped:
        return f"The run was out of time before the cell that begins with {_first(cell, rebuilt)}."
    return _sentence(cell, rebuilt, _STOPS.get(cell.stopped, cell.stopped), limits)


def _remarks(cell: CellRun, rebuilt: Rebuilt, limits: Limits) -> Iterator[str]:
    """Yield a sentence for all that people should know of a cell that went through."""
    for remark in cell.remarks:
        yield _sentence(cell, rebuilt, REMARKS[remark], limits)


def _sentence(cell: CellRun, rebuilt: Rebuilt, does: str, limits: Limits) -> str:
    does = does.format(
        memory=limits.memory / 2**30,
        disk=limits.disk >> 20,
        files=limits.files,
        busy=limits.busy,
    )
    return f"The cell that begins with {_first(cell, rebuilt)} {does}."


def _first(cell: CellRun, rebuilt: Rebuilt) -> str:
    source = next((c.source for c in rebuilt.notebook.cells if c.id == cell.id), "")
    line = next((line for line in source.splitlines() if line.strip()), "")
    return repr(line.strip()[:60])


def _status(stopped: list[str], rebuilt: Rebuilt, scores: list[float | None]) -> Status:
    if stopped or rebuilt.absent:
        return "partial"
    return "manual_pending" if None in scores else "graded"

"""One submission, from the uploaded bytes to its record: rebuild, run, answer, score."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograde.grading.score import graded_notebook, hidden_inputs, score
from autograde.intake.rebuild import Rebuilt, rebuild
from autograde.model.course import Software
from autograde.model.course_file import read_course
from autograde.model.records import Status, SubmissionResult
from autograde.notebooks.cells import answers, grading, is_hand_in, is_test
from autograde.notebooks.checks import Checks
from autograde.notebooks.figures import is_figure, to_run
from autograde.notebooks.release import released, solutions, to_json
from autograde.notebooks.source import find_source, read_source
from autograde.notebooks.validate import imported
from autograde.sandbox.isolation import Isolation, Limits
from autograde.sandbox.packages import out_of_reach
from autograde.sandbox.replies import CellRun
from autograde.sandbox.run import CodeCell, HiddenCalls, call_functions, run_notebook
from autograde.tasks import Call, Value
from xaikit.notebook_json import BrokenUploadError

# A time limit is a multiple of what the solution took, and never below the least: a machine may
# stall, and a student's way may be a slow one.
_TIMES_SOLUTION = 10.0
_LEAST_SECONDS = 20.0
_LEAST_SECONDS_IN_ALL = 300.0

_STOPS = {
    "timeout": "took longer than its time limit and was stopped",
    "memory": "used too much memory and was stopped",
    "disk": "wrote too many or too large files and was stopped",
    "busy": "computed in too many processes or threads at the same time and was stopped",
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
    """What the solution's run took and showed.

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
    notebook = released(source)
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
    preloaded = assignment.software.preloaded
    answered = run_notebook(cells, limits, isolation, hidden, preloaded)
    called: dict[str, Any] = {}
    stops = list(answered.stops)
    seconds, calling, calls_made = answered.seconds, 0.0, 0
    for without, calls in _hidden_calls(rebuilt, assignment, secret, digest, timing).items():
        chosen = list(_needed(rebuilt, assignment, cells, set(calls)))
        returned = call_functions(chosen, calls, limits, isolation, hidden, without, preloaded)
        for task, call in calls.items():
            results = returned.results[task]
            called[task] = list(zip(call.arguments, results, strict=True))
        stops += [cell for cell in returned.cells if cell.stopped or not cell.ran]
        seconds += returned.seconds
        calling += returned.seconds
        calls_made += sum(len(call.arguments) for call in calls.values())

    results = score(assignment.checks.tasks, rebuilt, answered.answers, called)
    outputs = {**timing.figures, **{cell.id: cell.outputs for cell in answered.cells}}
    stopped = list(dict.fromkeys(_stop(cell, rebuilt) for cell in stops))
    record = SubmissionResult(
        student,
        assignment.name,
        _status(stopped, rebuilt, [result.score for result in results]),
        results,
        graded_notebook(rebuilt, results, outputs),
        [*rebuilt.notices, *stopped],
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
    for position, cell in numbered:
        if cell.cell_type != "code" or position in left_out:
            continue
        if is_test(grading(cell)) or is_hand_in(cell):
            continue
        answer = tasks.get(position)
        task = "" if answer is None or answer.manual else answer.task
        kind = assignment.checks.tasks[task].answer if task else None
        names = kind.names if isinstance(kind, Value) else ()
        limit = max(_LEAST_SECONDS, timing.least, _TIMES_SOLUTION * timing.cells.get(cell.id, 0.0))
        cells.append(CodeCell(cell.id, cell.source, task, names, limit))
    return cells


def _hidden_calls(
    rebuilt: Rebuilt,
    assignment: Assignment,
    secret: bytes,
    digest: str,
    timing: Timing,
) -> dict[tuple[str, ...], dict[str, HiddenCalls]]:
    """Return the hidden calls of the tasks that were answered, by the packages they do without."""
    limit = max(_LEAST_SECONDS, _TIMES_SOLUTION * timing.call)
    grouped: dict[tuple[str, ...], dict[str, HiddenCalls]] = {}
    for name, task in assignment.checks.tasks.items():
        if isinstance(task.answer, Call) and name not in rebuilt.untouched | rebuilt.absent:
            inputs = hidden_inputs(task, secret, digest)
            calls = grouped.setdefault(_without(assignment, task.answer), {})
            calls[name] = HiddenCalls(task.answer.function, inputs, limit)
    return grouped


def _without(assignment: Assignment, call: Call) -> tuple[str, ...]:
    """Return the packages that a task does without; cells that it needs name others."""
    if not call.by_hand:
        return ()
    cells = [c for c in assignment.released.cells if grading(c).get("grade_id") in call.needs]
    named = frozenset[str]().union(*(imported(cell.source) for cell in cells))
    return out_of_reach(named, tuple(assignment.software.out_of_reach_by_hand))


def _needed(
    rebuilt: Rebuilt, assignment: Assignment, cells: list[CodeCell], tasks: set[str]
) -> Iterator[CodeCell]:
    """Yield what runs before hidden calls: declared cells, the student's own, these answers."""
    needs = {
        grade_id
        for task in tasks
        if isinstance(answer := assignment.checks.tasks[task].answer, Call)
        for grade_id in answer.needs
    }
    named = {c.id for c in rebuilt.notebook.cells if grading(c).get("grade_id") in needs}
    for cell in cells:
        if cell.task in tasks or cell.id in named or cell.id in rebuilt.extras:
            yield cell


def _stop(cell: CellRun, rebuilt: Rebuilt) -> str:
    """Say in a sentence what stopped, and where."""
    source = next((c.source for c in rebuilt.notebook.cells if c.id == cell.id), "")
    first = next((line for line in source.splitlines() if line.strip()), "").strip()[:60]
    if not cell.ran and not cell.stopped:
        return f"The run was out of time before the cell that begins with {first!r}."
    return f"The cell that begins with {first!r} {_STOPS.get(cell.stopped, cell.stopped)}."


def _status(stopped: list[str], rebuilt: Rebuilt, scores: list[float | None]) -> Status:
    if stopped or rebuilt.absent:
        return "partial"
    return "manual_pending" if None in scores else "graded"

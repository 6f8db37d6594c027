"""One submission, from the uploaded bytes to its record: rebuild, run, answer, score."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograde.grading.data import data_digest
from autograde.grading.environment import SCORING, environment
from autograde.grading.order import elsewhere, late_readings
from autograde.grading.recorded import Recorded, key_of, unpack
from autograde.grading.reports import HandedReport, opened, result_of, show
from autograde.grading.runs import Runs
from autograde.grading.score import graded_notebook, hidden_inputs, score
from autograde.intake.rebuild import Rebuilt, rebuild
from autograde.model.course import Software
from autograde.model.course_file import read_course
from autograde.model.records import Status, SubmissionResult
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import (
    answers,
    grading,
    is_report,
    is_skipped,
    is_test,
    node,
    report_task,
    written,
)
from autograde.notebooks.checks import Checks
from autograde.notebooks.figures import is_figure, to_run
from autograde.notebooks.release import lasting, released, rest_of_whole, solutions, to_json
from autograde.notebooks.source import find_source, read_source
from autograde.notebooks.unseen import named
from autograde.notebooks.versions import Made, code_text, made_of
from autograde.sandbox.isolation import Isolation, Limits
from autograde.sandbox.packages import out_of_reach
from autograde.sandbox.run import CodeCell, HiddenCalls
from autograde.tasks import Call, Value
from xaikit.handin.markers import runnable
from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.released import ReleasedCell

# A time limit is a multiple of the processor time that the solution took, and never below the
# least: a student's way may be a slow one.
_TIMES_SOLUTION = 10.0
_LEAST_SECONDS = 20.0
_TIMES_OWN = 3.0  # what a cell of the student's own may take of that
_LEAST_SECONDS_IN_ALL = 300.0


@dataclass(frozen=True)
class Assignment:
    """Everything trusted about one notebook.

    Attributes
    ----------
    made
        What each task's check is made of.
    version
        Changes with all that a mark may depend on: the checks, points, and what the given cells do.
    left_out
        The tasks that ``course.toml`` leaves out.
    others
        The whole notebook's cells that the release leaves out, or has with another text.
    """

    name: str
    instructor: NotebookNode
    released: NotebookNode
    solutions: Mapping[str, str]
    checks: Checks
    made: Mapping[str, Made]
    version: str
    software: Software
    left_out: frozenset[str] = frozenset()
    others: tuple[ReleasedCell, ...] = ()


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
    made = made_of(source.checks, source.given, course.tables, source.layout.files)
    others = rest_of_whole(source, notebook, course)
    version = key_of(
        [(part.task, part.points, part.manual) for part in answers(notebook)],
        [(task, made[task].version) for task in sorted(made)],
        [
            (cell.id, code_text(cell.source))
            for cell in notebook.cells
            if cell.cell_type == "code"
            and not (grading(cell).get("solution") or is_test(grading(cell)) or is_skipped(cell))
        ],
        course.software.out_of_reach_by_hand,
        [(cell.grade_id, cell.text) for cell in others if cell.role != "text"],
    )
    return Assignment(
        name,
        source.notebook,
        notebook,
        solutions(source),
        source.checks,
        made,
        version,
        course.software,
        source.left_out,
        others,
    )


def mark(
    content: bytes,
    student: str,
    assignment: Assignment,
    secret: bytes,
    timing: Timing,
    isolation: Isolation,
    hidden: tuple[Path, ...],
    earlier: SubmissionResult | None = None,
    report: HandedReport | None = None,
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
    earlier
        The record of an earlier grading. If it is of the same upload, what nothing has changed for
        is taken from it: answers are not made again, and tasks are not scored again.
    report
        What was handed in beside the notebook, if the notebook asks for that.

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
        rebuilt = rebuild(content, assignment.released, assignment.others)
    except BrokenUploadError as error:
        broken = SubmissionResult(student, assignment.name, "broken", submission_hash=digest)
        broken.notices.append(str(error))
        return broken, Timing()

    before = earlier if earlier is not None and earlier.submission_hash == digest else None
    limits = Limits(seconds=max(_LEAST_SECONDS_IN_ALL, _TIMES_SOLUTION * timing.total))
    runs = Runs(
        rebuilt,
        assignment.checks.tasks,
        _cells(rebuilt, assignment, timing),
        (limits, isolation, hidden),
        data_digest(assignment.software.data),
        unpack(before.answers) if before else Recorded(),
    )
    answered = runs.notebook()
    calls = _hidden_calls(rebuilt, assignment, secret, digest, timing)
    for without, some in calls.items():
        runs.call(some, without)

    asked = report_task(assignment.released)
    known = {task.task: task for task in before.tasks if task.task != asked} if before else {}
    keys = _task_keys(rebuilt, assignment, runs)
    kept = {name: task for name, task in known.items() if task.key == keys.get(name)}
    results = score(assignment.checks.tasks, rebuilt, runs.values, runs.called, kept)
    for result in results:
        made = assignment.made.get(result.task)
        result.key, result.check = keys[result.task], made.version if made else ""
        result.answer = _written(rebuilt, result.task)
    notices = list(rebuilt.notices)
    page = opened(report, isolation, hidden) if asked and report is not None else None
    if page is not None and page.notice:
        notices.append(page.notice)
    results = [
        result_of(result, report, page.notice if page else "") if result.task == asked else result
        for result in results
    ]
    outputs = dict(timing.figures)
    if answered is None and before is not None:
        outputs |= _outputs(before)
    elif answered is not None:
        outputs |= {cell.id: cell.outputs for cell in answered.cells}
    said = runs.now.said
    stopped = [line for lines in said.values() for line in lines if line in runs.now.stopped]
    remarks = [line for lines in said.values() for line in lines if line not in runs.now.stopped]
    notebook = graded_notebook(rebuilt, results, outputs)
    show(notebook, asked, page.output if page else None)
    record = SubmissionResult(
        student,
        assignment.name,
        _status(stopped, rebuilt, [result.score for result in results]),
        results,
        notebook,
        [*notices, *dict.fromkeys(stopped), *dict.fromkeys(remarks)],
        runs.now.seconds + runs.now.call_seconds,
        submission_hash=digest,
        answers=runs.now.pack(),
        ran=runs.ran,
        report_hash=report.digest if asked and report else "",
        report_text=page.text if page else "",
    )
    took = {cell.id: cell.seconds for cell in answered.cells} if answered else {}
    figures = {c.id: outputs.get(c.id, []) for c in assignment.released.cells if is_figure(c)}
    return record, Timing(took, runs.call_seconds, record.seconds, figures)


def by_the_solution(
    assignment: Assignment,
    task: str,
    inputs: Sequence[tuple[Any, ...]],
    timing: Timing,
    where: tuple[Limits, Isolation, tuple[Path, ...]],
) -> Any:
    """Return what the author's solution gives: of a ``Call`` task for these inputs, a list.

    Parameters
    ----------
    where
        Limits, isolation, and the folders that the run must not see.
    """
    content = to_json(submission(assignment.released, assignment.solutions)).encode()
    rebuilt = rebuild(content, assignment.released)
    data = data_digest(assignment.software.data)
    cells = _cells(rebuilt, assignment, timing)
    runs = Runs(rebuilt, assignment.checks.tasks, cells, where, data, Recorded())
    answer = assignment.checks.tasks[task].answer
    if isinstance(answer, Value):
        runs.notebook()
        return runs.values[task]
    limit = max(_LEAST_SECONDS, _TIMES_SOLUTION * timing.call)
    calls = HiddenCalls(answer.function, inputs, limit, answer.without)
    runs.call({task: calls}, _without(assignment, answer))
    return [returned for _, returned, _ in runs.called[task]]


def _outputs(result: SubmissionResult) -> dict[str, list[dict[str, Any]]]:
    """Return what the cells of an earlier record show, but for the test cells."""
    cells = (result.notebook or {}).get("cells", [])
    return {
        c["id"]: c["outputs"] for c in cells if "outputs" in c and not is_test(grading(node(c)))
    }


def _written(rebuilt: Rebuilt, task: str) -> str:
    """Return a digest of what the student wrote for a task, wherever it stands."""
    elsewhere = task in rebuilt.untouched | rebuilt.absent | rebuilt.beside
    cells = rebuilt.notebook.cells
    places = {cells[part.cell].id for part in answers(rebuilt.notebook) if part.task == task}
    places |= {*rebuilt.extras} if elsewhere else set()
    return written(cell.source for cell in cells if cell.id in places)


def _task_keys(rebuilt: Rebuilt, assignment: Assignment, runs: Runs) -> dict[str, str]:
    """Return for each task a digest of all that its mark depends on."""
    data = data_digest(assignment.software.data)
    keys = {}
    for part in answers(rebuilt.notebook):
        name, made = part.task, assignment.made.get(part.task)
        state = (name in rebuilt.untouched, name in rebuilt.absent, name in rebuilt.beside)
        check = (made.version, environment(SCORING, made.packages, data)) if made else ()
        answer = _written(rebuilt, name) if part.manual else runs.keys.get(name)
        notice = rebuilt.task_notices.get(name, "")
        keys[name] = key_of(name, part.points, state, notice, answer, check)
    return keys


def _cells(rebuilt: Rebuilt, assignment: Assignment, timing: Timing) -> list[CodeCell]:
    """Return the code cells to run.

    Not the test cells, which the scorer fills in, nor what is known to show the same for everybody,
    nor what installs, looks at the file to be handed in or makes the one beside it.
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
        if is_test(grading(cell)) or is_skipped(cell) or is_report(cell):
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


def _status(stopped: list[str], rebuilt: Rebuilt, scores: list[float | None]) -> Status:
    if stopped or rebuilt.absent:
        return "partial"
    return "manual_pending" if None in scores else "graded"

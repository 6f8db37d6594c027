"""Turn answers into marks, and write the marks where nbgrader looks for them.

This process never runs student code. It gets answers as plain data, checks that their numbers are
finite before anything is compared, asks the hidden checks what they are worth, and gives every
test cell exactly one output: nbgrader's ``determine_grade`` gives full points to a cell with none.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from numbers import Real
from typing import Any

import numpy as np
from nbformat import NotebookNode

from autograde.errors import AutogradeError
from autograde.grading.order import elsewhere
from autograde.inside.wire import encode_arguments
from autograde.intake.rebuild import Rebuilt
from autograde.model.records import TaskResult
from autograde.notebooks.cells import Answer, answers, node
from autograde.safety.quiet import quiet
from autograde.safety.rewrite import clean_markdown
from autograde.safety.sanitize import Budget, clean_line, clean_outputs
from autograde.sandbox.replies import Failed
from autograde.tasks import Call, Called, Task, Unusable, Value, Wrong, noting_statements
from xaikit.checks.values import NOT_FINITE

MESSAGE_LIMIT = 500
NOT_ANSWERED = "Not answered: the answer cell is as it was handed out."
NOT_FOUND = "The answer cell was not found in the upload; please ask your instructors."
NOT_CHECKED = "Your answer could not be checked automatically; your instructors see a note."

CallOutcomes = Sequence[tuple[tuple[Any, ...], Any, frozenset[int]]]
"""For each call its hidden arguments, what came back or
:class:`autograde.sandbox.replies.Failed`, and the places of the arguments that it changed."""


class CheckError(AutogradeError):
    """A hidden check is at fault, not the student: one sentence for its author."""


def hidden_inputs(task: Task, secret: bytes, submission_hash: str) -> list[tuple[Any, ...]]:
    """Return the hidden inputs of a :class:`Call` task for one submission.

    They come from a generator seeded by HMAC(secret, task and submission): others for a
    resubmission, the same for a regrade, and not to be guessed.

    Raises
    ------
    CheckError
        If the task's ``inputs`` fails, or one of them cannot be sent into the sandbox.
    """
    assert isinstance(task.answer, Call)
    text = f"{task.id}\n{submission_hash}".encode()
    seed = int.from_bytes(hmac.digest(secret, text, "sha256"))
    try:
        with quiet():
            rows = task.answer.inputs(np.random.default_rng(seed))
            drawn = [tuple(arguments) for arguments in rows]
        for arguments in drawn:
            encode_arguments(arguments)  # else the sandbox's own program would be the first to say
        return drawn
    except (Exception, SystemExit) as error:
        raise CheckError(_fault(task.id, "inputs", error)) from error


def score(
    tasks: Mapping[str, Task],
    rebuilt: Rebuilt,
    values: Mapping[str, dict[str, Any] | Failed],
    calls: Mapping[str, CallOutcomes],
    kept: Mapping[str, TaskResult] | None = None,
) -> list[TaskResult]:
    """Mark every task of one submission.

    An untouched answer is worth nothing, unless a cell of the student's own answers instead. So is
    one that is not in the upload, but then student and instructor read why. A check that fails
    costs the student the task and tells the instructor. Tasks that a person marks have no score
    yet, unless they are untouched.

    Parameters
    ----------
    tasks
        The hidden checks, by task.
    rebuilt
        The rebuilt submission.
    values
        For each :class:`~autograde.tasks.Value` task its variables, or why there are none.
    calls
        For each :class:`~autograde.tasks.Call` task what was called and what came back.
    kept
        Marks of an earlier grading that still hold: these tasks are not scored again.

    Returns
    -------
    list of TaskResult
        In the notebook's order.
    """
    own, kept = elsewhere(rebuilt, tasks), kept or {}
    return [
        kept.get(answer.task) or _score(answer, tasks, rebuilt, values, calls, answer.task in own)
        for answer in answers(rebuilt.notebook)
    ]


def worth(
    task: Task, values: dict[str, Any] | Failed | None, calls: CallOutcomes | None
) -> tuple[float, str]:
    """Return the share of the points that an answer is worth, and what its author reads.

    Raises
    ------
    CheckError
        If the check fails.
    """
    try:
        given = _values(task, values) if isinstance(task.answer, Value) else _calls(task, calls)
        with quiet():
            returned = task.score(given)
        fraction = 1.0 if returned is None else _checked(task, returned)
        if fraction == 1:
            for _, came_back, _ in calls or ():
                if isinstance(came_back, Failed):  # the check did not look at that call
                    raise Wrong(came_back.reason)
            return 1.0, "Correct."
        return fraction, "This is only partly right." if fraction else "This is not right."
    except Wrong as wrong:
        return _checked(task, wrong.fraction), wrong.message
    except CheckError:
        raise
    except (Exception, SystemExit) as error:
        raise CheckError(_fault(task.id, "check", error)) from error


def graded_notebook(
    rebuilt: Rebuilt,
    results: Sequence[TaskResult],
    outputs: Mapping[str, Sequence[Any]],
) -> NotebookNode:
    """Return the rebuilt notebook with cleaned outputs, and one output for each test cell.

    nbgrader's ``determine_grade`` reads from it the same scores that ``results`` holds.

    Parameters
    ----------
    rebuilt
        The rebuilt submission.
    results
        Its marks.
    outputs
        What the run left behind, by cell id.
    """
    notebook: NotebookNode = deepcopy(rebuilt.notebook)
    by_task = {result.task: result for result in results}
    budget = Budget()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [node(o) for o in clean_outputs(outputs.get(cell.id, ()), budget)]
    for answer in answers(notebook):
        result = by_task[answer.task]
        cell = notebook.cells[answer.cell]
        if answer.test is not None:
            notebook.cells[answer.test].outputs = [node(_test_output(result))]
        if cell.cell_type == "markdown" and answer.task not in rebuilt.untouched | rebuilt.absent:
            # The release's own marker is a comment, and harmless; all else is the student's.
            first, *rest = cell.source.split("\n")
            cell.source = "\n".join([first, clean_markdown("\n".join(rest), budget)])
    return notebook


def _score(
    answer: Answer,
    tasks: Mapping[str, Task],
    rebuilt: Rebuilt,
    values: Mapping[str, dict[str, Any] | Failed],
    calls: Mapping[str, CallOutcomes],
    in_own_cell: bool,
) -> TaskResult:
    notice = rebuilt.task_notices.get(answer.task, "")
    if answer.manual and answer.task in rebuilt.beside:
        return TaskResult(answer.task, None, answer.points, "A person will mark this.", notice)
    if in_own_cell and (answer.task in calls or isinstance(values.get(answer.task), dict)):
        note = "The answer was taken from a cell of the student's own."
        notice = " ".join(filter(None, [notice, note]))
    elif answer.task in rebuilt.absent:
        unseen = "The answer cell was not found in the upload; please look at the upload."
        return TaskResult(answer.task, 0.0, answer.points, NOT_FOUND, unseen)
    elif answer.task in rebuilt.untouched:
        return TaskResult(answer.task, 0.0, answer.points, NOT_ANSWERED, notice)
    if answer.manual:
        return TaskResult(answer.task, None, answer.points, "A person will mark this.", notice)
    task = tasks[answer.task]
    with noting_statements() as statements:
        try:
            fraction, message = worth(task, values.get(task.id), calls.get(task.id))
        except CheckError as error:
            fraction, message = 0.0, NOT_CHECKED
            notice = " ".join(filter(None, [notice, str(error)]))
    if fraction < 1 and task.read and message != NOT_CHECKED:
        message = f"{message} Read on in {task.read}."
    # Four decimals are what tables show; a share of the points is never more than they are.
    whole = fraction == 1  # of a third of a point, say
    points = answer.points if whole else min(answer.points, round(fraction * answer.points, 4))
    message = clean_line(message, MESSAGE_LIMIT)
    return TaskResult(task.id, points, answer.points, message, notice, statements=statements)


def _values(task: Task, values: dict[str, Any] | Failed | None) -> dict[str, Any]:
    """Return the variables of a Value task; one that is missing is wrong when a check uses it."""
    assert isinstance(task.answer, Value)
    if isinstance(values, Failed):
        raise Wrong(values.reason)
    read = {name: _value(name, values or {}) for name in task.answer.names}
    lost = [each for each in read.values() if isinstance(each, Unusable) and not each.several]
    if len(lost) == len(read):
        raise Wrong(lost[0].reason)
    return read


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        return Unusable(f"The variable `{name}` was not there after the answer cell ran.")
    if isinstance(values[name], Failed):
        return Unusable(values[name].reason)
    return _guarded(values[name], f"`{name}`")


def _calls(task: Task, calls: CallOutcomes | None) -> list[Called]:
    """Return the calls of a Call task; one that failed is wrong when a check uses it."""
    assert isinstance(task.answer, Call)
    if not calls:
        raise CheckError(f"The task {task.id!r} has no call to score.")
    failed = [returned for _, returned, _ in calls if isinstance(returned, Failed)]
    if len(failed) == len(calls):
        raise Wrong(failed[0].reason)
    name = f"What `{task.answer.function}` returns"
    return [
        Called(arguments, _came_back(returned, name), changed)
        for arguments, returned, changed in calls
    ]


def _came_back(returned: Any, name: str) -> Any:
    return Unusable(returned.reason) if isinstance(returned, Failed) else _guarded(returned, name)


def _guarded(value: Any, name: str) -> Any:
    """Return the value, nan and infinity replaced before anything can be compared with them."""
    if isinstance(value, Mapping):
        return {key: _guarded(item, name) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_guarded(item, name) for item in value]
    if isinstance(value, np.ndarray):
        finite = value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    else:
        finite = not isinstance(value, float | np.floating) or math.isfinite(value)
    return value if finite else Unusable(f"{name} {NOT_FINITE}", np.asarray(value))


def _checked(task: Task, fraction: Any) -> float:
    """Return a share of the points as a float in [0, 1]."""
    if not isinstance(fraction, Real | np.bool_) or not 0 <= float(fraction) <= 1:
        raise CheckError(
            f"The check of {task.id!r} gave {clean_line(repr(fraction), 80)} where a number in "
            "[0, 1] was due."
        )
    return float(fraction)


def _fault(task: str, part: str, error: BaseException) -> str:
    reason = clean_line(f"{type(error).__name__}: {error}", 200)
    return f"The {part} of the task {task!r} failed ({reason})."


def _test_output(result: TaskResult) -> dict[str, Any]:
    """Return the one output from which nbgrader reads this score."""
    points = result.score or 0.0
    if points == 0:
        return {
            "output_type": "error",
            "ename": "NoPoints",
            "evalue": result.message,
            "traceback": [result.message],
        }
    return {
        "output_type": "execute_result",
        "data": {"text/plain": repr(float(points))},
        "metadata": {},
        "execution_count": None,
    }

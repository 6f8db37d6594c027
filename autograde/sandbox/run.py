"""Run student code in the sandbox, and read what comes back as plain data.

Two runs, both on the host's side of the pipe:

- :func:`run_notebook` executes the code cells of a rebuilt notebook in a kernel and reads
  variables right after each answer cell;
- :func:`call_functions` executes cells in a plain process, without a kernel, and calls the
  student's functions on hidden inputs.

Every cause ends a sandbox in the same way (a cell that will not be interrupted, a dead process,
too much memory, disk or output): the cell that was running is recorded as ``stopped``, and a
fresh sandbox goes on after it. There every other cell runs again first, so that one bad cell costs
its own task and no other.

Everything returned is the student's word: :mod:`autograde.inside.wire` has checked its form,
nothing has checked its truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from autograde.inside import wire
from autograde.inside.processes import WALL
from autograde.sandbox.isolation import Isolation, Limits
from autograde.sandbox.process import Sandbox
from autograde.sandbox.replies import (
    CellRun,
    Failed,
    changed_by,
    exception_name,
    flag_of,
    outputs_of,
    raised_by,
    remarks_of,
    returned_value,
    stop_of,
    text_of,
    variables_of,
)

_START = 180.0  # seconds that interpreter, kernel and torch may take to come up on a busy machine
_GRACE = 15.0  # beyond a limit that is kept inside, until it is kept from outside
_WORDS = {
    "timeout": "took longer than its time limit of {seconds:.0f} s",
    "memory": "used more than {memory:.1f} GB of memory",
    "disk": "wrote more temporary files than allowed",
    "busy": "computed in too many processes or threads at the same time",
    "kernel died": "ended the Python process",
    "unwatched": "kept the grader from watching its limits",
    "output flood": "put out far too much",
    "malformed output": "disturbed the grader's own messages",
}


@dataclass(frozen=True)
class CodeCell:
    """One code cell.

    Attributes
    ----------
    id
        Unique among the cells of a run.
    source
        Its text, magics allowed.
    task
        The task whose answer this cell is; empty for given cells and for the student's own.
    names
        The variables to read right after it ran (the answer of a ``Value`` task).
    seconds
        Its time limit, in processor time.
    late
        For a cell of the student's own: the variables by the task whose answer it may hold, and
        whether they count even where the answer's cell has left some.
    """

    id: str
    source: str
    task: str = ""
    names: tuple[str, ...] = ()
    seconds: float = 20.0
    late: Mapping[str, tuple[tuple[str, ...], bool]] = field(default_factory=dict)

    @property
    def read(self) -> tuple[str, ...]:
        """All variables that are read right after it ran."""
        late = [name for names, _ in self.late.values() for name in names]
        return tuple(dict.fromkeys([*self.names, *late]))


@dataclass(frozen=True)
class HiddenCalls:
    """The hidden calls of one task: made right after its answer cell ran, one after another.

    ``seconds`` is the limit of processor time of a single call. The arguments are what
    :func:`autograde.inside.wire.encode_arguments` takes. ``without`` names functions that raise
    during these calls.
    """

    function: str
    arguments: Sequence[tuple[Any, ...]]
    seconds: float = 20.0
    without: tuple[str, ...] = ()


@dataclass
class NotebookRun:
    """The cells in the order given, and for each task its variables or why there are none.

    ``seconds`` is processor time.
    """

    cells: list[CellRun]
    answers: dict[str, dict[str, Any] | Failed]
    seconds: float

    @property
    def stops(self) -> list[CellRun]:
        """The cells that something ended: empty for a run that went through."""
        return [cell for cell in self.cells if cell.stopped or not cell.ran]


@dataclass
class CallRun:
    """For each task one entry a call.

    ``results`` holds what the function returned, or :class:`Failed`; ``changed`` the places of the
    arguments that the call changed.
    """

    results: dict[str, list[Any]]
    changed: dict[str, list[frozenset[int]]]
    cells: list[CellRun]
    seconds: float


def run_notebook(
    cells: Sequence[CodeCell],
    limits: Limits | None = None,
    isolation: Isolation = "bubblewrap",
    hidden: Sequence[Path] = (),
) -> NotebookRun:
    """Execute the cells in order in a Jupyter kernel and read the answers of ``Value`` tasks.

    A cell that raises is recorded and the run goes on. A cell over its time limit is interrupted.

    Parameters
    ----------
    cells
        The notebook's code cells without test cells.
    limits
        Of one sandbox; ``limits.seconds`` bounds the whole run, restarts included.
    isolation
        ``bubblewrap``, or ``none``: an ordinary subprocess with time limits only.
    hidden
        Folders that must not be seen even if they lie inside a folder that is mounted.

    Raises
    ------
    autograde.sandbox.process.SandboxError
        If the sandbox itself cannot start (never because of what the student wrote).
    """
    limits = limits or Limits()
    answers: dict[str, dict[str, Any] | Failed] = {}

    def describe(cell: CodeCell) -> dict[str, Any]:
        return {"source": cell.source, "seconds": cell.seconds, "names": cell.read}

    def take(cell: CodeCell, record: dict[str, Any], run: CellRun) -> float | None:
        kind = text_of(record, "kind")
        if kind == "cell" and not run.ran:
            run.outputs = outputs_of(record.get("outputs"))
            run.remarks = remarks_of(record)
            run.stopped = stop_of(record)
            if flag_of(record, "lost"):
                raise _Lost(run.stopped)
            return _GRACE + 20 if cell.read else None
        if kind == "lost":
            raise _Lost(stop_of(record))
        if kind != "answer" or not run.ran:
            raise wire.WireError("a record out of turn")
        raised = raised_by(run)
        if cell.names:
            answers[cell.task] = variables_of(record, cell.names, raised)
        for task, (names, counts) in cell.late.items():
            found = variables_of(record, names, raised)
            if not isinstance(found, Failed) and (
                counts or isinstance(answers.get(task, Failed("")), Failed)
            ):
                answers[task] = found
        return None

    runs, seconds = _drive(
        "autograde.inside.run_notebook",
        cells,
        lambda cell: cell.seconds + _GRACE,
        describe,
        take,
        limits,
        isolation,
        hidden,
    )
    for cell in cells:
        # A cell that was interrupted may have assigned its variables before.
        run = runs[cell.id]
        if cell.names and (
            cell.task not in answers or (run.stopped and isinstance(answers[cell.task], Failed))
        ):
            answers[cell.task] = _why("The answer's cell", run, cell.seconds, limits)
    return NotebookRun(list(runs.values()), answers, seconds)


def call_functions(
    cells: Sequence[CodeCell],
    calls: Mapping[str, HiddenCalls],
    limits: Limits | None = None,
    isolation: Isolation = "bubblewrap",
    hidden: Sequence[Path] = (),
    without: Sequence[str] = (),
) -> CallRun:
    """Execute the cells in one namespace and call each task's function on its hidden inputs.

    ``calls`` is keyed by task id: each belongs to the cell with that ``task``. Prints, displays
    and exceptions of cells are discarded. random, numpy and torch are seeded with 0 before every
    call, and every call gets its own copy of its arguments.

    Parameters
    ----------
    without
        Packages that cannot be imported: what is out of reach in tasks by hand.

    Raises
    ------
    autograde.sandbox.process.SandboxError
        If the sandbox itself cannot start.
    """
    limits = limits or Limits()
    results: dict[str, list[Any]] = {task: [] for task in calls}
    changed: dict[str, list[frozenset[int]]] = {task: [] for task in calls}
    begun = dict.fromkeys(calls, 0)  # a program that says so for ever must not go on for ever
    raised: dict[str, str] = {}

    def describe(cell: CodeCell) -> dict[str, Any]:
        wanted = calls.get(cell.task)
        return {
            "source": cell.source,
            "function": wanted.function if wanted else "",
            "calls": [
                np.frombuffer(wire.encode_arguments(arguments), np.uint8)
                for arguments in (wanted.arguments if wanted else ())
            ],
            "without": list(wanted.without) if wanted else [],
        }

    def take(cell: CodeCell, record: dict[str, Any], run: CellRun) -> float | None:
        kind = text_of(record, "kind")
        wanted = calls.get(cell.task)
        if kind == "begin" and wanted and begun[cell.task] == len(results[cell.task]):
            begun[cell.task] += 1
            return wanted.seconds
        if kind == "cell" and not run.ran:
            lacks = text_of(record, "lacks")
            raised[cell.id] = exception_name(text_of(record, "raised"), lacks, cell.source)
            run.remarks = remarks_of(record)
        elif kind == "call" and wanted and run.ran:
            results[cell.task].append(
                returned_value(record, wanted.function, raised.get(cell.id, ""), wanted.without)
            )
            changed[cell.task].append(changed_by(record))
        else:
            raise wire.WireError("a record out of turn")
        if wanted is None or len(results[cell.task]) >= len(wanted.arguments):
            return None
        return _GRACE  # for reading the arguments of the next call

    runs, seconds = _drive(
        "autograde.inside.call_functions",
        cells,
        lambda cell: cell.seconds,
        describe,
        take,
        limits,
        isolation,
        hidden,
        without,
    )
    for cell in cells:
        wanted = calls.get(cell.task)
        if wanted and len(results[cell.task]) < len(wanted.arguments):
            if cell.id in raised:
                failed = _why(f"`{wanted.function}`", runs[cell.id], wanted.seconds, limits)
            else:
                failed = _why("The answer's cell", runs[cell.id], cell.seconds, limits)
            lacking = len(wanted.arguments) - len(results[cell.task])
            results[cell.task] += [failed] * lacking
            changed[cell.task] += [frozenset()] * lacking
    return CallRun(results, changed, list(runs.values()), seconds)


# --- one run, as many sandboxes as it takes ------------------------------------------------------


class _Lost(Exception):  # noqa: N818  # the program inside ended by itself and said why
    pass


def _drive(
    module: str,
    cells: Sequence[CodeCell],
    allowance: Callable[[CodeCell], float],
    describe: Callable[[CodeCell], dict[str, Any]],
    take: Callable[[CodeCell, dict[str, Any], CellRun], float | None],
    limits: Limits,
    isolation: Isolation,
    hidden: Sequence[Path],
    without: Sequence[str] = (),
) -> tuple[dict[str, CellRun], float]:
    """Run the cells, in a fresh sandbox after each one that ended the sandbox.

    ``describe`` says what the program inside is told of a cell; ``take`` reads one of its records
    about the current cell and returns the seconds until the next has to come, or None if that was
    the last. Every round decides at least one cell more, so the rounds end.
    """
    runs = {cell.id: CellRun(cell.id) for cell in cells}
    end = time.monotonic() + WALL * limits.seconds
    spent = 0.0
    decided = 0
    while decided < len(cells) and spent < limits.seconds and time.monotonic() < end:
        done = [cell for cell in cells[:decided] if not runs[cell.id].stopped]
        again = [replace(cell, task="", names=(), late={}) for cell in done]  # nobody asks twice
        todo = [*again, *cells[decided:]]
        job = {"cells": [describe(cell) for cell in todo]}
        position = -1  # nothing has run yet
        reason = ""
        with Sandbox(module, job, limits, isolation, hidden, without) as sandbox:
            sandbox.deadline = time.monotonic() + _START
            ready = began = now = 0.0
            for record in sandbox.records():
                now = sandbox.used()
                seconds: float | None = None
                if position >= 0:
                    cell = todo[position]
                    run = runs[cell.id] if position >= len(again) else CellRun(cell.id)
                    try:
                        if not isinstance(record, dict):
                            raise wire.WireError("a record that is no dictionary")
                        if not run.ran:
                            run.seconds = now - began
                        seconds = take(cell, record, run)
                        run.ran = True
                    except (wire.WireError, _Lost) as error:
                        reason = str(error) if isinstance(error, _Lost) else "malformed output"
                        break
                else:
                    ready = now  # what starting took is nobody's
                if seconds is None:
                    position += 1
                    if position == len(todo):
                        return runs, spent + now - ready
                    seconds = allowance(todo[position])
                    began = now
                sandbox.allow(min(seconds, limits.seconds - spent - (now - ready)))
                sandbox.deadline = min(end, sandbox.deadline)
            now = sandbox.used()
        spent += now - ready
        lost = runs[todo[position].id]
        lost.stopped = reason or sandbox.stopped.replace("died", "kernel died")
        lost.seconds = lost.seconds or now - began
        lost.ran = True
        decided += max(0, position + 1 - len(again))
    return runs, spent


def _why(subject: str, run: CellRun, seconds: float, limits: Limits) -> Failed:
    """Say why a cell left no answer."""
    if not run.ran:
        return Failed("The notebook ran out of time before this answer's cell was reached.")
    words = _WORDS[run.stopped].format(seconds=seconds, memory=limits.memory / 2**30)
    return Failed(f"{subject} {words}.")


# --- records, whose every field may be anything --------------------------------------------------

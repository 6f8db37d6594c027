"""The runs of one submission: its notebook, and its hidden calls. What is recorded runs no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograde.grading.environment import RUNNING, environment, imported
from autograde.grading.order import all_written, early, needed_first, wants_all
from autograde.grading.recorded import Recorded, cells_key, inputs_key, key_of, value_cells
from autograde.intake.rebuild import Rebuilt
from autograde.notebooks.cells import answers
from autograde.sandbox.isolation import Isolation, Limits
from autograde.sandbox.replies import REMARKS, CellRun, Failed
from autograde.sandbox.run import (
    CodeCell,
    HiddenCalls,
    NotebookRun,
    call_functions,
    run_notebook,
)
from autograde.tasks import Task
from xaikit.handin.released import begins

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


class Runs:
    """What a submission's cells and functions give, made anew only where it is not recorded.

    Parameters
    ----------
    rebuilt
        The submission.
    tasks
        The hidden checks.
    cells
        The code cells to run.
    where
        Limits, isolation, and the folders that student code must not see.
    data
        The digest of the data.
    before
        What was recorded of this upload.

    Attributes
    ----------
    now
        What is to be recorded.
    keys
        Of each answered task, what its answer was made from.
    ran
        Whether anything ran.
    call_seconds
        Processor time of one hidden call, on average.
    """

    def __init__(
        self,
        rebuilt: Rebuilt,
        tasks: Mapping[str, Task],
        cells: Sequence[CodeCell],
        where: tuple[Limits, Isolation, tuple[Path, ...]],
        data: str,
        before: Recorded,
    ) -> None:
        self._rebuilt, self._tasks, self._cells = rebuilt, tasks, cells
        self._where, self._data, self._before = where, data, before
        self._stopped: set[str] = set()
        self._seconds, self._calls, self._seconds_of_calls = 0.0, 0, 0.0
        self.now = Recorded()
        self.keys: dict[str, str] = {}
        self.called: dict[str, list[tuple[tuple[Any, ...], Any, frozenset[int]]]] = {}
        self.ran = False

    @property
    def values(self) -> dict[str, dict[str, Any] | Failed]:
        """Of each ``Value`` task its variables, or why there are none."""
        return {task: value for task, (_, value) in self.now.values.items()}

    @property
    def call_seconds(self) -> float:
        """Processor time of one hidden call, on average."""
        return self._seconds / max(self._calls, 1)

    def notebook(self) -> NotebookRun | None:
        """Run the cells and take the variables of ``Value`` tasks; None if that is recorded."""
        asked = {cell.task for cell in self._cells if cell.names}
        asked |= {task for cell in self._cells for task in cell.late}
        for task in asked:
            self.keys[task] = key_of(task, self._cells_key(value_cells(task, self._cells)))
        self.now.run = self._cells_key(self._cells)
        self.now.seconds = self._before.seconds
        self.now.call_seconds = self._before.call_seconds
        before = self._before.values
        kept = {t: v for t, v in before.items() if self.keys.get(t) == v[0]}
        if self.now.run == self._before.run and kept.keys() == before.keys():
            self.now.values, self.now.said[""] = kept, self._before.said.get("", [])
            self._keep_stopped("")
            return None
        self.ran = True
        run = run_notebook(self._cells, *self._where)
        found = {task: (self.keys[task], answer) for task, answer in run.answers.items()}
        self.now.values = found | kept
        self.now.seconds = run.seconds
        self._note("", run.cells)
        self._stopped = {cell.id for cell in run.stops}
        return run

    def call(self, calls: Mapping[str, HiddenCalls], without: tuple[str, ...]) -> None:
        """Make the hidden calls of tasks that do without the same packages."""
        keys = {task: self._key(task, call, without) for task, call in calls.items()}
        self.keys |= keys
        before = self._before.calls
        anew = {t: c for t, c in calls.items() if t not in before or before[t][0] != keys[t]}
        for task in calls.keys() - anew.keys():
            self.now.calls[task] = before[task]
            self.now.said[task] = self._before.said.get(task, [])
            self._keep_stopped(task)
        if anew:
            self.ran = True
            for task, outcomes in self._call(anew, without).items():
                self.now.calls[task] = keys[task], outcomes
        for task, call in calls.items():
            outcomes = self.now.calls[task][1]
            self.called[task] = [
                (arguments, *outcome)
                for arguments, outcome in zip(call.arguments, outcomes, strict=True)
            ]

    def _call(
        self, calls: Mapping[str, HiddenCalls], without: tuple[str, ...]
    ) -> dict[str, list[tuple[Any, frozenset[int]]]]:
        where = (*self._where, without)
        chosen = needed_first(self._rebuilt, self._tasks, self._cells, set(calls))
        returned = call_functions(chosen, calls, *where)
        found, changed = returned.results, returned.changed
        self._note(next(iter(calls)), returned.cells, set(calls))
        ended = {cell.id for cell in returned.cells if cell.stopped or not cell.ran}
        seconds = returned.seconds
        self._seconds += returned.seconds
        self._calls += sum(len(call.arguments) for call in calls.values())
        later = {
            t: c for t, c in calls.items() if wants_all(t, c.function, self._rebuilt, found[t])
        }
        if later:
            # What else the student wrote has run then, wherever it stands.
            passed_over = self._stopped | ended
            written = all_written(self._rebuilt, self._tasks, self._cells, later, passed_over)
            twice = {early(task): call for task, call in later.items()}
            again = call_functions(written, later | twice, *where)
            seconds += again.seconds
            for task in later:
                for name in (early(task), task):  # the latter, if it is there, counts
                    results = again.results[name]
                    if results and not any(isinstance(result, Failed) for result in results):
                        found[task], changed[task] = results, again.changed[name]
        self._seconds_of_calls += seconds
        self.now.call_seconds = max(self._seconds_of_calls, self._before.call_seconds)
        return {task: list(zip(found[task], changed[task], strict=True)) for task in calls}

    def _key(self, task: str, call: HiddenCalls, without: tuple[str, ...]) -> str:
        """Return a digest of what the calls of one task depend on, for itself."""
        first = needed_first(self._rebuilt, self._tasks, self._cells, {task})
        then = all_written(self._rebuilt, self._tasks, self._cells, [task], set())
        return key_of(inputs_key(call), *(self._cells_key(c, without) for c in (first, then)))

    def _cells_key(self, cells: Sequence[CodeCell], without: tuple[str, ...] = ()) -> str:
        """Return a digest of what these cells do, and of what they run on."""
        packages = imported(cell.source for cell in cells) - {*without}
        ground = environment(RUNNING, packages, self._data)
        return key_of(self._where[1], without, ground, cells_key(cells))

    def _note(self, task: str, ran: Sequence[CellRun], calls: set[str] | None = None) -> None:
        """Keep what is to be said: of a cell that is an answer's, under the name of its task."""
        parts = answers(self._rebuilt.notebook)
        owners = {self._rebuilt.notebook.cells[part.cell].id: part.task for part in parts}
        for cell in ran:
            owner = owners.get(cell.id, task) if calls and owners.get(cell.id) in calls else task
            said = self.now.said.setdefault(owner, [])
            if cell.stopped or not cell.ran:
                line = _stop(cell, self._rebuilt, self._where[0])
                self.now.stopped.add(line)
                said.append(line)
            said += _remarks(cell, self._rebuilt, self._where[0])

    def _keep_stopped(self, task: str) -> None:
        self.now.stopped |= self._before.stopped & {*self.now.said[task]}


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
    return repr(begins(source))

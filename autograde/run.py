"""Run student code in the sandbox, and read what comes back as plain data.

Two runs, both on the host's side of the pipe:

- :func:`run_notebook` executes the code cells of a rebuilt notebook in a kernel and reads
  variables right after each answer cell;
- :func:`call_functions` executes cells in a plain process, without a kernel, and calls the
  student's functions on hidden inputs.

One event ends a sandbox whatever its cause (a cell that will not be interrupted, a dead process,
too much memory, disk or output): the cell that was running is recorded as ``stopped``, and a
fresh sandbox goes on after it. There every other cell that is not an answer runs again first,
so that one bad cell costs its own task and no other.

Everything returned is the student's word: :mod:`autograde.wire` has checked its form, nothing has
checked its truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograde.sandbox import Isolation, Limits

NotebookOutput = dict[str, Any]
"""One cell output in nbformat 4: stream, display_data, execute_result or error, with text/plain,
image/png and image/jpeg only. Valid in form, not cleaned: the text is the student's."""


@dataclass(frozen=True)
class Cell:
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
        Its time limit.
    """

    id: str
    source: str
    task: str = ""
    names: tuple[str, ...] = ()
    seconds: float = 20.0


@dataclass(frozen=True)
class Calls:
    """The hidden calls of one task: made right after its answer cell ran, one after another.

    ``seconds`` is the time limit of a single call. The arguments are what
    :func:`autograde.wire.encode_arguments` takes.
    """

    function: str
    arguments: Sequence[tuple[Any, ...]]
    seconds: float = 20.0


@dataclass(frozen=True)
class Failed:
    """An answer that could not be read: one sentence for the student, free of student text."""

    reason: str


@dataclass
class CellRun:
    """What one cell left behind.

    ``stopped`` is empty, or says in a few words what ended the cell: ``timeout``,
    ``kernel died``, ``memory``, ``disk``, ``output flood``, ``malformed output``. ``ran`` is False
    for a cell that was never reached because the whole run was out of time. An ordinary exception
    is no stop: it is the last entry of ``outputs``.
    """

    id: str
    outputs: list[NotebookOutput] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    ran: bool = False


@dataclass
class NotebookRun:
    """The cells in the order given, and for each task its variables or why there are none."""

    cells: list[CellRun]
    answers: dict[str, dict[str, Any] | Failed]
    seconds: float

    @property
    def stops(self) -> list[CellRun]:
        """The cells that something ended: empty for a run that went through."""
        return [cell for cell in self.cells if cell.stopped or not cell.ran]


@dataclass
class CallRun:
    """For each task one entry a call: what the function returned, or :class:`Failed`."""

    results: dict[str, list[Any]]
    cells: list[CellRun]
    seconds: float


def run_notebook(
    cells: Sequence[Cell],
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
    autograde.sandbox.SandboxError
        If the sandbox itself cannot start (never because of what the student wrote).
    """
    raise NotImplementedError


def call_functions(
    cells: Sequence[Cell],
    calls: Mapping[str, Calls],
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
        Packages that cannot be imported (xaikit, captum, … for tasks by hand).

    Raises
    ------
    autograde.sandbox.SandboxError
        If the sandbox itself cannot start.
    """
    raise NotImplementedError

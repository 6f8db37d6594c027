"""Ask a task's hidden check what a function earns, with many seeds."""

from __future__ import annotations

import contextlib
import functools
import io
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograde.grading.score import worth
from autograde.inside.harvest import seed as seed_all
from autograde.inside.harvest import undisturbed
from autograde.inside.wire import encode_arguments
from autograde.notebooks.cells import grading
from autograde.notebooks.release import solutions
from autograde.sandbox.replies import Failed
from autograde.tasks import Call, Task
from tests.sheets import source
from tests.solutions.scoring import outcome

SEEDS = 50
_PATIENCE = 20
"""A function may take so many times as long as the reference did, and at least a second."""


def called(name: str) -> list[Task]:
    """Return the tasks of a notebook that call a function on hidden inputs."""
    return [task for task in source(name).checks.tasks.values() if isinstance(task.answer, Call)]


@functools.cache
def texts(name: str) -> dict[str, str]:
    """Return the solution of each task."""
    return {task: _plain_text(text) for task, text in solutions(source(name)).items()}


def _plain_text(text: str) -> str:
    return re.sub(r"(?m)^\s*### (BEGIN|END) SOLUTION.*\n?", "", text)


@functools.cache
def _needed(name: str, cells: tuple[str, ...]) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "notebook"}
    for cell in source(name).notebook.cells:
        if grading(cell)["grade_id"] in cells:
            exec(cell.source, space)
    return space


@functools.cache
def _inputs(name: str, task: str, seed: int) -> tuple[list[tuple[Any, ...]], list[bytes]]:
    answer = source(name).checks.tasks[task].answer
    assert isinstance(answer, Call)
    rows = [tuple(row) for row in answer.inputs(np.random.default_rng(seed))]
    return rows, [encode_arguments(row) for row in rows]


class TooLongError(BaseException):
    """The time for one seed is over."""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def over(*_: Any) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def define(name: str, task: str, text: str) -> Callable[..., Any] | None:
    """Return the function of an answer, or None if the cell fails."""
    answer = source(name).checks.tasks[task].answer
    assert isinstance(answer, Call)
    space = dict(_needed(name, answer.needs))
    try:
        exec(compile(text, "answer", "exec"), space)
    except Exception:
        return None
    function = space.get(answer.function)
    return function if callable(function) else None


def earned(
    name: str, task: str, function: Callable[..., Any] | None, seed: int, limit: float = 60
) -> float:
    """Return the share of a task's points that a function gets on the inputs of one seed.

    A call that raises, returns what nobody can read or takes too long has failed, as in grading.
    """
    if function is None:
        return 0.0
    rows, encoded = _inputs(name, task, seed)
    outcomes: list[tuple[tuple[Any, ...], Any, frozenset[int]]] = []
    end = time.process_time() + limit
    for row, sent in zip(rows, encoded, strict=True):
        came = _outcome(function, sent, max(0.01, end - time.process_time()))
        outcomes.append((row, *came))
    with undisturbed():
        return worth(source(name).checks.tasks[task], None, outcomes)[0]


def _outcome(function: Callable[..., Any], sent: bytes, limit: float) -> tuple[Any, frozenset[int]]:
    """Return what came back from one call, and the arguments that it changed."""
    try:
        with undisturbed(), at_most(limit), contextlib.redirect_stdout(io.StringIO()):
            seed_all()
            return outcome(function, sent)
    except (Exception, TooLongError):
        return Failed("raised"), frozenset()


@dataclass(frozen=True)
class Verdict:
    """What one wrong function earned.

    Parameters
    ----------
    full
        With how many seeds it got full marks.
    seeds
        How many seeds were tried.
    """

    full: int
    seeds: int

    @property
    def kind(self) -> str:
        """``"every seed"``, ``"the seed"`` or ``"survives"``."""
        if not self.full:
            return "every seed"
        return "survives" if self.full == self.seeds else "the seed"


def verdict(name: str, task: str, text: str, seeds: Sequence[int]) -> Verdict:
    """Ask what a wrong answer earns with each seed."""
    function = define(name, task, text)
    limit = max(1.0, _PATIENCE * _seconds(name, task))
    full, slow, asked = 0, 0, 0
    for seed in seeds:
        began = time.process_time()
        full += earned(name, task, function, seed, limit) >= 1
        asked += 1
        slow += time.process_time() - began >= limit
        if slow == 3:  # it does not end, whatever the inputs
            break
    return Verdict(full, asked)


@functools.cache
def _seconds(name: str, task: str) -> float:
    """Return how long the solution takes with one seed."""
    function = define(name, task, texts(name)[task])
    earned(name, task, function, 0)
    began = time.process_time()
    earned(name, task, function, 0)
    return time.process_time() - began

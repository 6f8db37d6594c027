"""Ask the hidden checks of a notebook what a function earns, with many seeds."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograde.grading.score import worth
from autograde.inside.changed import changed_arguments
from autograde.inside.harvest import seed as seed_all
from autograde.inside.harvest import undisturbed
from autograde.inside.read import plain
from autograde.inside.wire import decode_arguments, encode_arguments
from autograde.notebooks.cells import grading
from autograde.notebooks.release import solutions
from autograde.notebooks.source import Source
from autograde.safety.quiet import quiet
from autograde.sandbox.replies import Failed
from autograde.tasks import Call, Task
from xaikit.handin.markers import without_magics

SEEDS = 50
_PATIENCE = 20
"""A function may take so many times as long as the reference did, and at least a second."""


class TooLongError(BaseException):
    """The time for one seed is over."""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise :class:`TooLongError` when the block has taken so much processor time."""

    def over(*_: Any) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


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


class Asked:
    """The hidden checks of one notebook; its solutions are run here, without a sandbox.

    Parameters
    ----------
    source
        The notebook with its solutions and hidden checks.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.texts = {task: _plain_text(text) for task, text in solutions(source).items()}
        self._spaces: dict[tuple[str, ...], dict[str, Any]] = {}
        self._drawn: dict[tuple[str, int], tuple[list[tuple[Any, ...]], list[bytes]]] = {}
        self._took: dict[str, float] = {}

    def called(self) -> list[Task]:
        """Return the tasks that call a function on hidden inputs."""
        return [t for t in self.source.checks.tasks.values() if isinstance(t.answer, Call)]

    def call(self, task: str) -> Call:
        """Return what a task calls."""
        answer = self.source.checks.tasks[task].answer
        assert isinstance(answer, Call)
        return answer

    def define(self, task: str, text: str) -> Callable[..., Any] | None:
        """Return the function of an answer, or None if the cell fails or defines no such one."""
        answer = self.call(task)
        try:
            space = dict(self._needed(answer.needs))
            with quiet():
                exec(compile(text, "answer", "exec"), space)
        except (Exception, SystemExit):
            return None
        function = space.get(answer.function)
        return function if callable(function) else None

    def inputs(self, task: str, seed: int) -> tuple[list[tuple[Any, ...]], list[bytes]]:
        """Return the hidden arguments of one seed, as they are and as they are sent."""
        if (task, seed) not in self._drawn:
            with quiet():
                made = self.call(task).inputs(np.random.default_rng(seed))
                rows = [tuple(row) for row in made]
            self._drawn[task, seed] = rows, [encode_arguments(row) for row in rows]
        return self._drawn[task, seed]

    def is_steady(self, task: str) -> bool:
        """Say whether one seed gives the same hidden arguments each time they are drawn."""
        with quiet():
            again = self.call(task).inputs(np.random.default_rng(0))
            return [encode_arguments(tuple(row)) for row in again] == self.inputs(task, 0)[1]

    def returned(
        self, task: str, function: Callable[..., Any], seed: int = 0, limit: float = 60
    ) -> list[tuple[Any, tuple[Any, ...]]]:
        """Return what comes back from each hidden call, and its arguments after the call.

        A call that raises, returns what nobody can read or takes too long has failed, as in
        grading. The calls after it count as failed, too: no other call makes up for one.
        """
        calls: list[tuple[Any, tuple[Any, ...]]] = []
        end = time.process_time() + limit
        for sent in self.inputs(task, seed)[1]:
            if calls and isinstance(calls[-1][0], Failed):
                calls.append(calls[-1])
            else:
                calls.append(_called(function, sent, max(0.01, end - time.process_time())))
        return calls

    def earns_all(
        self, task: str, function: Callable[..., Any] | None, seed: int, limit: float = 60
    ) -> bool:
        """Say whether a function gets all of a task's points on the inputs of one seed."""
        if function is None:
            return False
        rows, encoded = self.inputs(task, seed)
        calls = self.returned(task, function, seed, limit)
        outcomes = [
            (row, returned, frozenset[int]())
            for row, (returned, _) in zip(rows, calls, strict=True)
        ]
        asked = self.source.checks.tasks[task]
        with undisturbed(), quiet():
            if worth(asked, None, outcomes)[0] < 1:
                return False  # whether it changed its arguments: that makes no answer better
            outcomes = [
                (row, returned, frozenset(changed_arguments(sent, received)))
                for row, sent, (returned, received) in zip(rows, encoded, calls, strict=True)
            ]
            return worth(asked, None, outcomes)[0] >= 1

    def verdict(self, task: str, text: str, seeds: Sequence[int]) -> Verdict:
        """Ask what a wrong answer earns with each seed."""
        function = self.define(task, text)
        limit = max(1.0, _PATIENCE * self._seconds(task))
        full, slow, asked = 0, 0, 0
        for seed in seeds:
            began = time.process_time()
            full += self.earns_all(task, function, seed, limit)
            asked += 1
            slow += time.process_time() - began >= limit
            if slow == 3:  # it does not end, whatever the inputs
                break
        return Verdict(full, asked)

    def _needed(self, cells: tuple[str, ...]) -> dict[str, Any]:
        if cells not in self._spaces:
            space: dict[str, Any] = {"__name__": "notebook"}
            for cell in self.source.notebook.cells:
                if grading(cell)["grade_id"] in cells:
                    with quiet():
                        exec(without_magics(cell.source), space)
            self._spaces[cells] = space
        return self._spaces[cells]

    def _seconds(self, task: str) -> float:
        """Return how long the solution takes with one seed."""
        if task not in self._took:
            function = self.define(task, self.texts[task])
            self.earns_all(task, function, 0)
            began = time.process_time()
            self.earns_all(task, function, 0)
            self._took[task] = time.process_time() - began
        return self._took[task]


def _plain_text(text: str) -> str:
    """Return the Python of an answer: no magic, and no mark around the solution."""
    return without_magics(re.sub(r"(?m)^\s*### (BEGIN|END) SOLUTION.*\n?", "", text))


def _called(function: Callable[..., Any], sent: bytes, limit: float) -> tuple[Any, tuple[Any, ...]]:
    """Return what came back from one call, and its arguments, which it may have changed."""
    received = decode_arguments(sent)
    try:
        with undisturbed(), at_most(limit), quiet():
            seed_all()
            return plain(function(*received)), received
    except TooLongError:
        return Failed("it takes too long"), received
    except NameError as error:
        return Failed(f"{error}: the check's needs=(…) should name its cell"), received
    except (Exception, SystemExit) as error:
        return Failed(f"{type(error).__name__}: {error}"), received

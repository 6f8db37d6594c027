"""Look at an author's tasks in several processes, in pieces that none waits long for."""

from __future__ import annotations

import contextlib
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

from autograde.authoring.running import Ran, not_as_meant
from autograde.authoring.wrong import Wrongs, fault
from autograde.errors import AutogradeError
from autograde.tasks import Call, Task
from xaikit.threads import cores

_Result = TypeVar("_Result")

_LEAST = 8
"""A piece has so many wrong answers at least: each process draws inputs and references anew."""


OWN_FAULT = "its hidden check itself fails"


@dataclass(frozen=True)
class Looking:
    """A notebook whose cells have run, to be asked about its tasks.

    Parameters
    ----------
    wrongs
        Its wrong answers.
    ran
        What the run left.
    seeds
        With so many each wrong answer is asked.
    """

    wrongs: Wrongs
    ran: Ran
    seeds: int

    def meant(self, task: str) -> list[str]:
        """Return what is wrong with a task's right answers, and which thoughtless ones earn."""
        asked = self.wrongs.asked
        try:
            found = [*not_as_meant(self.wrongs, self.ran, asked.source.checks.tasks[task])]
            if self._is_called(task):
                found += self.wrongs.taken_marks(task, range(self.seeds))
        except (Exception, SystemExit) as error:
            return [self._own_fault(error)]
        return found

    def some(self, task: str, first: int, last: int) -> list[str]:
        """Return what is wrong with the check of a task, by some of its wrong answers."""
        if not self._is_called(task):
            return []  # which is said by what the task is meant to be
        try:
            rows = self.wrongs.look(task, self.seeds, slice(first, last))
        except (Exception, SystemExit) as error:
            return [self._own_fault(error)]
        return [*filter(None, map(fault, rows))]

    def _own_fault(self, error: BaseException) -> str:
        """Say where the author's check itself fails."""
        first = error.__cause__ or error
        own = {str(file) for file in self.wrongs.asked.source.checks.files}
        lines = [
            f" in {frame.filename}:{frame.lineno}"
            for frame in traceback.extract_tb(first.__traceback__)
            if frame.filename in own
        ]
        where = lines[-1] if lines else ""
        return f"{OWN_FAULT}{where}: {type(first).__name__}: {first}"

    def _is_called(self, task: str) -> bool:
        """Say whether the solution defines a function that the hidden check calls."""
        asked = self.wrongs.asked
        called = isinstance(asked.source.checks.tasks[task].answer, Call)
        return called and asked.define(task, asked.texts[task]) is not None


@dataclass(frozen=True)
class _Piece:
    task: str
    first: int = 0
    last: int = 0  # no wrong answer: what the task is meant to be

    def of(self, looking: Looking) -> list[str]:
        if self.last:
            return looking.some(self.task, self.first, self.last)
        return looking.meant(self.task)


class Pieces:
    """The work on some tasks of a notebook.

    Parameters
    ----------
    looking
        The notebook.
    tasks
        The tasks, in the order in which they are told of.

    Attributes
    ----------
    wrong
        How many wrong answers there are.
    count
        How many pieces of work.
    """

    def __init__(self, looking: Looking, tasks: Sequence[Task]) -> None:
        self._looking = looking
        self._processes = cores() if _forks() else 1
        self._of: dict[str, list[_Piece]] = {}
        self.wrong = 0
        for task in tasks:
            several = [_Piece(task.id)]
            if isinstance(task.answer, Call):
                total = sum(1 for _ in looking.wrongs.answers(task.id))
                size = max(_LEAST, math.ceil(total / (2 * self._processes)))
                several += [
                    _Piece(task.id, first, min(first + size, total))
                    for first in range(0, total, size)
                ]
                self.wrong += total
            self._of[task.id] = several
        self.count = sum(map(len, self._of.values()))

    def looked(self, done: Callable[[str, int], object]) -> Iterator[tuple[str, list[str]]]:
        """Yield each task with what is wrong with it, in their order.

        Parameters
        ----------
        done
            Is told each task that is done, and how many pieces are.

        Raises
        ------
        AutogradeError
            If a process is killed.
        """
        if self._processes == 1:
            finished = 0
            for task, pieces in self._of.items():
                yield task, [what for piece in pieces for what in piece.of(self._looking)]
                finished += len(pieces)
                done(task, finished)
            return
        # A forked process has what the cells defined, which nothing could send it.
        with ProcessPoolExecutor(
            self._processes, get_context("fork"), _begin, (self._looking,)
        ) as pool:
            running = {
                task: [pool.submit(_look, piece) for piece in pieces]
                for task, pieces in self._of.items()
            }
            try:
                for task, futures in running.items():
                    yield task, [what for future in futures for what in future.result()]
                    done(task, sum(f.done() for some in running.values() for f in some))
            except BrokenProcessPool:
                raise _killed() from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


_begun: list[Looking] = []


def _begin(looking: Looking) -> None:
    _begun.append(looking)


def _look(piece: _Piece) -> list[str]:
    return piece.of(_begun[-1])


@contextlib.contextmanager
def beside(function: Callable[..., _Result], *arguments: Any) -> Iterator[Future[_Result]]:
    """Call a function in a process of its own, while the block does something else.

    Raises
    ------
    AutogradeError
        If the process is killed before the block has its result.
    """
    context = get_context("fork" if _forks() else "spawn")
    with ProcessPoolExecutor(1, context) as pool:
        try:
            yield pool.submit(function, *arguments)
        except BrokenProcessPool:
            raise _killed() from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread: processes share the cores, and none with threads can be forked."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def _killed() -> AutogradeError:
    return AutogradeError(
        "A process of the check was killed, perhaps because memory ran out; check one notebook "
        "at a time, with other programs closed."
    )


def _forks() -> bool:
    """Say whether a process can be continued in a copy; on macOS its libraries do not bear it."""
    return sys.platform.startswith("linux")

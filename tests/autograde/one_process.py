"""Grading without worker processes, for tests of what becomes of the marks.

A worker of a class of three spends nearly all of its time on its imports. What only workers do is
tested in ``commands/test_grade.py`` and ``grading/test_executors.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

import pytest

from autograde.grading import workers
from autograde.grading.workers import Workers


class Here(Executor):
    """Does each job as soon as it is given, in this process."""

    def submit(self, job: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(job(*args, **kwargs))
        return done


@contextmanager
def one_process() -> Iterator[None]:
    """Let this process do what workers do."""

    @contextmanager
    def local(count: int) -> Iterator[Workers]:
        yield Workers(Here(), 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "local", local)
        yield

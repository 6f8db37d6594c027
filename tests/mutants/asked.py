"""The course's own notebooks, with the wrong answers that ``tests/mutants/NAME.toml`` tells of."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

from autograde.authoring.asked import Asked
from autograde.authoring.wrong import Known, Row, Wrongs
from autograde.tasks import Task
from tests.sheets import source


@functools.cache
def wrongs(name: str) -> Wrongs:
    """Return a notebook's wrong answers, each notebook read once a process."""
    return Wrongs(Asked(source(name)), Path(__file__).parent / f"{name}.toml")


def called(name: str) -> list[Task]:
    return wrongs(name).asked.called()


def texts(name: str) -> dict[str, str]:
    return wrongs(name).asked.texts


def known(name: str) -> Known:
    return wrongs(name).known


def wrong_answers(name: str, task: str) -> Iterator[tuple[str, str, str, str]]:
    return wrongs(name).answers(task)


def look(name: str, task: str, seeds: int) -> list[Row]:
    return wrongs(name).look(task, seeds)


def taken_marks(name: str, task: str, seeds: Sequence[int]) -> list[str]:
    return wrongs(name).taken_marks(task, seeds)

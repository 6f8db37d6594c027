"""Scores answers by a notebook's hidden checks, without a sandbox."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograde.inside.changed import changed_arguments
from autograde.inside.read import plain
from autograde.inside.wire import decode_arguments, encode_arguments
from autograde.notebooks.source import Source
from autograde.tasks import Call, Called, Task, Wrong


def mark(source: Source, task: str, answer: Any) -> float:
    """Return what harvested values or calls earn."""
    try:
        fraction = source.checks.tasks[task].score(answer)
    except Wrong as wrong:
        return wrong.fraction
    return 1.0 if fraction is None else fraction


def verdict(source: Source, task: str, arguments: tuple[Any, ...], returned: Any) -> float:
    """Return what an answer to one call earns."""
    return mark(source, task, [Called(arguments, returned)])


def hidden(source: Source, task: str, seed: int = 3) -> list[tuple[Any, ...]]:
    """Return the hidden arguments of one seed, to be read only: they are drawn once."""
    return list(_drawn(source.checks.tasks[task], seed))


@functools.cache
def _drawn(task: Task, seed: int) -> tuple[tuple[Any, ...], ...]:
    assert isinstance(task.answer, Call)
    return tuple(task.answer.inputs(np.random.default_rng(seed)))


def calls(source: Source, task: str, function: Callable[..., Any], seed: int = 0) -> list[Called]:
    """Return what a function returns on the hidden inputs of that seed."""
    return [called(function, arguments) for arguments in hidden(source, task, seed)]


def called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Called:
    """Call a function on its own copy of the arguments, as the sandbox does."""
    return Called(arguments, *outcome(function, encode_arguments(arguments)))


def outcome(function: Callable[..., Any], sent: bytes) -> tuple[Any, frozenset[int]]:
    """Return what came back from one call, as the host reads it, and which arguments it changed."""
    received = decode_arguments(sent)
    returned = plain(function(*received))
    return returned, frozenset(changed_arguments(sent, received))


def earned(source: Source, task: str, function: Callable[..., Any], seed: int = 0) -> float:
    """Return what a function earns on the hidden inputs of that seed."""
    return mark(source, task, calls(source, task, function, seed))


def accepts(source: Source, task: str, function: Callable[..., Any]) -> bool:
    """Say whether the task's check takes what this function returns on hidden inputs."""
    return earned(source, task, function, seed=3) == 1

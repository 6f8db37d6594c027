"""Odd answers: what students write by mistake, put into every place of a visible check."""

from __future__ import annotations

import contextlib
import io
import linecache
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import torch

from autograde.notebooks.cells import answers
from autograde.notebooks.release import manifest
from autograde.notebooks.source import Source
from autograde.tasks import Call, Task
from xaikit.checks.session import Known, Session
from xaikit.checks.visible import checking
from xaikit.handin.released import Released

UNEXPECTED = (np.zeros(()), np.array(np.nan), np.ones(2), np.ones((2, 2)), "42", {}, [])
"""What an answer holds after it was read that no task asks for."""


def _generator() -> Iterator[int]:
    yield 1


ODD: dict[str, Callable[[], Any]] = {
    **{" ".join(repr(value).split()): (lambda value=value: value) for value in UNEXPECTED},
    "None": lambda: None,
    "a number": lambda: 3,
    "nan": lambda: float("nan"),
    "a list": lambda: [1, 2, 3],
    "a ragged list": lambda: [[1.0], [2.0, 3.0]],
    "a list with None": lambda: [None, 1.0],
    "a pair of texts": lambda: ("a", None),
    "a dictionary": lambda: {"a": 1, 2: None},
    "a tensor of whole numbers": lambda: torch.arange(6).view(2, 3),
    "an empty tensor": lambda: torch.zeros(0),
    "a tensor with gradient": lambda: torch.ones(2, 3, requires_grad=True) * 2,
    "images in 0 to 255": lambda: 255 * torch.ones(2, 1, 28, 28),
    "a function": lambda: len,
    "a class": lambda: dict,
    "a generator": _generator,
    "a network": lambda: torch.nn.Linear(2, 2),
}


AT_THE_END = ("None", "'42'", "a list", "a ragged list", "a tensor with gradient", "a function")
"""What stands in the last place of a pair or a dictionary that is right elsewhere."""

_KNOWN: dict[str, Known] = {}


def known_of(source: Source) -> Known:
    """Return what students' copies of the library know of a notebook."""
    if source.name not in _KNOWN:
        notebook = deepcopy(source.notebook)
        notebook.metadata["course"] = {"release": ""}
        _KNOWN[source.name] = Known.of(Released.read(manifest(notebook, source.checks.tasks)))
    return _KNOWN[source.name]


def define(text: str, space: dict[str, Any], file: str) -> None:
    """Run a cell in a space as a kernel does, which keeps its text for tracebacks."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), space)


def said(source: Source, task: str, space: dict[str, Any], ran: tuple[str, ...] = ()) -> str:
    """Run a task's visible check in a space, and return what it says: a line with ✓ or with ✗.

    It is what a person sees, who looks at the notebook; what is more than a line is raised.
    """
    position = next(a.test for a in answers(source.notebook) if a.task == task)
    assert position is not None
    printed = io.StringIO()
    lines: list[str] = []
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
            patch("xaikit.checks.visible.shown", lambda line: not lines.append(line)),
        ):
            warnings.simplefilter("ignore")
            with checking(task, space, Session(known_of(source), ran)) as attempt:
                attempt.begin()
                define(source.notebook.cells[position].source, space, f"<{task}-test>")
    finally:
        plt.close("all")
    if lines:
        return f"✗ {lines[0]}"
    return next((x for x in printed.getvalue().splitlines() if x.startswith(f"✓ {task}:")), "")


def odd_spaces(task: Task, space: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield notebooks' names in which an answer is odd: in one place, then in all of them."""
    if isinstance(task.answer, Call):
        name = task.answer.function
        right = space[name]
        for label, make in ODD.items():
            yield f"{name} = {label}", {**space, name: make()}
            yield f"{name} returns {label}", {**space, name: _returning(make)}
        for label in AT_THE_END:
            yield f"{name} returns {label} at the end", {**space, name: _with(right, ODD[label])}
        yield f"{name} takes nothing", {**space, name: lambda: 1}
        yield f"{name} returns it reversed", {**space, name: _reversed(right)}
        return
    names = task.answer.names
    for label, make in ODD.items():
        yield f"all are {label}", {**space, **{name: make() for name in names}}
        for name in names:
            yield f"{name} = {label}", {**space, name: make()}
            value = space[name]
            if isinstance(value, dict) and value:
                yield f"{name}: all {label}", {**space, name: {k: make() for k in value}}
                first = next(iter(value))
                yield f"{name}[{first!r}] = {label}", {**space, name: {**value, first: make()}}


def _returning(make: Callable[[], Any]) -> Callable[..., Any]:
    return lambda *arguments, **named: make()


def _with(right: Callable[..., Any], make: Callable[[], Any]) -> Callable[..., Any]:
    """Return a function whose pair or dictionary has something odd in its last place."""

    def odd(*arguments: Any, **named: Any) -> Any:
        value = right(*arguments, **named)
        if isinstance(value, tuple | list):
            return type(value)([*value[:-1], make()])
        return {**value, list(value)[-1]: make()} if isinstance(value, dict) and value else None

    return odd


def _reversed(right: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose pair is the wrong way round; nothing in place of what is no pair."""

    def odd(*arguments: Any, **named: Any) -> Any:
        value = right(*arguments, **named)
        return value[::-1] if isinstance(value, tuple | list) else None

    return odd

"""A sandbox that does not start leaves no file descriptor and no process behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograde.inside.processes import descendants
from autograde.sandbox import isolation as isolated
from autograde.sandbox import process
from autograde.sandbox.isolation import Limits, SandboxError
from autograde.sandbox.process import Sandbox


def start_sandbox(isolation: isolated.Isolation) -> None:
    with Sandbox("autograde.inside.probe", {}, Limits(), isolation):
        raise AssertionError("it started")


def ask_for_records() -> None:
    """Start a program that ends before it says anything."""
    with Sandbox("autograde.inside.no_such_module", {}, Limits()) as sandbox:
        next(sandbox.records())


def nobody_starts(*_: Any, **__: Any) -> None:
    raise OSError(11, "Resource temporarily unavailable")


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def left_behind(fail: Callable[[], None], error: type[Exception]) -> tuple[set[str], list[int]]:
    """Return the descriptors and processes that are there after a failure and were not before."""
    processes = set(descendants(os.getpid()))
    before = open_descriptors()
    for _ in range(3):
        with pytest.raises(error):
            fail()
    after = open_descriptors()
    return after - before, [p for p in descendants(os.getpid()) if p not in processes]


@pytest.mark.parametrize("isolation", ["bubblewrap", "none"])
def test_where_the_program_cannot_be_started(
    isolation: isolated.Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", nobody_starts)
    assert left_behind(lambda: start_sandbox(isolation), OSError) == (set(), [])


def test_where_the_job_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_sealed", nobody_starts)
    assert left_behind(lambda: start_sandbox("none"), OSError) == (set(), [])


def test_where_the_second_pipe_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, pipe = [], os.pipe

    def every_other() -> tuple[int, int]:
        calls.append(1)
        return pipe() if len(calls) % 2 else nobody_starts()  # type: ignore[return-value]

    monkeypatch.setattr(os, "pipe", every_other)
    assert left_behind(lambda: start_sandbox("none"), OSError) == (set(), [])


def test_where_the_program_ends_before_its_first_word() -> None:
    assert left_behind(ask_for_records, SandboxError) == (set(), [])

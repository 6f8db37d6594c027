"""Processes that have imported already, in the sandbox, waiting to fork the next run.

Their program is :mod:`autograde.inside.zygote`. One is started when the same isolation was asked
for a few times, because a process that grades one small notebook would wait longer for imports than
it gains. It belongs to the process that started it, runs one submission at a time and dies with its
owner; one that does not answer is replaced.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograde.inside.processes import descendants
from autograde.sandbox import seccomp
from autograde.sandbox.isolation import (
    Isolation,
    Limits,
    as_somebody,
    bubblewrap,
    environment_outside,
    resource_limits,
)
from autograde.sandbox.remedies import require_programs
from autograde.sandbox.usage import proportional

PATIENCE = 2  # runs in the same isolation that start on their own
_KEPT = 4  # that wait: with all packages and without those out of reach by hand, two of each
_IMPORTING = 180.0  # seconds
_ANSWER = 10.0

_IMPORTED = (  # what every run imports; beside it what the course names
    "autograde.inside.run_notebook",
    "autograde.inside.call_functions",
    "IPython.core.interactiveshell",
    "ipykernel.ipkernel",
)

IsolationCommand = tuple[str, ...]
"""The command that builds the isolation: equal commands, equal isolation."""


class ZygoteError(Exception):
    """There is no zygote here; the message says why."""


class Zygote:
    """A process inside that has imported, and forks one run after another.

    Parameters
    ----------
    command, environment
        Start it in the sandbox.
    settings
        What a run is told (see :meth:`run`), for a rehearsal: it isolates and runs nothing.

    Attributes
    ----------
    process
        The outermost of its processes on the host.
    image
        Bytes that it holds while nothing runs: its runs share them.

    Raises
    ------
    ZygoteError
        If it does not start.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], settings: Mapping[str, Any]
    ) -> None:
        self._control, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.ExitStack() as undo:
            undo.callback(self._control.close)
            with inner:
                self.process = subprocess.Popen(
                    command,
                    stdin=inner.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                    cwd="/",
                    start_new_session=True,
                )
            undo.callback(self.end)
            word, _, rest = self._hear(_IMPORTING).partition(" ")
            if word != "ready":
                raise ZygoteError(rest or "bubblewrap does not start it with the rights it needs")
            if complaint := self._rehearse(settings):
                raise ZygoteError(complaint)
            self.image = sum(map(proportional, descendants(self.process.pid)))
            undo.pop_all()

    def _rehearse(self, settings: Mapping[str, Any]) -> str:
        """Return what keeps a run from being isolated, if anything does."""
        reader, writer = os.pipe()
        with os.fdopen(reader, encoding="utf-8", errors="replace") as complaints:
            with os.fdopen(writer, "wb"):
                begun = self.run({**settings, "module": ""}, (writer, writer, writer))
            if begun and self._hear(_ANSWER) == "over 0":
                return ""
            lines = complaints.read(4000).splitlines() if begun else []
        return lines[-1] if lines else "a rehearsal did not end"

    def run(self, settings: Mapping[str, Any], descriptors: Sequence[int]) -> bool:
        """Fork a run whose standard streams are these; return whether that happened."""
        with contextlib.suppress(OSError):
            socket.send_fds(self._control, [json.dumps(dict(settings)).encode()], descriptors)
            return self._hear(_ANSWER) == "begun"
        return False

    def over(self) -> bool:
        """Return whether the run and all of its processes are over, waiting for it a little."""
        return self._hear(_ANSWER).startswith("over")

    def alive(self) -> bool:
        """Return whether it can run once more."""
        return self.process.poll() is None

    def end(self) -> None:
        """End the process and what it runs."""
        self._control.close()
        self.process.kill()
        self.process.wait()

    def _hear(self, seconds: float) -> str:
        self._control.settimeout(seconds)
        with contextlib.suppress(OSError):
            return self._control.recv(4000).decode(errors="replace")
        return ""


_lock = threading.Lock()
_waiting: list[tuple[IsolationCommand, Zygote]] = []  # the most recently used last
_asked: Counter[IsolationCommand] = Counter()
_refused: set[IsolationCommand] = set()


def take(command: IsolationCommand, start: Callable[[], Zygote]) -> Zygote | None:
    """Return a zygote in this isolation, or None where a run starts on its own.

    It is the caller's until given to :func:`put`.
    """
    with _lock:
        for position, (own, zygote) in enumerate(_waiting):
            if own == command:
                del _waiting[position]
                return zygote
        _asked[command] += 1
        if command in _refused or _asked[command] <= PATIENCE:
            return None
    try:
        return start()
    except ZygoteError:
        _refused.add(command)
        return None


def put(command: IsolationCommand, zygote: Zygote) -> None:
    """Let a zygote wait for the next run."""
    with _lock:
        _waiting.append((command, zygote))
        surplus = [_waiting.pop(0)[1] for _ in _waiting[_KEPT:]]
    for each in surplus:
        each.end()


@atexit.register
def end_all() -> None:
    """End all that wait."""
    while _waiting:
        _waiting.pop()[1].end()


@contextlib.contextmanager
def zygote_for(
    limits: Limits,
    isolation: Isolation,
    hidden: Sequence[Path],
    without: Sequence[str],
    preloaded: Sequence[str],
) -> Iterator[Zygote | None]:
    """Give a zygote for one run, or None where the run starts on its own."""
    process = None
    if isolation == "bubblewrap" and seccomp.program():
        require_programs(isolation)
        command = zygote_command(limits, hidden, without, (*_IMPORTED, *preloaded))
        process = take(command, lambda: start_zygote(command, limits))
    try:
        yield process
    finally:
        if process is not None and process.alive():
            put(command, process)


def zygote_command(
    limits: Limits, hidden: Sequence[Path], without: Sequence[str], imports: Sequence[str]
) -> IsolationCommand:
    """Return the command for a zygote. It has rights that its runs give up."""
    rights = []
    for capability in ("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETPCAP"):
        rights += ["--cap-add", capability]
    program = [sys.executable, "-m", "autograde.inside.zygote", *imports]
    return tuple(bubblewrap(program, Limits(threads=limits.threads), hidden, without, rights))


def start_zygote(command: IsolationCommand, limits: Limits) -> Zygote:
    """Start a zygote in this isolation.

    Raises
    ------
    ZygoteError
        If it does not start.
    """
    return Zygote(as_somebody(command), environment_outside(), run_settings("", limits))


def run_settings(module: str, limits: Limits) -> dict[str, Any]:
    """Return what a run of a zygote is told beside its job."""
    return {
        "module": module,
        "disk": limits.disk,
        "limits": resource_limits(limits, "bubblewrap"),
        "rules": seccomp.program().hex(),
    }

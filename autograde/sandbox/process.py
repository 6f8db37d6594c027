"""Start an isolated process with limits on time, memory, disk, output and processes.

bubblewrap makes the isolation: every namespace is its own, the file system holds system folders,
this Python, xaikit and the data, all read-only, and one small temporary folder; there is no
network, and neither solutions, hidden checks, the gradebook nor another submission are anywhere
inside. bubblewrap bounds no resources, so resource limits of the process and a monitor outside
do that.

Started by an ordinary user, that is a single unprivileged ``bwrap``. Started by root, a first
``bwrap`` lays out the same folders, so that they can be reached by somebody else than root, and an
otherwise unused user starts the second, unprivileged one: root never enters the sandbox.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autograde.inside import wire
from autograde.inside.processes import WALL, descendants
from autograde.sandbox import seccomp
from autograde.sandbox.cgroup import ControlGroup, delegated
from autograde.sandbox.isolation import (
    Isolation,
    Limits,
    SandboxError,
    as_somebody,
    bubblewrap,
    environment_inside,
    environment_outside,
    limited,
)
from autograde.sandbox.remedies import cure, require_programs
from autograde.sandbox.usage import first
from autograde.sandbox.watch import TICK, Watch

_OVERDUE = 30.0  # seconds, counted while the reader is awake, in which a look has to end
_RECORD = wire.Caps(size=32 << 20, values=50_000, depth=12, text=16 << 20)


class Sandbox:
    """A program in the sandbox: its records as they arrive, until it ends or something ends it.

    Parameters
    ----------
    module
        What runs, such as ``autograde.inside.run_notebook``.
    job
        What the program reads from its standard input: what
        :func:`autograde.inside.wire.encode_arguments` takes.
    limits, isolation, hidden, without
        See :func:`autograde.sandbox.run.run_notebook` and
        :func:`autograde.sandbox.run.call_functions`.

    Attributes
    ----------
    deadline
        The moment of ``time.monotonic()`` that ends the sandbox. The reader of the records moves
        it on; at first it is as far away as all of ``limits.seconds`` may take on the wall.
    stopped
        Why the records ended: ``timeout``, ``memory``, ``disk``, ``busy``, ``unwatched``,
        ``output flood``, ``malformed output`` or ``died``.
    complaint
        The beginning of what was written to standard error.

    Use it as a context manager: leaving it ends every process inside.
    """

    def __init__(
        self,
        module: str,
        job: Any,
        limits: Limits,
        isolation: Isolation = "bubblewrap",
        hidden: Sequence[Path] = (),
        without: Sequence[str] = (),
    ) -> None:
        self.module = module
        self.job = job
        self.limits = limits
        self.isolation = isolation
        self.hidden = hidden
        self.without = without
        self.deadline = time.monotonic() + WALL * limits.seconds
        self.stopped = ""
        self.complaint = ""
        self._child: int | None = None  # a pidfd of the first process inside
        self._watch: Watch | None = None
        self._group: ControlGroup | None = None

    def __enter__(self) -> Self:
        require_programs(self.isolation)
        with contextlib.ExitStack() as own, contextlib.ExitStack() as passed_on:
            job = _sealed(wire.encode_arguments((self.job,)), passed_on)
            self._output, output = _pipe(own, passed_on)
            self._errors, errors = _pipe(own, passed_on)
            self._process = self._start(job, output, errors, own)
            self._held = own.pop_all()
        return self

    def _start(
        self, job: int, output: int, errors: int, own: contextlib.ExitStack
    ) -> subprocess.Popen[bytes]:
        """Start the program."""
        program = [sys.executable, "-m", self.module]
        program = limited(program, self.limits, self.isolation)
        with contextlib.ExitStack() as stack:
            pass_fds: list[int] = []
            folder, environment = "/", environment_outside()
            if self.isolation == "none":
                folder = own.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
                environment = environment_inside(folder, self.limits)
                command = program
            else:
                options: list[str] = []
                if rules := seccomp.program():
                    pass_fds.append(_sealed(rules, stack))
                    options = ["--seccomp", str(pass_fds[-1])]
                isolated = bubblewrap(program, self.limits, self.hidden, self.without, options)
                command = as_somebody(isolated)
                if room := delegated():
                    self._group = own.enter_context(ControlGroup(room, self.limits))
                    command = self._group.entered(command)
            return subprocess.Popen(
                command,
                stdin=job,
                stdout=output,
                stderr=errors,
                pass_fds=pass_fds,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The end of the first process inside is the end of all of them, and bwrap waits for it.
        with self._held:
            if self._watch is not None:
                self._watch.stop()
            if self._child is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._child, signal.SIGKILL)
            self._end_process()
            if self._watch is not None:
                self._watch.join()

    def _end_process(self) -> None:
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        if self._process.poll() is None and self.isolation == "none":
            for process in reversed(descendants(self._process.pid)):  # in groups of their own
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        if self._process.poll() is None or self.isolation == "none":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def used(self) -> float:
        """Return the processor time of all that has run inside, once there was a record."""
        return self._watch.used() if self._watch is not None else 0.0

    def allow(self, seconds: float) -> None:
        """Bound the processor time until the next record, and generously the clock on the wall."""
        self.deadline = time.monotonic() + WALL * seconds
        if self._watch is not None:
            self._watch.allow(seconds)

    def records(self) -> Iterator[wire.Plain]:
        """Yield each record that the program writes, decoded, until ``stopped`` says why no more.

        Raises
        ------
        SandboxError
            If the program ended before its first record: then no student code has run.
        """
        reader = wire.RecordReader(_RECORD.size)
        received = 0
        before, looks, waited = time.monotonic(), 0, 0.0
        output, errors = self._output, self._errors
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            selector.register(errors, selectors.EVENT_READ)
            while not self.stopped:
                now = time.monotonic()
                if now >= self.deadline:
                    self.stopped = "timeout"
                    break
                if self._watch is not None:
                    # A reader that was asleep itself, as after Ctrl-Z, has not waited.
                    waited += min(now - before, 2 * TICK)
                    if self._watch.looks > looks:
                        looks, waited = self._watch.looks, 0.0
                    if stopped := self._watch.found or ("unwatched" * (waited > _OVERDUE)):
                        self.stopped = stopped
                        break
                before = now
                ready = {key.fd for key, _ in selector.select(min(TICK, self.deadline - now))}
                if errors in ready:
                    piece = os.read(errors, 1 << 16)
                    received += len(piece)
                    self.complaint += piece.decode(errors="replace")[: 4000 - len(self.complaint)]
                    if not piece:
                        selector.unregister(errors)
                if output in ready:
                    piece = os.read(output, 1 << 18)
                    received += len(piece)
                    try:
                        for record in reader.feed(piece):
                            value = wire.decode(record, _RECORD)
                            self._watch = self._watch or self._begin()
                            yield value
                    except wire.WireError:
                        self.stopped = "malformed output"
                    if not piece:
                        self.stopped = self.stopped or self._end()
                if received > self.limits.output:
                    self.stopped = "output flood"
        if self._watch is None:
            self._process.kill()
            self.complaint += os.read(errors, 4000).decode(errors="replace")
            raise SandboxError(cure(self.complaint, self.stopped))

    def _end(self) -> str:
        """Say why the program has ended by itself."""
        return "memory" if self._group and self._group.out_of_memory() else "died"

    def _begin(self) -> Watch:
        """Find the first process inside, now that it is running and before student code does."""
        inner = max(descendants(self._process.pid), key=first)
        enclosed = None
        if self.isolation == "bubblewrap" and first(inner):
            with contextlib.suppress(ProcessLookupError):  # over already
                self._child = os.pidfd_open(inner)
                self._held.callback(os.close, self._child)
                enclosed = inner
        return Watch(self._process.pid, enclosed, self.limits)


def _pipe(own: contextlib.ExitStack, passed_on: contextlib.ExitStack) -> tuple[int, int]:
    """Return a pipe's reading end, which is ours, and its writing end, which is passed on."""
    reader, writer = os.pipe()
    own.callback(os.close, reader)
    passed_on.callback(os.close, writer)
    return reader, writer


def _sealed(data: bytes, stack: contextlib.ExitStack) -> int:
    """Return a descriptor of a file in memory that nobody can write to any more."""
    descriptor = os.memfd_create("job", os.MFD_ALLOW_SEALING)
    stack.callback(os.close, descriptor)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor

"""Start a process that sees nothing worth stealing and cannot take more than it is given.

The walls are bubblewrap's: every namespace is its own, the file system holds system folders, this
Python, xaikit and the data, all read-only, and one small temporary folder; there is no network, and
neither solutions, hidden checks, the gradebook nor another submission are anywhere inside.
bubblewrap bounds no resources, so resource limits of the process and a watch kept from outside
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
import shutil
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
from autograde.sandbox import seccomp, warm
from autograde.sandbox.usage import (
    descendants,
    first,
    goes_first,
    in_sockets,
    proportional,
    resident,
    running,
)
from autograde.sandbox.walls import (
    Isolation,
    Limits,
    SandboxError,
    as_somebody,
    bubblewrap,
    environment_inside,
    environment_outside,
    limited,
    resource_limits,
)
from autograde.sandbox.warm import Warmed

_IMPORTED = (  # what every run imports; beside it what the course names
    "autograde.inside.run_notebook",
    "autograde.inside.call_functions",
    "IPython.core.interactiveshell",
    "ipykernel.ipkernel",
)
_TICK = 0.2
_LONG = 3.0  # seconds over which what is busy is averaged
_RECORD = wire.Caps(size=32 << 20, values=50_000, depth=12, text=16 << 20)


# --- what is visible -----------------------------------------------------------------------------


# --- the command ---------------------------------------------------------------------------------


@contextlib.contextmanager
def warmed(
    limits: Limits,
    isolation: Isolation,
    hidden: Sequence[Path],
    without: Sequence[str],
    preloaded: Sequence[str],
) -> Iterator[Warmed | None]:
    """Lend a process that has imported what notebooks import, or None where a run starts alone."""
    process = None
    if isolation == "bubblewrap" and seccomp.program():
        _require_programs(isolation)
        walls = _warming(limits, hidden, without, (*_IMPORTED, *preloaded))
        process = warm.take(walls, lambda: _warm(walls, limits))
    try:
        yield process
    finally:
        if process is not None and process.alive():
            warm.put(walls, process)


def _warming(
    limits: Limits, hidden: Sequence[Path], without: Sequence[str], imports: Sequence[str]
) -> warm.Walls:
    """Return the command for a warmed process. It has rights that its runs give up."""
    rights = []
    for capability in ("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETPCAP"):
        rights += ["--cap-add", capability]
    program = [sys.executable, "-m", "autograde.inside.warmed", *imports]
    return tuple(bubblewrap(program, Limits(threads=limits.threads), hidden, without, rights))


def _warm(walls: warm.Walls, limits: Limits) -> Warmed:
    return Warmed(as_somebody(walls), environment_outside(), _settings("", limits))


def _settings(module: str, limits: Limits) -> dict[str, Any]:
    """Return what a run of a warmed process is told beside its job."""
    return {
        "module": module,
        "disk": limits.disk,
        "limits": resource_limits(limits, "bubblewrap"),
        "rules": seccomp.program().hex(),
    }


# --- a running sandbox ---------------------------------------------------------------------------


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

    warmed
        A process behind the same walls to fork the program from. If it does not answer, the program
        starts on its own.

    Attributes
    ----------
    deadline
        The moment of ``time.monotonic()`` that ends the sandbox. Whoever reads the records moves
        it on; at first it is ``limits.seconds`` away.
    stopped
        Why the records ended: ``timeout``, ``memory``, ``disk``, ``busy``, ``output flood``,
        ``malformed output`` or ``died``.
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
        warmed: Warmed | None = None,
    ) -> None:
        self.module = module
        self.job = job
        self.limits = limits
        self.isolation = isolation
        self.hidden = hidden
        self.without = without
        self.warmed = warmed
        self.deadline = time.monotonic() + limits.seconds
        self.stopped = ""
        self.complaint = ""
        self._child: int | None = None  # a pidfd of the first process inside
        self._root: Path | None = None
        self._started = False
        self._busy = 0.0  # a running mean

    def __enter__(self) -> Self:
        _require_programs(self.isolation)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        with contextlib.ExitStack() as stack:
            job = _sealed(wire.encode_arguments((self.job,)), stack)
            self._output, output = os.pipe()
            self._errors, errors = os.pipe()
            stack.callback(os.close, output)
            stack.callback(os.close, errors)
            streams = (job, output, errors)
            settings = _settings(self.module, self.limits)
            if self.warmed is not None and self.warmed.run(settings, streams):
                self._process = self.warmed.process
                self._most = self.limits.memory + self.warmed.image  # which is not the run's
            else:
                self._end_warmed()
                self._process = self._start(*streams)
                self._most = self.limits.memory
        return self

    def _start(self, job: int, output: int, errors: int) -> subprocess.Popen[bytes]:
        """Start the program on its own."""
        program = [sys.executable, "-m", self.module]
        program = limited(program, self.limits, self.isolation)
        with contextlib.ExitStack() as stack:
            pass_fds: list[int] = []
            folder, environment = "/", environment_outside()
            if self.isolation == "none":
                self._temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
                folder = self._temporary.name
                environment = environment_inside(folder, self.limits)
                command = program
            else:
                options: list[str] = []
                if rules := seccomp.program():
                    pass_fds.append(_sealed(rules, stack))
                    options = ["--seccomp", str(pass_fds[-1])]
                walls = bubblewrap(program, self.limits, self.hidden, self.without, options)
                command = as_somebody(walls)
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
        # The end of the first process inside is the end of all of them, and its parent, bwrap or
        # the warmed process, waits for it.
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._child, signal.SIGKILL)
        if self.warmed is not None:
            if self._child is None or not self.warmed.over():
                self._end_warmed()
        else:
            self._end_process()
        if self._child is not None:
            os.close(self._child)
        os.close(self._output)
        os.close(self._errors)
        if self._temporary is not None:
            self._temporary.cleanup()

    def _end_warmed(self) -> None:
        if self.warmed is not None:
            self.warmed.end()
            self.warmed = None

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

    def records(self) -> Iterator[wire.Plain]:
        """Yield each record that the program writes, decoded, until ``stopped`` says why no more.

        Raises
        ------
        SandboxError
            If the program ended before its first record: then no student code has run.
        """
        reader = wire.RecordReader(_RECORD.size)
        received = 0
        watched = 0.0
        output, errors = self._output, self._errors
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            selector.register(errors, selectors.EVENT_READ)
            while not self.stopped:
                now = time.monotonic()
                if now >= self.deadline:
                    self.stopped = "timeout"
                    break
                if now >= watched + _TICK and self._started:
                    self.stopped = self._exceeded()
                    watched = now
                ready = {key.fd for key, _ in selector.select(min(_TICK, self.deadline - now))}
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
                            self._started = self._started or self._begin()
                            yield value
                    except wire.WireError:
                        self.stopped = "malformed output"
                    if not piece:
                        self.stopped = self.stopped or "died"
                if received > self.limits.output:
                    self.stopped = "output flood"
        if not self._started:
            self._process.kill()
            self.complaint += os.read(errors, 4000).decode(errors="replace")
            raise SandboxError(_cure(self.complaint, self.stopped))

    def _begin(self) -> bool:
        """Find the first process inside, now that it is running and before student code does."""
        inner = max(descendants(self._process.pid), key=first)
        if self.isolation == "bubblewrap" and first(inner):
            with contextlib.suppress(ProcessLookupError):  # over already
                self._child = os.pidfd_open(inner)
                self._root = Path(f"/proc/{inner}/root")
        return True

    def _exceeded(self) -> str:
        """Return which limit the processes inside are over, if any."""
        processes = descendants(self._process.pid)
        for process in processes:
            goes_first(process)
        files = memory = 0
        if self._root is not None:
            for folder in ("tmp", "dev/shm"):
                with contextlib.suppress(OSError):
                    usage = os.statvfs(self._root / folder)
                    files += usage.f_files - usage.f_ffree
                    memory += (usage.f_blocks - usage.f_bfree) * usage.f_frsize
            memory += in_sockets(self._root.parent)
        if files > self.limits.files:
            return "disk"
        self._busy += (sum(map(running, processes)) - self._busy) * _TICK / _LONG
        if self._busy > self.limits.busy:
            return "busy"
        if memory + sum(map(resident, processes)) > self._most and (
            # What processes share counts once, but that takes the kernel longer to find out.
            memory + sum(map(proportional, processes)) > self._most
        ):
            return "memory"
        return ""


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


# --- does it hold? -------------------------------------------------------------------------------


def _require_programs(isolation: Isolation) -> None:
    if not sys.platform.startswith("linux"):
        raise SandboxError(
            "Grading runs student code with Linux's own means: grade on Linux, or in a Linux "
            "container or virtual machine."
        )
    needed = {"prlimit": "util-linux"}
    if isolation == "bubblewrap":
        needed |= {"bwrap": "bubblewrap", "choom": "util-linux"}
        if os.geteuid() == 0:
            needed["setpriv"] = "util-linux"
    for program, package in needed.items():
        if shutil.which(program) is None:
            raise SandboxError(
                f"The sandbox needs the program {program}: install the package {package} "
                f"(apt install {package}, dnf install {package}), or choose --isolation none, "
                "which runs student code unprotected."
            )


def _cure(complaint: str, stopped: str) -> str:
    """Turn what bwrap or Python wrote before it gave up into one sentence."""
    last = complaint.strip().splitlines()[-1] if complaint.strip() else f"no word ({stopped})"
    if "bwrap: Unknown option" in complaint:
        return f"The sandbox needs bubblewrap 0.7 or newer: install that ({last})."
    if "bwrap:" in complaint:
        if "proc" in complaint and "mount" in complaint.lower():
            return (
                "This container hides parts of /proc, which the sandbox needs: start it with "
                "--security-opt systempaths=unconfined, or choose --isolation none, which runs "
                f"student code unprotected ({last})."
            )
        if "Can't find source path" in complaint or (
            "Permission denied" in last and "uid" not in last
        ):
            return (
                "The sandbox runs as another user than root and cannot read a folder that it "
                "needs: make it readable for everybody (chmod -R a+rX), or grade as an ordinary "
                f"user ({last})."
            )
        return (
            "This system does not let ordinary programs make user namespaces, which the sandbox "
            "needs: allow them (sysctl -w user.max_user_namespaces=15000 "
            "kernel.apparmor_restrict_unprivileged_userns=0; in Docker --security-opt "
            "seccomp=unconfined), or choose --isolation none, which runs student code "
            f"unprotected ({last})."
        )
    if "autograde" in complaint and "ModuleNotFoundError" in complaint:
        return "The package is not installed in this Python: run pip install -e . first."
    return f"The sandbox did not start: {last}"

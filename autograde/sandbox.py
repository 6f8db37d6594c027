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
import importlib.util
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from autograde import seccomp, warm, wire
from autograde.usage import (
    descendants,
    first,
    goes_first,
    in_sockets,
    proportional,
    resident,
    running,
)
from autograde.warm import CannotWarmError, Warmed

Isolation = Literal["bubblewrap", "none"]

_HOME = "/tmp/home"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_CONFIGURATION = ("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime")
_IMPORTED = (  # what takes long and most notebooks want; alibi takes longer and few do
    "autograde.inside.run_notebook",
    "autograde.inside.call_functions",
    "IPython.core.interactiveshell",
    "ipykernel.ipkernel",
    "matplotlib.pyplot",
    "torch",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "skimage.segmentation",
    "pandas",
    "tqdm.auto",
    "ipywidgets",
    "captum.attr",
    "shap",
    "lime.lime_image",
    "xaikit.metrics",
    "xaikit.widgets",
)
_NUMERICAL = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA", "VECLIB_MAXIMUM")
_ANYBODY = "{anybody}"
_TICK = 0.2
_LONG = 3.0  # seconds over which what is busy is averaged
_RECORD = wire.Caps(size=32 << 20, values=50_000, depth=12, text=16 << 20)


class SandboxError(Exception):
    """The sandbox cannot be started here; the message is one sentence that gives the cure."""


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use.

    Attributes
    ----------
    seconds
        Wall time, all cells and calls together.
    memory
        Bytes resident, summed over all its processes and its temporary files.
    disk
        Bytes of temporary files.
    files
        Number of temporary files.
    processes
        Processes and threads.
    busy
        Processes and threads that want a processor at the same time, for long: a class shares the
        machine, and the scheduler deals it out by heads.
    output
        Bytes it may send to the host.
    threads
        Threads that numerical libraries start (OMP_NUM_THREADS and its like).
    """

    seconds: float = 1800.0
    memory: int = 4 << 30
    disk: int = 512 << 20
    files: int = 50_000
    processes: int = 256
    busy: int = 8
    output: int = 64 << 20
    threads: int = 1


# --- what is visible -----------------------------------------------------------------------------


def _package(name: str) -> Path | None:
    """Return the folder (or the file) of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


def _view(hidden: Sequence[Path], without: Sequence[str]) -> list[str]:
    """Return the arguments of bwrap that lay out the folders, the same for both of its stages."""
    mounts: dict[Path, list[str]] = {}
    sealed: list[Path] = []

    def reach(path: Path) -> Path:
        """Return where a path really is. Links on the way become links inside, so that nothing
        can be seen under a second name.
        """  # noqa: D205
        path = Path(os.path.abspath(path))  # noqa: PTH100  # without following links, not yet
        for part in (*reversed(path.parents), path):
            if part.is_symlink():
                mounts.setdefault(part, ["--symlink", str(part.readlink()), str(part)])
                return reach(part.parent / part.readlink() / path.relative_to(part))
        return path

    def show(path: Path) -> None:
        place = reach(path)
        mounts[place] = ["--ro-bind", str(place), str(place)]

    def cover(place: Path) -> None:
        if place.is_dir():
            mounts[place] = ["--tmpfs", str(place)]
            sealed.append(place)
        elif place.exists():
            mounts[place] = ["--ro-bind", "/dev/null", str(place)]

    for path in (*map(Path, _SYSTEM), *(Path("/etc", name) for name in _CONFIGURATION)):
        if path.exists():
            show(path)
    for prefix in (sys.base_prefix, sys.prefix):
        show(Path(prefix))
        for other in ("pkgs", "envs"):  # conda's cache and its other environments
            if (place := reach(Path(prefix, other))) not in mounts:
                cover(place)
    if data := os.environ.get("XAIKIT_DATA"):
        if not Path(data).is_dir():
            raise SandboxError(
                f"XAIKIT_DATA names {data}, which is no folder: correct or unset it."
            )
        show(Path(data))
    for place in map(Path.resolve, hidden):
        if place in mounts:
            raise SandboxError(
                f"{place} holds what students must not see, and Python or the data, which they "
                "must: put Python into a folder of its own, such as .venv, and the data into "
                "another."
            )
        if any(mount in place.parents for mount in mounts):
            cover(place)
    if (package := _package("xaikit")) is not None:
        show(package)
    # Of this package only what runs inside.
    own = reach(Path(__file__).parent)
    cover(own)
    for name in ("__init__.py", "wire.py", "inside"):
        show(own / name)
    for name in without:
        if (package := _package(name)) is not None:
            place = reach(package)
            if place.is_dir():
                cover(place)
                place /= "__init__.py"
            mounts[place] = ["--ro-bind", str(own / "inside" / "by_hand.py"), str(place)]

    # Outer folders first, or they would cover inner ones. bwrap makes the folders above a mount
    # private to its own user, so they are made before, for everybody to pass through.
    arguments: list[str] = []
    made: set[Path] = set()
    for path in sorted(mounts, key=lambda path: len(path.parts)):
        above = list(path.parents)  # from the nearest to the root
        around = next((mount for mount in above if mount in mounts), Path("/"))
        within = around != Path("/") and mounts[around][0] != "--tmpfs"
        if within and mounts[path][0] == "--symlink":
            continue  # it is there already
        if not within:
            for parent in reversed(above[: above.index(around)]):
                if parent not in made:
                    arguments += ["--perms", "0755", "--dir", str(parent)]
                    made.add(parent)
        if mounts[path][0] == "--tmpfs":
            arguments += ["--perms", "0755"]
        arguments += mounts[path]
    for path in sealed:
        arguments += ["--remount-ro", str(path)]
    return arguments


def _environment(home: str, limits: Limits) -> dict[str, str]:
    """Return the environment inside: a fixed list, nothing of the grader's own."""
    environment = {
        "PATH": f"{Path(sys.prefix, 'bin')}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": "/tmp" if home == _HOME else home,
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    for library in _NUMERICAL:
        environment[f"{library}_NUM_THREADS"] = str(limits.threads)
    if data := os.environ.get("XAIKIT_DATA"):
        environment["XAIKIT_DATA"] = str(Path(data).absolute())
    return environment


# --- the command ---------------------------------------------------------------------------------


def _resource_limits(limits: Limits, isolation: Isolation) -> dict[str, int]:
    """Return what the kernel itself bounds, for each process on its own."""
    bounds = {
        "core": 0,
        "cpu": int(limits.seconds * (limits.threads + 1)) + 60,
        "fsize": limits.disk,
        # An ordinary flood ends in a MemoryError, which costs a cell and not the sandbox. Address
        # space as a whole cannot be bounded: torch maps gigabytes of it.
        "data": limits.memory,
        "nofile": 1024,
    }
    if isolation == "bubblewrap":  # outside, it would count the user's other processes too
        bounds["nproc"] = limits.processes
    return bounds


def _limited(program: Sequence[str], limits: Limits, isolation: Isolation) -> list[str]:
    bounds = [f"--{name}={most}" for name, most in _resource_limits(limits, isolation).items()]
    return ["prlimit", *bounds, "--", *program]


def _bubblewrap(
    program: Sequence[str],
    limits: Limits,
    hidden: Sequence[Path],
    without: Sequence[str],
    options: Sequence[str],
) -> list[str]:
    """Return the command that builds the walls, for :data:`_ANYBODY` where root gives it."""
    view = _view(hidden, without)
    walls = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]
    if "--disable-userns" in _bwrap_help():
        walls.append("--disable-userns")
    walls += ["--hostname", "sandbox", "--new-session", "--die-with-parent", *options]
    walls += ["--proc", "/proc", "--dev", "/dev"]
    for folder, share in (("/dev/shm", 2), ("/tmp", 1)):
        walls += ["--size", str(limits.disk // share), "--perms", "1777", "--tmpfs", folder]
    walls += ["--dir", _HOME, "--chdir", _HOME, *view]
    # What bwrap itself makes is a temporary file system without a size.
    walls += ["--remount-ro", "/dev", "--remount-ro", "/", "--clearenv"]
    for name, value in _environment(_HOME, limits).items():
        walls += ["--setenv", name, value]
    command = [*walls, "--", *program]
    if os.geteuid() == 0:
        # With PIDs of its own, because the death of this stage must be the death of what another
        # user runs under it, whom it may not kill.
        stage = ["bwrap", "--unshare-pid", "--die-with-parent", "--dev-bind", "/dev", "/dev"]
        stage += ["--dev-bind", "/proc", "/proc", "--perms", "0755", "--dir", "/tmp", *view]
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
            stage += ["--cap-add", capability]
        drop = ["setpriv", "--reuid", _ANYBODY, "--regid", _ANYBODY, "--clear-groups"]
        drop += ["--inh-caps=-all", "--bounding-set=-all"]
        command = [*stage, "--", *drop, "--", *command]
    # If the machine runs out of memory after all, the sandbox goes first.
    return ["choom", "-n", "1000", "--", *command]


def _as_somebody(command: Sequence[str]) -> list[str]:
    """Name a user whom nothing else belongs to."""
    user = str((1 << 30) + secrets.randbelow(1 << 29))
    return [user if word == _ANYBODY else word for word in command]


def _bwrap_help() -> str:
    return subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False).stdout


@contextlib.contextmanager
def warmed(
    limits: Limits, isolation: Isolation, hidden: Sequence[Path], without: Sequence[str]
) -> Iterator[Warmed | None]:
    """Lend a process that has imported what notebooks import, or None where a run starts alone."""
    process = None
    if isolation == "bubblewrap" and seccomp.program():
        _require_programs(isolation)
        walls = _warming(limits, hidden, without, _IMPORTED)
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
    return tuple(_bubblewrap(program, Limits(threads=limits.threads), hidden, without, rights))


def _warm(walls: warm.Walls, limits: Limits) -> Warmed:
    return Warmed(_as_somebody(walls), _outside(), _settings("", limits))


def _settings(module: str, limits: Limits) -> dict[str, Any]:
    """Return what a run of a warmed process is told beside its job."""
    return {
        "module": module,
        "disk": limits.disk,
        "limits": _resource_limits(limits, "bubblewrap"),
        "rules": seccomp.program().hex(),
    }


def _outside() -> dict[str, str]:
    """Return the environment of bwrap itself."""
    return {"PATH": os.environ.get("PATH", os.defpath)}


# --- a running sandbox ---------------------------------------------------------------------------


class Sandbox:
    """A program in the sandbox: its records as they arrive, until it ends or something ends it.

    Parameters
    ----------
    module
        What runs, such as ``autograde.inside.run_notebook``.
    job
        What the program reads from its standard input: what :func:`autograde.wire.encode_arguments`
        takes.
    limits, isolation, hidden, without
        See :func:`autograde.run.run_notebook` and :func:`autograde.run.call_functions`.

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
        program = _limited(program, self.limits, self.isolation)
        with contextlib.ExitStack() as stack:
            pass_fds: list[int] = []
            folder, environment = "/", _outside()
            if self.isolation == "none":
                self._temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
                folder = self._temporary.name
                environment = _environment(folder, self.limits)
                command = program
            else:
                options: list[str] = []
                if rules := seccomp.program():
                    pass_fds.append(_sealed(rules, stack))
                    options = ["--seccomp", str(pass_fds[-1])]
                walls = _bubblewrap(program, self.limits, self.hidden, self.without, options)
                command = _as_somebody(walls)
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


def prove(hidden: Sequence[Path] = ()) -> str:
    """Run a probe in the sandbox and raise unless the isolation really holds.

    Parameters
    ----------
    hidden
        Folders that must not be seen: the course with its solutions, submissions, the gradebook.

    Returns
    -------
    str
        Empty, or a sentence that says why no run can be forked from a warmed process here: the
        walls are the same, and every run takes longer.

    Raises
    ------
    SandboxError
        With one sentence that says what does not hold and what to do.
    """
    _probe(hidden, None)
    try:
        if not seccomp.program():
            raise CannotWarmError("for this processor there is no list of refused system calls")
        warmed = _warm(_warming(Limits(), hidden, (), ()), Limits())
    except CannotWarmError as reason:
        return f"Each run starts a Python of its own, which takes seconds longer: {reason}."
    _probe(hidden, warmed)
    warmed.end()
    return ""


def _probe(hidden: Sequence[Path], warmed: Warmed | None) -> None:
    """Try the walls from inside."""
    own = Path(__file__).resolve().parent
    forbidden = [*hidden, own / "tasks.py", own.parent / "solutions", Path.home() / ".ssh"]
    limits = Limits(seconds=60)
    with tempfile.NamedTemporaryFile() as secret, socket.create_server(("127.0.0.1", 0)) as server:
        job = {
            "forbidden": [str(path) for path in (*forbidden, Path(secret.name)) if path.exists()],
            "port": server.getsockname()[1],
            "packages": ["numpy", "torch", "ipykernel", "jupyter_client", "xaikit"],
            "disk": limits.disk,
        }
        module = "autograde.inside.probe"
        with Sandbox(module, job, limits, hidden=hidden, warmed=warmed) as sandbox:
            report = next(sandbox.records())  # trusted: no student code is inside
    if report["findings"]:
        raise SandboxError(f"The sandbox does not hold here: {report['findings'][0]}")

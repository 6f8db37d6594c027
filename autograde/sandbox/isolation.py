"""The isolation: what is visible inside, the environment, and the command that builds them."""

from __future__ import annotations

import importlib.util
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from autograde.errors import AutogradeError

Isolation = Literal["bubblewrap", "none"]


_HOME = "/tmp/home"


_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")


_CONFIGURATION = ("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime")


_NUMERICAL = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA", "VECLIB_MAXIMUM")


_ANYBODY = "{anybody}"


class SandboxError(AutogradeError):
    """The sandbox cannot be started here; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use.

    Attributes
    ----------
    seconds
        Processor time of all its processes, all cells and calls together.
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
    busy: int = 24
    output: int = 64 << 20
    threads: int = 1


@cache  # by hand some two hundred are looked up before every run
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
    own = reach(Path(__file__).parents[1])
    cover(own)
    for name in ("__init__.py", "inside"):
        show(own / name)
    # Names of the sandbox's own, so that no program asks a network that is not there.
    for file in (own / "inside" / "etc").iterdir():
        mounts[Path("/etc", file.name)] = ["--ro-bind", str(file), f"/etc/{file.name}"]
    for name in without:
        if (package := _package(name)) is not None:
            place = reach(package)
            instead = own / "inside" / "out_of_reach"
            instead = instead if place.is_dir() else instead / "__init__.py"
            mounts[place] = ["--ro-bind", str(instead), str(place)]

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


def environment_inside(home: str, limits: Limits) -> dict[str, str]:
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
        # Without a network: fail at once, ask nobody.
        "PIP_RETRIES": "0",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "HF_HUB_OFFLINE": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    for library in _NUMERICAL:
        environment[f"{library}_NUM_THREADS"] = str(limits.threads)
    if data := os.environ.get("XAIKIT_DATA"):
        environment["XAIKIT_DATA"] = str(Path(data).absolute())
    return environment


def limited(program: Sequence[str], limits: Limits, isolation: Isolation) -> list[str]:
    """Return the command that runs a program under what the kernel bounds for each process."""
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
    return ["prlimit", *(f"--{name}={most}" for name, most in bounds.items()), "--", *program]


def bubblewrap(
    program: Sequence[str],
    limits: Limits,
    hidden: Sequence[Path],
    without: Sequence[str],
    options: Sequence[str],
) -> list[str]:
    """Return the command that builds the arguments, for :data:`_ANYBODY` where root gives it."""
    view = _view(hidden, without)
    arguments = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]
    if "--disable-userns" in _bwrap_help():
        arguments.append("--disable-userns")
    arguments += ["--hostname", "sandbox", "--new-session", "--die-with-parent", *options]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    for folder, share in (("/dev/shm", 2), ("/tmp", 1)):
        arguments += ["--size", str(limits.disk // share), "--perms", "1777", "--tmpfs", folder]
    # Shared memory made of it is in no folder's size, and may be in no process's either.
    arguments += ["--ro-bind", "/dev/null", "/dev/zero"]
    arguments += ["--dir", _HOME, "--chdir", _HOME, *view]
    # What bwrap itself makes is a temporary file system without a size.
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--clearenv"]
    for name, value in environment_inside(_HOME, limits).items():
        arguments += ["--setenv", name, value]
    command = [*arguments, "--", *program]
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


def as_somebody(command: Sequence[str]) -> list[str]:
    """Name a user whom nothing else belongs to."""
    user = str((1 << 30) + secrets.randbelow(1 << 29))
    return [user if word == _ANYBODY else word for word in command]


def _bwrap_help() -> str:
    return subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False).stdout


def environment_outside() -> dict[str, str]:
    """Return the environment of bwrap itself."""
    return {"PATH": os.environ.get("PATH", os.defpath)}

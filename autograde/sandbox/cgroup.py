"""A control group (cgroup v2) for each sandbox, where the machine delegates one to the grader.

There the kernel bounds the memory and the processes of a whole sandbox at every moment. Elsewhere
the watch (:mod:`autograde.sandbox.watch`) and the limits of single processes do so alone. The
watch goes on beside the group: it counts files and sockets, too, and says which limit it was.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Self

from autograde.sandbox.isolation import Limits

_GRADER = "grader"
_CONTROLLERS = {"memory", "pids"}
_LAUNCHERS = 8  # processes that bubblewrap and the launcher add to those inside
_ANSWERED = 10.0  # seconds that systemd may take to answer
_ENDED = 5.0  # seconds that the kernel may take to clear a group whose processes are killed


class ControlGroup:
    """The group of one sandbox, made below ``room``.

    Use it as a context manager: leaving it ends every process in it and removes it.

    Parameters
    ----------
    room
        What :func:`delegated` returns.
    limits
        ``memory`` and ``processes`` bound the group, as far as the room has these controllers.
    """

    def __init__(self, room: Path, limits: Limits) -> None:
        self._group = room / f"sandbox-{secrets.token_hex(8)}"
        self._limits = limits

    def __enter__(self) -> Self:
        self._group.mkdir()
        bounds = {
            "memory.max": self._limits.memory,
            "memory.swap.max": 0,
            "memory.oom.group": 1,  # what is left of a sandbox is of no use
            "pids.max": self._limits.processes + _LAUNCHERS,
        }
        for name, most in bounds.items():
            if (self._group / name).exists():
                (self._group / name).write_text(str(most))
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(FileNotFoundError):  # kernels before 5.14
            (self._group / "cgroup.kill").write_text("1")
        end = time.monotonic() + _ENDED
        while time.monotonic() < end:
            try:
                self._group.rmdir()
                return
            except OSError:  # the kernel still clears it
                time.sleep(0.01)

    def entered(self, command: Sequence[str]) -> list[str]:
        """Return the command that enters the group and then becomes ``command``."""
        enter = 'echo 0 > "$0" && exec "$@"'
        return ["/bin/sh", "-c", enter, str(self._group / "cgroup.procs"), *command]

    def out_of_memory(self) -> bool:
        """Say whether the kernel ended processes because the group had no memory left."""
        with contextlib.suppress(OSError):
            lines = (self._group / "memory.events").read_text().splitlines()
            return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines)
        return False


@cache
def delegated(proc: Path = Path("/proc")) -> Path | None:
    """Return the group below which sandboxes get theirs; None where the machine delegates none.

    That is the group in which the grader runs, if systemd has delegated it
    (``systemd-run --user --scope -p Delegate=yes autograde grade …``) or it is the topmost one of
    a container or of a machine without systemd. The processes in it move into a child, because
    the kernel bounds no children of a group that holds processes itself.
    """
    own = _own_group(proc)
    if own is None:
        return None
    room, path = own
    if room.name == _GRADER:  # another process of the grader has been here
        room, path = room.parent, str(Path(path).parent)
    try:
        known = _CONTROLLERS & {*(room / "cgroup.controllers").read_text().split()}
        if not known or not (path == "/" or _left_alone(room, path)):
            return None
        if (room / "cgroup.type").exists():  # the topmost group of all may hold processes
            _move_all(room, room / _GRADER)
        wanted = " ".join(f"+{name}" for name in sorted(known))
        (room / "cgroup.subtree_control").write_text(wanted)
    except OSError:  # read-only, somebody else's, or a process came that cannot be moved
        return None
    return room


def _own_group(proc: Path) -> tuple[Path, str] | None:
    """Return the folder of the group in which this process is, and its path in the hierarchy."""
    with contextlib.suppress(OSError):
        lines = (proc / "self/cgroup").read_text().splitlines()
        path = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "")
        for line in (proc / "self/mountinfo").read_text().splitlines():
            mount, _, kind = line.partition(" - ")
            top, place = mount.split()[3:5]
            if kind.startswith("cgroup2 ") and path and Path(path).is_relative_to(top):
                return Path(place, Path(path).relative_to(top)), path
    return None


def _left_alone(room: Path, path: str) -> bool:
    """Say whether systemd has delegated a group and so leaves it alone."""
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(room, name) == b"1":
                return True
    # A user's own systemd may delegate without that mark (252 sets none), so it is asked.
    whose = ["--user"] if "/user@" in path else []
    ask = ["systemctl", *whose, "show", "--property=Delegate", "--value", "--", room.name]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=_ANSWERED, check=False)
        return answer.stdout.strip() == "yes"
    return False


def _move_all(room: Path, into: Path) -> None:
    into.mkdir(exist_ok=True)
    for _ in range(10):  # a process that was moved may just have started another one
        processes = (room / "cgroup.procs").read_text().split()
        if not processes:
            return
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                (into / "cgroup.procs").write_text(process)

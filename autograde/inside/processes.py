"""Processes and the processor time that they use, read from /proc on either side of the sandbox.

Time limits count processor time, because that does not depend on what else the machine does. The
clock on the wall bounds what only waits, and generously: a busy machine is no reason to stop
anybody.
"""

from __future__ import annotations

import contextlib
import os
import time

WALL = 6.0
"""Seconds on the wall that each second of processor time may take."""

_TICKS = os.sysconf("SC_CLK_TCK")


def descendants(root: int) -> list[int]:
    """Return the process and all below it: orphans stay below the sandbox's first process."""
    return _below(root, _stats("/proc"))


def processor_seconds(root: int | None = None, proc: str = "/proc") -> float:
    """Return the processor time of a process and all below it, ended ones included.

    Parameters
    ----------
    root
        The process, or None for all that this /proc shows.
    proc
        Where to read it: a sandbox has a /proc of its own.
    """
    stats = _stats(proc)
    # utime, stime, and the same of children that have ended and were waited for
    counted = stats if root is None else _below(root, stats)
    return sum(sum(map(int, stats.get(one, ())[11:15])) for one in counted) / _TICKS


class Allowance:
    """Processor time that this program and all it starts may use from now on.

    Parameters
    ----------
    seconds
        How much; on the wall :data:`WALL` times as much may pass.
    """

    def __init__(self, seconds: float) -> None:
        self._pid = os.getpid()
        self._most = processor_seconds(self._pid) + seconds
        self._end = time.monotonic() + WALL * seconds
        self._next = 0.0

    def left(self) -> float:
        """Return the seconds of processor time that are left, at least none."""
        return max(0.0, self._most - processor_seconds(self._pid))

    def used_up(self) -> bool:
        """Return whether it is used up; looks at most a few times a second."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 0.1
        return now >= self._end or processor_seconds(self._pid) >= self._most


def _stats(proc: str) -> dict[int, list[bytes]]:
    """Return the fields of /proc/PID/stat from the state on, for every process."""
    found = {}
    with contextlib.suppress(OSError), os.scandir(proc) as entries:
        for entry in entries:
            if entry.name.isdigit():
                with contextlib.suppress(OSError), open(f"{entry.path}/stat", "rb", 0) as file:  # noqa: PTH123
                    if fields := file.read(1024).rpartition(b")")[2].split():
                        found[int(entry.name)] = fields
    return found


def _below(root: int, stats: dict[int, list[bytes]]) -> list[int]:
    children: dict[int, list[int]] = {}
    for number, fields in stats.items():
        children.setdefault(int(fields[1]), []).append(number)
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found

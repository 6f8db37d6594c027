"""Look every moment whether the processes inside are over a limit, in a thread of its own.

So a look that takes long delays no deadline, and the reader of the records counts one that does
not end as a breach.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from pathlib import Path

from autograde.inside.processes import descendants, processor_seconds
from autograde.sandbox.isolation import Limits
from autograde.sandbox.usage import goes_first, in_sockets, proportional, resident, running

TICK = 0.2
_LONG = 3.0  # seconds over which what is busy is averaged


class Watch:
    """The watch over one sandbox.

    Parameters
    ----------
    process
        The outermost of its processes on the host.
    first
        The first process inside, if it has process numbers of its own.
    limits
        What it may use.

    Attributes
    ----------
    found
        Which limit is exceeded: ``memory``, ``disk``, ``busy``, ``timeout``; empty if none.
    looks
        How many looks have ended.
    """

    def __init__(self, process: int, first: int | None, limits: Limits) -> None:
        self.found = ""
        self.looks = 0
        self._process = process
        self._root = None if first is None else Path(f"/proc/{first}/root")
        self._limits = limits
        self._used = 0.0
        self._most = math.inf
        self._busy = 0.0  # a running mean
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin no further look."""
        self._ended.set()

    def join(self) -> None:
        """Wait for the last look: what is looked at is over by now, so it ends."""
        self._thread.join()

    def used(self) -> float:
        """Return the processor time of all processes of the sandbox, those that ended included."""
        if self._root is None:
            used = processor_seconds(self._process)
        else:  # its own, which shows its own processes only
            used = processor_seconds(proc=f"{self._root}/proc")
        self._used = max(self._used, used)  # also when all is over
        return self._used

    def allow(self, seconds: float) -> None:
        """Bound the processor time from now on."""
        self._most = self.used() + seconds

    def _go_on(self) -> None:
        while not self._ended.wait(TICK) and not self.found:
            self.found = self._look()
            self.looks += 1

    def _look(self) -> str:
        if self.used() > self._most:
            return "timeout"
        processes = descendants(self._process)
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
        if files > self._limits.files:
            return "disk"
        self._busy += (sum(map(running, processes)) - self._busy) * TICK / _LONG
        if self._busy > self._limits.busy:
            return "busy"
        if memory + sum(map(resident, processes)) > self._limits.memory and (
            # What processes share counts once, but that takes the kernel longer to find out.
            memory + sum(map(proportional, processes)) > self._limits.memory
        ):
            return "memory"
        return ""

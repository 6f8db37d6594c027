"""How many threads compute in a notebook that runs beside other programs.

torch, NumPy and scikit-learn start a thread for each core. These threads wait for each other after
every operation. Where other programs take the cores, that waiting is most of the time: on two busy
cores a cell took twelve times as long with two threads as with one. So a notebook's kernel looks
before each cell at how many cores the others leave free, and takes no more. It never goes up again,
so that results do not change to and fro in their last digits. Nothing happens where
``OMP_NUM_THREADS`` is set.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

_MINUTE = 60.0  # what the system's load is averaged over
_LEAST = 2.0  # seconds in which enough happens to be measured
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def install() -> None:
    """Let the kernel that this process is, if it is one, choose its threads before each cell."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    if not hasattr(shell, "kernel") or os.environ.get("OMP_NUM_THREADS"):
        return
    if any(isinstance(getattr(c, "__self__", None), Threads) for c in _callbacks(shell)):
        return
    threads = Threads()
    threads.choose()
    shell.events.register("pre_run_cell", threads.choose)


class Threads:
    """Keeps the threads that compute within the cores that other programs leave free."""

    def __init__(self) -> None:
        import torch  # here, because release reads the checks and needs no torch

        self._looks: deque[_Look] = deque([_Look.now()])
        self._free = cores()
        self._most = max(self._free, torch.get_num_threads())  # a quota may allow fewer
        self._applied = (0, 0)

    def choose(self, *_: Any) -> None:
        """Take fewer threads if other programs have taken cores since the last look."""
        now = _Look.now()
        others = self._others_of_late(now)
        while len(self._looks) > 1 and now.time - self._looks[1].time >= _MINUTE:
            self._looks.popleft()
        first = self._looks[0]
        own = (now.own - first.own) / max(now.time - first.time, _MINUTE)
        self._looks.append(now)
        self._free = min(self._free, free_cores(cores(), max(load() - own, others)))
        import torch

        # What was imported since may have brought threads of its own: NumPy, SciPy, scikit-learn.
        applied = (self._free, len(sys.modules))
        raised = torch.get_num_threads() > self._free  # by a library that counts the cores itself
        if raised or (self._free < self._most and applied != self._applied):
            self._applied = applied
            torch.set_num_threads(min(self._free, torch.get_num_threads()))
            threadpool_limits(self._free)

    def _others_of_late(self, now: _Look) -> float:
        """Return how many cores others took since the last cell: the load follows a minute late."""
        last = self._looks[-1]
        passed = now.time - last.time
        if passed < _LEAST:
            return 0.0
        return (now.busy - last.busy - (now.own - last.own)) / passed


@dataclass(frozen=True)
class _Look:
    """Seconds: of the clock, of this process, and of all programs on all cores."""

    time: float
    own: float
    busy: float

    @classmethod
    def now(cls) -> _Look:
        """Look at the clocks."""
        own = time.process_time()
        try:
            import psutil  # every kernel has it: ipykernel requires it

            spent = psutil.cpu_times()
            kinds = ("user", "nice", "system", "irq", "softirq", "steal")
            busy = sum(getattr(spent, kind, 0.0) for kind in kinds)
        except (ImportError, OSError):
            busy = own
        return cls(time.monotonic(), own, busy)


def free_cores(mine: int, others: float) -> int:
    """Return how many cores other programs leave to this process, at least one.

    Parameters
    ----------
    mine
        How many it may use.
    others
        How many the others want, of all there are.
    """
    left = max(os.cpu_count() or 1, mine) - max(0.0, others)
    return max(1, min(mine, int(left + 0.3)))  # a mere 0.3 is the system itself


def cores() -> int:
    """Return how many cores this process may use: by affinity, and by a container's quota."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = _QUOTA.read_text().split()
        if quota != "max":
            count = min(count, max(1, int(quota) // int(period)))
    return count


def load() -> float:
    """Return the average number of threads that want to run; 0 where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return 0.0


def _callbacks(shell: Any) -> list[Any]:
    return list(shell.events.callbacks["pre_run_cell"])

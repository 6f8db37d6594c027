"""How many threads torch computes with in a notebook that runs beside other programs.

torch starts a thread for each core. Its threads wait for each other after every operation. Where
other programs take the cores, that waiting is most of the time: on two busy cores a cell took
twelve times as long with two threads as with one. So a notebook's kernel looks before each cell at
how many cores the others leave free, and takes no more. It never goes up again, so that results do
not change to and fro in their last digits. Nothing happens where ``OMP_NUM_THREADS`` is set.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch

_MINUTE = 60.0  # what the system's load is averaged over
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
    """Keeps torch's threads within the cores that other programs leave free."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, float]] = deque([(time.monotonic(), time.process_time())])

    def choose(self, *_: Any) -> None:
        """Take fewer threads if other programs have taken cores since the last look."""
        now, computed = time.monotonic(), time.process_time()
        while len(self._looks) > 1 and now - self._looks[1][0] >= _MINUTE:
            self._looks.popleft()
        since, before = self._looks[0]
        self._looks.append((now, computed))
        own = (computed - before) / max(now - since, _MINUTE)
        free = free_cores(cores(), load(), own)
        if free < torch.get_num_threads():
            torch.set_num_threads(free)


def free_cores(cores: int, load: float, own: float) -> int:
    """Return how many cores others leave to this process, at least one.

    Parameters
    ----------
    cores
        How many it may use.
    load
        How many threads of all programs want to run, on average.
    own
        How many of them are its own.
    """
    others = max(0.0, load - own)
    return max(1, min(cores, int(cores - others + 0.3)))  # a mere 0.3 is the system itself


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

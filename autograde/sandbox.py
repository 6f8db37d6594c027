"""Start a process that sees nothing worth stealing and cannot take more than it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Isolation = Literal["bubblewrap", "none"]


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
    output: int = 64 << 20
    threads: int = 1

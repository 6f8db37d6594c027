"""What processes of the sandbox use, read from /proc on the host's side."""

from __future__ import annotations

import contextlib
from pathlib import Path

_OWN_SOCKETS = 100


def first(process: int) -> int:
    """Return how many PID namespaces deep a process is if it is the first in its own, else 0."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("NSpid:") and line.endswith("\t1"):
                return len(line.split())
    return 0


def goes_first(process: int) -> None:
    """Let a process end before others if memory runs out, also if it set another value itself."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{process}/oom_score_adj").write_text("1000")


def resident(process: int) -> int:
    """Return the bytes that a process holds, with what is swapped out and its page tables."""
    return 1024 * sum(_memory(process, "status", b"VmRSS", b"VmSwap", b"VmPTE"))


def proportional(process: int) -> int:
    """Return the bytes that a process holds, what it shares divided among those that share.

    Files that are only read do not count: they are the system's, which forgets them if need be.
    """
    tables = sum(_memory(process, "status", b"VmPTE"))
    shares = _memory(process, "smaps_rollup", b"Pss", b"SwapPss")
    files = _memory(process, "smaps_rollup", b"Pss_File")
    return 1024 * (sum(shares) - sum(files) + tables) if shares else resident(process)


def _memory(process: int, file: str, *names: bytes) -> list[int]:
    """Return what a process's own file of /proc says, or that of a thread of it.

    A process whose first thread has ended has no memory by its own file, whatever others hold.
    """
    if found := _fields(f"{process}/{file}", *names):
        return found
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            if found := _fields(f"{process}/task/{thread.name}/{file}", *names):
                return found
    return []


def _fields(file: str, *names: bytes) -> list[int]:
    """Return the numbers behind these names in a file of /proc; none if it is gone."""
    with contextlib.suppress(OSError):
        lines = (line.split() for line in Path("/proc", file).read_bytes().splitlines())
        return [int(words[1]) for words in lines if words and words[0].rstrip(b":") in names]
    return []


def running(process: int) -> int:
    """Return how many threads of a process run or wait for a processor."""
    count = 0
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            count += (thread / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"R"
    return count


def in_sockets(process: Path) -> int:
    """Return the most that the sockets inside may hold, for which no process's size accounts.

    Those that a kernel has of its own are not counted.
    """
    with contextlib.suppress(OSError):
        used = int((process / "net/sockstat").read_text().split()[2])
        largest = 2 * int(Path("/proc/sys/net/core/wmem_max").read_text())
        return max(0, used - _OWN_SOCKETS) * largest
    return 0

"""Is there room? A sentence before the machine swaps or the kernel ends the process."""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import re
from pathlib import Path

import torch
from torch import Tensor

_CGROUP = Path("/sys/fs/cgroup")


_LARGE = 2**25
"""Bytes from which on memory is taken in large pages."""


def zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Return zeros of a tensor's kind; many of them in pages of 2 MB where the system has these.

    Linux hands memory out page by page when it is first written. In pages of 4 kB that takes as
    long as the products that are written there.
    """
    size = math.prod(shape) * like.element_size()
    if like.device.type != "cpu" or size < _LARGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return like.new_zeros(shape)
    taken = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without them: small pages
        taken.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(taken, dtype=like.dtype).view(shape)


def expect_room(
    numbers: int, dtype: torch.dtype, device: torch.device, what: str, cure: str
) -> None:
    """Fail where so many numbers do not fit into the free memory.

    Parameters
    ----------
    numbers
        How many.
    dtype, device
        Of what kind, and where they are to lie.
    what
        What they are, in the plural, such as ``"the scores (1000, 60000)"``.
    cure
        Which option helps.
    """
    needed, free = numbers * dtype.itemsize, _free(device)
    if needed > free:
        raise ValueError(
            f"{what} need {_shown(needed)} of memory, and {_shown(free)} are free: {cure}."
        )


def _free(device: torch.device) -> float:
    """Return how many bytes can be taken; where the system does not tell, any number."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    found = [math.inf]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii")
        found += [1024 * float(each) for each in re.findall(r"MemAvailable:\s*(\d+)", lines)]
    except OSError:
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            found.append(float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    try:
        most, now = ((_CGROUP / f"memory.{each}").read_text() for each in ("max", "current"))
        found.append(max(0.0, float(most) - float(now)) if most.strip() != "max" else math.inf)
    except OSError:
        pass  # no limit of its own
    return min(found)


def _shown(size: float) -> str:
    """Return a size in the largest unit of which there is at least one."""
    power = min(4, int(math.log(max(size, 1), 1000)))
    return f"{size / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"

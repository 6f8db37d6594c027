"""Does a cell take longer on torch's own number of threads than on one, beside other programs?

Usage: ``python -m tests.benchmarks.bench_threads [NOTEBOOK …]``. A solved notebook runs in two
kernels in turn, cell by cell: one as on a student's machine, without ``OMP_NUM_THREADS``, and one
with one thread. Other programs should be busy meanwhile. No cell should take more than 1.2 times
as long; before each cell :mod:`xaikit.threads` chooses how many threads it takes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from autograde.model.course_file import read_course
from autograde.notebooks.release import solved
from autograde.notebooks.source import find_source, read_source

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = ("02_local_explanations", "03_adversarial_attacks", "05_counterfactuals")
MOST = 1.2
SECONDS = 2.0
"""Shorter cells are left out: their times are chance."""


def kernel(**threads: str) -> tuple[KernelManager, BlockingKernelClient]:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    manager = KernelManager()
    manager.start_kernel(env=environment | threads)
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=300)
    return manager, client


def seconds(client: BlockingKernelClient, source: str) -> float:
    start = time.perf_counter()
    reply = client.execute_interactive(
        source, allow_stdin=False, output_hook=lambda message: None, timeout=3600
    )
    assert reply["content"]["status"] == "ok", reply["content"]["evalue"]
    return time.perf_counter() - start


def compare(name: str) -> None:
    source = read_source(find_source(REPOSITORY / "solutions", name), read_course(REPOSITORY))
    cells = [cell for cell in solved(source).cells if cell.cell_type == "code"]
    kernels = [kernel(), kernel(OMP_NUM_THREADS="1")]
    totals = [0.0, 0.0]
    for number, cell in enumerate(cells):
        took = [0.0, 0.0]
        for which in (0, 1) if number % 2 else (1, 0):
            took[which] = seconds(kernels[which][1], cell.source)
            totals[which] += took[which]
        if max(took) >= SECONDS:
            ratio = took[0] / took[1]
            mark = "  more than allowed" if ratio > MOST else ""
            print(f"{took[0]:8.1f} {took[1]:8.1f} {ratio:6.2f}  {cell.id}{mark}", flush=True)
    print(f"{totals[0]:8.1f} {totals[1]:8.1f} {totals[0] / totals[1]:6.2f}  {name} in all")
    for manager, client in kernels:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main() -> None:
    print(f"seconds without and with OMP_NUM_THREADS=1; load {os.getloadavg()[0]:.1f}")
    for name in sys.argv[1:] or NOTEBOOKS:
        compare(name)


if __name__ == "__main__":
    main()

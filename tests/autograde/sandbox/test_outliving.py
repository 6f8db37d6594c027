"""No process that a run has started outlives the run, or the grader."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from autograde.sandbox.run import CodeCell, run_notebook


def running(marker: str) -> list[str]:
    """Return the processes of this machine that have the marker among their arguments."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if marker.encode() in (process / "cmdline").read_bytes():
                    found.append(process.name)
            except OSError:
                continue
    return found


def test_no_process_outlives_its_run() -> None:
    marker = f"outliving-{os.getpid()}-{os.urandom(4).hex()}"
    source = f"""
import os, subprocess, sys, threading, time
code = "import os, time; os.fork() and os._exit(0); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", code, {marker!r}], start_new_session=True)
threading.Thread(target=lambda: time.sleep(300)).start()
time.sleep(0.5)
numbers = [name for name in os.listdir("/proc") if name.isdigit()]
running = sum({marker!r} in open(f"/proc/{{name}}/cmdline").read() for name in numbers)
"""
    run = run_notebook([CodeCell("a", source, "a", ("running",))])
    answer = run.answers["a"]
    assert isinstance(answer, dict) and answer["running"] >= 1
    assert running(marker) == []


def test_no_process_outlives_a_grader_that_is_killed() -> None:
    marker = f"outliving-{os.getpid()}-{os.urandom(4).hex()}"
    cell = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}, {marker!r}])"
    program = "import sys; from autograde.sandbox.run import CodeCell, run_notebook\n"
    program += "run_notebook([CodeCell('a', sys.stdin.read(), seconds=300)])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as grader:
        assert grader.stdin is not None
        grader.stdin.write(cell.encode())
        grader.stdin.close()
        try:
            assert wait_until(lambda: len(running(marker)) == 1, 180)
        finally:
            grader.kill()
    assert wait_until(lambda: not running(marker), 60)


SLEEP = "import time; time.sleep(300)"


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return holds()

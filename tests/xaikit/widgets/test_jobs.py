"""The thread that works for the explorer, when Python ends."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import threading
from xaikit.widgets.jobs import Latest

begun = threading.Event()

def job(stop):
    begun.set()
    stop.wait()
    print("stopped")

latest = Latest()
latest.start(job)
begun.wait()
"""


def test_a_job_that_runs_when_python_ends_is_stopped_first() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=600
    )
    assert done.stdout == "stopped\n" and done.stderr == ""

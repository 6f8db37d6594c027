"""Time limits count processor time: other work on the machine takes nobody's marks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from outcomes import failed, stops

from autograde.inside.processes import processor_seconds
from autograde.sandbox import process
from autograde.sandbox.isolation import Limits
from autograde.sandbox.run import CodeCell, HiddenCalls, call_functions, run_notebook
from autograde.sandbox.watch import Watch

COMPUTE = "import time\nend = time.process_time() + {0}\nwhile time.process_time() < end: pass"


@pytest.fixture
def busy_processor() -> Iterator[None]:
    """Let two other programs want the one processor that the sandbox may use."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})  # whatever is started from now on inherits it
    code = "import time; end = time.time() + 120\nwhile time.time() < end: pass"
    others = [  # each in a session of its own, to which Linux may give a share of its own
        subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True)
        for _ in range(2)
    ]
    yield
    for other in others:
        other.kill()
        other.wait()
    os.sched_setaffinity(0, before)


def test_a_busy_machine_stops_nobody(busy_processor: None) -> None:
    """A second of work takes three on the wall here; the limit is two."""
    source = f"import time\nbegin = time.time()\n{COMPUTE.format(1)}\ntook = time.time() - begin"
    run = run_notebook([CodeCell("a", source, "a", ("took",), 2.0)])
    body = source.replace("\n", "\n    ")
    called = call_functions(
        [CodeCell("f", f"def f():\n    {body}\n    return took", "f")],
        {"f": HiddenCalls("f", [()], 2.0)},
    )
    assert stops(run) == {} and stops(called) == {}
    for took in (run.answers["a"]["took"], called.results["f"][0]):
        assert float(took) > 2  # the machine was busy
    for each in (run, called):
        assert 0.8 < each.seconds < 2.5  # what limits are derived from does not grow with it


@pytest.mark.parametrize(
    "where",
    [
        "{}",
        "import threading\ndef work():\n    {}\n"
        "t = threading.Thread(target=work); t.start(); t.join()",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {!r}])",
        "import os\nif os.fork() == 0:\n    {}\n    os._exit(0)\nos.wait()",
        "import os, time\nif os.fork() == 0:\n    if os.fork() == 0:\n        {}\n    os._exit(0)\n"
        "os.wait()\ntime.sleep(100)",
    ],
    ids=["here", "thread", "program", "child", "orphan"],
)  # fmt: skip
def test_the_time_of_all_processes_counts(where: str) -> None:
    """In whichever process a cell computes, its limit of two seconds ends it."""
    endless = "while True: pass"
    cells = [
        CodeCell("a", where.format(endless), "a", ("b",), 2.0),
        CodeCell("b", "b = 1", "b", ("b",)),
    ]
    run = run_notebook(cells)
    assert stops(run) == {"a": "timeout"}
    assert "time limit of 2 s" in failed(run.answers["a"])
    assert run.answers["b"] == {"b": np.array(1)}


def test_children_that_ended_count() -> None:
    code = "import time\nwhile time.process_time() < 0.2: pass"
    before = processor_seconds(os.getpid())
    for _ in range(3):
        subprocess.run([sys.executable, "-S", "-c", code], check=True)
    # /proc cuts the time of user and system off to hundredths.
    assert 0.55 <= processor_seconds(os.getpid()) - before < 5


def test_a_call_that_sleeps_ends() -> None:
    source = "import time\ndef f(n):\n    time.sleep(n)\n    return 1"
    run = call_functions([CodeCell("f", source, "f")], {"f": HiddenCalls("f", [(2,), (600,)], 1.5)})
    first, second = run.results["f"]
    assert first == 1  # longer on the wall than its limit of processor time
    assert "time limit" in failed(second)


def test_a_look_that_does_not_end_is_a_breach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_OVERDUE", 2.0)
    monkeypatch.setattr(Watch, "_look", lambda self: self._ended.wait(60) and "")
    run = run_notebook([CodeCell("a", "import time; time.sleep(60)", "a", ("a",), 60)])
    assert stops(run) == {"a": "unwatched"}
    assert "kept the grader from watching" in failed(run.answers["a"])


def test_a_slow_look_delays_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "_look", lambda self: self._ended.wait(60) and "")
    source = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(600)"
    start = time.monotonic()
    run = call_functions(
        [CodeCell("f", source, "f", seconds=1.0)], {"f": HiddenCalls("f", [()])}, Limits()
    )
    assert stops(run) == {"f": "timeout"}
    assert time.monotonic() - start < 60

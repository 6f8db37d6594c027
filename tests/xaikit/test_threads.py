"""torch takes no more threads than other programs leave cores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from IPython.core.events import EventManager
from threadpoolctl import threadpool_info, threadpool_limits

from xaikit import threads


@pytest.fixture
def many() -> Iterator[None]:
    before = torch.get_num_threads()
    with threadpool_limits(2):
        torch.set_num_threads(2)
        yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("all_cores", "mine", "others", "free"),
    [
        (2, 2, 0.0, 2),
        (2, 2, 0.2, 2),
        (2, 2, 1.0, 1),
        (2, 2, 12.0, 1),
        (2, 2, -0.1, 2),
        (8, 8, 3.0, 5),
        (8, 8, 40.0, 1),
        (64, 2, 20.0, 2),  # a container with two of them
        (1, 1, 0.0, 1),
    ],
)
def test_it_takes_what_others_leave(
    all_cores: int, mine: int, others: float, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: all_cores)
    assert threads.free_cores(mine, others) == free


def test_before_each_cell_it_may_take_fewer_and_never_more(
    many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Own seconds are no others', and a load that has only begun is seen by its seconds."""
    monkeypatch.setattr(threads, "cores", lambda: 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    clocks = [(0, 0, 0), (60, 120, 120), (70, 140, 140), (80, 150, 160), (90, 160, 171)]
    looks = iter([threads._Look(*clock) for clock in clocks])
    monkeypatch.setattr(threads._Look, "now", lambda: next(looks))
    shown = []
    chooser = threads.Threads()
    for load in (2.0, 2.0, 0.2, 0.1):
        monkeypatch.setattr(threads, "load", lambda load=load: load)
        chooser.choose()
        shown.append(torch.get_num_threads())
    assert shown == [2, 2, 1, 1]
    pools = {pool["num_threads"] for pool in threadpool_info()}
    assert pools == {1}  # NumPy's and scikit-learn's, too
    torch.set_num_threads(2)
    looks = iter([threads._Look(0, 0, 0), threads._Look(1, 0, 0)])
    monkeypatch.setattr(threads, "load", lambda: 5.0)
    threads.Threads().choose()
    assert torch.get_num_threads() == 1


# Threads that want to run while this kernel computes, and what was free before: by hand, on eight
# cores, as many as others leave. The load of /proc/loadavg counts this kernel's own threads, too.
RECORDED = [
    # others' seconds a second, own seconds a second, /proc/loadavg, threads then
    (0.0, 0.0, 0.0, 8),
    (0.2, 8.0, 8.2, 8),  # the system's own programs
    (1.0, 7.0, 8.1, 7),
    (2.6, 5.4, 8.0, 5),
    (4.0, 4.0, 8.0, 4),
    (7.0, 1.0, 8.0, 1),
    (7.0, 1.0, 23.0, 1),  # the others have 22 threads that wait for a core
]


@pytest.mark.parametrize(("others", "own", "waiting", "expected"), RECORDED)
def test_on_eight_cores_it_takes_what_recorded_figures_leave(
    others: float,
    own: float,
    waiting: float,
    expected: int,
    many: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look after a minute with these figures, and one after a library raised the number."""
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr(threads, "load", lambda: waiting)
    looks = iter(threads._Look(t, own * t, (own + others) * t) for t in (0.0, 60.0, 120.0))
    monkeypatch.setattr(threads._Look, "now", lambda: next(looks))
    torch.set_num_threads(8)
    chooser = threads.Threads()
    chooser.choose()
    assert torch.get_num_threads() == expected
    torch.set_num_threads(16)  # a library that believes in sixteen
    chooser.choose()
    assert torch.get_num_threads() == expected


def test_a_quota_counts_as_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    everything = threads.cores()
    for text, count in (("100000 100000", 1), ("50000 100000", 1), ("max 100000", everything)):
        (tmp_path / "cpu.max").write_text(text)
        assert threads.cores() == count


@pytest.mark.parametrize(("wanted", "hooks"), [("", 1), ("3", 0)])
def test_only_a_kernel_chooses_and_only_where_nobody_has_said(
    wanted: str, hooks: int, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell: Any = SimpleNamespace(kernel=None)
    shell.events = EventManager(shell, {"pre_run_cell": lambda info: None})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    threads.install()
    threads.install()
    assert len(shell.events.callbacks["pre_run_cell"]) == hooks
    del shell.kernel
    shell.events.callbacks["pre_run_cell"].clear()
    threads.install()
    assert not shell.events.callbacks["pre_run_cell"]

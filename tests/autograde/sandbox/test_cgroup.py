"""A control group for each sandbox, on a machine that delegates one, and which machines do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from outcomes import failed, stops

from autograde.sandbox.cgroup import ControlGroup, delegated
from autograde.sandbox.isolation import Limits
from autograde.sandbox.run import CodeCell, run_notebook

MIB = 1 << 20


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Let the next question be answered for the machine that it is asked about."""
    delegated.cache_clear()
    yield
    delegated.cache_clear()


def machine(folder: Path, path: str, controllers: str, *, top: str = "/") -> Path:
    """Lay out what a machine shows of its control groups, and return its /proc."""
    proc, mount = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self/cgroup").write_text(f"4:memory:/elsewhere\n0::{path}\n")
    (proc / "self/mountinfo").write_text(
        f"21 1 0:19 / {folder}/proc rw - proc proc rw\n"
        f"30 24 0:26 {top} {mount} rw,nosuid - cgroup2 cgroup2 rw\n"
    )
    group = mount / path.removeprefix(top).lstrip("/")
    group.mkdir(parents=True)
    (group / "cgroup.controllers").write_text(controllers)
    (group / "cgroup.procs").write_text("")
    return proc


def test_the_topmost_group_of_a_container_is_the_graders(tmp_path: Path) -> None:
    proc = machine(tmp_path, "/", "cpuset cpu io memory hugetlb pids rdma\n")
    assert delegated(proc) == tmp_path / "cgroup"
    assert (tmp_path / "cgroup/cgroup.subtree_control").read_text() == "+memory +pids"


def test_a_container_may_show_a_part_of_the_hierarchy(tmp_path: Path) -> None:
    proc = machine(tmp_path, "/docker/7", "memory pids", top="/docker/7")
    os.setxattr(tmp_path / "cgroup", "user.delegate", b"1")
    assert delegated(proc) == tmp_path / "cgroup"


def test_a_scope_that_systemd_delegates_is_the_graders(tmp_path: Path) -> None:
    path = "/user.slice/run-7.scope"
    proc = machine(tmp_path, path, "memory pids")
    room = tmp_path / "cgroup/user.slice/run-7.scope"
    assert delegated(proc) is None, "a group is used that systemd has not delegated"
    delegated.cache_clear()
    os.setxattr(room, "user.delegate", b"1")
    (room / "cgroup.type").write_text("domain")
    assert delegated(proc) == room
    assert (room / "grader").is_dir(), "the grader's processes have nowhere to go"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/run-7.scope", "--user show"),
        ("/system.slice/grading.service", "show"),
    ],
)
def test_systemd_is_asked_where_it_marks_no_group(
    path: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 252 marks nothing where a user's own manager delegates, as on Debian 12."""
    systemctl = tmp_path / "bin/systemctl"
    systemctl.parent.mkdir()
    wanted = f"{asked} --property=Delegate --value -- {Path(path).name}"
    systemctl.write_text(f'#!/bin/sh\n[ "$*" = "{wanted}" ] && cat "{tmp_path}/answer"\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    proc = machine(tmp_path, path, "memory pids")
    for answer in ("no\n", ""):
        (tmp_path / "answer").write_text(answer)
        assert delegated(proc) is None
        delegated.cache_clear()
    (tmp_path / "answer").write_text("yes\n")
    assert delegated(proc) == tmp_path / "cgroup" / path.lstrip("/")


def test_a_second_process_of_the_grader_finds_the_same_room(tmp_path: Path) -> None:
    proc = machine(tmp_path, "/run-7.scope/grader", "")
    room = tmp_path / "cgroup/run-7.scope"
    (room / "cgroup.controllers").write_text("memory pids")
    os.setxattr(room, "user.delegate", b"1")
    assert delegated(proc) == room


@pytest.mark.parametrize("controllers", ["", "hugetlb"])
def test_a_machine_with_version_1_delegates_nothing(tmp_path: Path, controllers: str) -> None:
    assert delegated(machine(tmp_path, "/", controllers)) is None


def test_a_machine_without_control_groups_delegates_nothing(tmp_path: Path) -> None:
    assert delegated(tmp_path) is None


def test_bounds_are_those_of_the_sandbox(tmp_path: Path) -> None:
    """The files that a kernel would show in a new group are there before it is bounded."""

    class Shown(type(tmp_path)):  # type: ignore[misc]
        def mkdir(self, *args: object, **options: object) -> None:
            super().mkdir(*args, **options)
            for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max"):
                (self / name).write_text("max")

    with ControlGroup(Shown(tmp_path), Limits(memory=7 * MIB, processes=10)) as group:
        (folder,) = tmp_path.iterdir()
        assert (folder / "memory.max").read_text() == str(7 * MIB)
        assert (folder / "memory.swap.max").read_text() == "0"
        assert int((folder / "pids.max").read_text()) >= 10
        assert not group.out_of_memory()
        (folder / "memory.events").write_text("low 0\noom 0\noom_kill 0\n")
        assert not group.out_of_memory()
        (folder / "memory.events").write_text("low 0\noom 1\noom_kill 5\noom_group_kill 1\n")
        assert group.out_of_memory()


@pytest.fixture
def room() -> Path:
    """Return where groups are made here."""
    found = delegated()
    if found is None:
        pytest.skip("this machine delegates no control group (cgroup v2) to the grader")
    return found


def controllers(room: Path) -> list[str]:
    return (room / "cgroup.subtree_control").read_text().split()


def test_nothing_of_a_group_is_left(room: Path) -> None:
    before = {*room.iterdir()}
    run = run_notebook(
        [CodeCell("a", "import subprocess\nsubprocess.Popen(['sleep', '600'])\na = 1", "a", ("a",))]
    )
    assert stops(run) == {}
    assert {*room.iterdir()} <= before


def test_processes_of_a_sandbox_are_counted_together(room: Path) -> None:
    if "pids" not in controllers(room):
        pytest.skip("this machine delegates no control over processes")
    source = (
        "import subprocess\nstarted = []\n"
        "try:\n"
        "    for _ in range(200): started.append(subprocess.Popen(['sleep', '600']))\n"
        "except OSError: pass\n"
        "n = len(started)"
    )
    run = run_notebook([CodeCell("n", source, "n", ("n",))], Limits(processes=80))
    answer = run.answers["n"]
    assert isinstance(answer, dict) and 20 < int(answer["n"]) < 100


def test_a_burst_of_memory_ends_the_sandbox_and_is_named(room: Path) -> None:
    if "memory" not in controllers(room):
        pytest.skip("this machine delegates no control over memory")
    # Over before a watch could look twice.
    source = (
        "import os\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        kept = bytearray(os.urandom(1) * (200 << 20))\n"
        "        os._exit(0)\n"
        "for _ in range(8): os.wait()\n"
        "a = 1"
    )
    run = run_notebook([CodeCell("a", source, "a", ("a",))], Limits(memory=800 * MIB))
    assert "GB of memory" in failed(run.answers["a"])

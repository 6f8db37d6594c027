"""Where submissions are graded: the same marks on a cluster, and one sentence when it fails."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from distributed import Client, LocalCluster
from small_course import write_course

from autograde.commands.grade import grade
from autograde.grading import workers as executors
from autograde.grading.jobs import GradeError, make_jobs, run_job
from autograde.grading.mark import Timing, load_assignment
from autograde.grading.workers import WorkersError, cluster
from autograde.intake.submissions import find
from autograde.model.course import Course
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.release import to_json
from autograde.sandbox.isolation import SandboxError

NAME = "01_small"
DASK = Path(sys.executable).with_name("dask")


@pytest.fixture
def small(tmp_path: Path) -> tuple[Course, Path]:
    """One student right, one wrong, one upload broken."""
    load_assignment.cache_clear()
    course, folder = write_course(tmp_path / "course"), tmp_path / "in"
    assignment = load_assignment(NAME, course.file)
    others = load_answers(course.folder / "solutions" / f"{NAME}.py")
    right = dict(assignment.solutions)
    for student, texts in (
        ("Grace Hopper", {**right, "double": others["double"]["wrong"]}),
        ("Alan Turing", right),
    ):
        (folder / student).mkdir(parents=True)
        notebook = to_json(submission(assignment.released, texts))
        (folder / student / f"{NAME}.ipynb").write_text(notebook, encoding="utf-8")
    (folder / "Kurt").mkdir()
    (folder / "Kurt" / f"{NAME}.ipynb").write_bytes(b'{"cells": [')
    return course, folder


class Machines:
    """A scheduler and two worker processes on the loopback device."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.log = folder / "log"
        here = ["--host", "127.0.0.1", "--no-dashboard"]
        self.scheduler = self.start("scheduler", *here, "--port", str(port))
        self.workers = [
            self.start("worker", self.address, *here, "--nthreads", "1", "--no-nanny")
            for _ in range(2)
        ]
        with Client(self.address, timeout=300, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=300)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            scratch = {**os.environ, "DASK_TEMPORARY_DIRECTORY": str(self.log.parent)}
            return subprocess.Popen([DASK, *command], stdout=log, stderr=log, env=scratch)

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    there = Machines(tmp_path)
    yield there
    there.stop()


@pytest.mark.slow
def test_a_cluster_gives_the_marks_of_one_machine(
    small: tuple[Course, Path], tmp_path: Path, machines: Machines
):
    course, folder = small
    quiet: list[str] = []
    grade(folder, course, tmp_path / "local", jobs=2, say=quiet.append)
    grade(folder, course, tmp_path / "far", say=quiet.append, scheduler=machines.address)
    assert "Workers: 2, each with one submission at a time" in quiet
    for table in ("grades.csv", "tasks.csv"):
        here = (tmp_path / "local" / table).read_text(encoding="utf-8")
        assert (tmp_path / "far" / table).read_text(encoding="utf-8") == here
    assert ",5," in (tmp_path / "far" / "grades.csv").read_text(encoding="utf-8")
    # What a cluster keeps of its jobs and writes to its logs names nobody and no secret.
    with Client(machines.address, set_as_default=False) as client:
        story = client.run_on_scheduler(lambda dask_scheduler: str(dask_scheduler.transition_log))
    assert "run_job" in story
    for words in (story, machines.log.read_text(encoding="utf-8")):
        for private in ("Hopper", "Turing", "Kurt", course.secret().decode()):
            assert private not in words

    # One worker is lost: the other goes on. Then all are: one sentence.
    said: list[str] = []
    lost = pytest.raises(WorkersError, match=r"has lost its scheduler or its workers.*lost: run")
    with lost, cluster(machines.address, None, said.append) as workers:
        first = workers.executor.submit(time.sleep, 3)
        machines.workers[0].kill()
        assert first.result(timeout=300) is None
        last = workers.executor.submit(time.sleep, 600)
        machines.workers[1].kill()
        last.result(timeout=300)
    assert said[0] == "Note: 1 of the cluster's workers are gone; 1 go on."


def test_a_cluster_that_cannot_be_used_gets_one_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(executors, "_CONNECTING", 0.5)
    with pytest.raises(WorkersError, match=r"at tcp://127.0.0.1:1 cannot be reached \("):
        cluster("tcp://127.0.0.1:1").__enter__()
    with pytest.raises(WorkersError, match=r"at nonsense://x cannot be reached \("):
        cluster("nonsense://x").__enter__()
    start = partial(
        LocalCluster, processes=False, dashboard_address=None, host="127.0.0.1", protocol="tcp"
    )
    with start(n_workers=0) as empty, pytest.raises(WorkersError, match="has no worker: start"):
        cluster(empty.scheduler_address).__enter__()
    many = pytest.raises(WorkersError, match="more than one thread")
    with start(n_workers=1, threads_per_worker=2) as two, many:
        cluster(two.scheduler_address).__enter__()
    with start(n_workers=1, threads_per_worker=1) as bare:

        def prove() -> None:
            raise SandboxError("bubblewrap is not there.")

        with pytest.raises(SandboxError, match="bubblewrap is not there"):
            cluster(bare.scheduler_address, prove).__enter__()
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkersError, match=r'pip install -e "\.\[cluster\]"'):
        cluster("tcp://127.0.0.1:1").__enter__()


def test_a_scheduler_out_of_reach_is_noticed_before_the_solution_runs(
    small: tuple[Course, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(executors, "_CONNECTING", 0.5)
    course, folder = small
    said: list[str] = []
    away = pytest.raises(WorkersError, match=r"^The scheduler at tcp://127.0.0.1:1 cannot be rea")
    with away as caught:
        grade(folder, course, tmp_path / "out", say=said.append, scheduler="tcp://127.0.0.1:1")
    assert "\n" not in str(caught.value)
    assert said and not [line for line in said if line.startswith("Solution of")]


def test_a_worker_that_differs_gets_one_sentence(
    small: tuple[Course, Path], monkeypatch: pytest.MonkeyPatch
):
    course, folder = small
    assignment, secret = load_assignment(NAME, course.file), course.secret()
    upload = next(
        u for u in find(folder, course, {NAME: {}}).uploads if u.student == "Grace Hopper"
    )
    (job,) = make_jobs([upload], course, {NAME: assignment}, {NAME: Timing()}, "none", ())
    assert secret not in pickle.dumps(job)
    assert "Hopper" not in repr(job)
    for changed, sentence in (
        (replace(job, packages="another"), "The software on .* is not the grader's: install"),
        (replace(job, edition="another"), "The source or the checks of 01_small on .* are not"),
        (replace(job, data_source="elsewhere"), "The data on .* is not the grader's"),
        (replace(job, data_digest="another"), "The data on .* or was changed while grading"),
    ):
        with pytest.raises(GradeError, match=sentence):
            run_job(changed)
    monkeypatch.setenv("AUTOGRADE_SECRET", "another secret of this course")
    with pytest.raises(GradeError, match=r"secret on .* is not the grader's: copy \.course-secret"):
        run_job(job)
    monkeypatch.undo()
    source = course.folder / "solutions" / f"{NAME}.py"
    source.write_text(source.read_text(encoding="utf-8").replace("# {{ hint }}", "# Read twice."))
    load_assignment.cache_clear()
    with pytest.raises(GradeError, match=r"source or the checks of .* were changed while grading"):
        run_job(job)

"""What happens to graders: a full disk, a read-only folder, company, vanished files, Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograde.__main__ import main
from autograde.commands.grade import grade
from autograde.grading.jobs import GradeError
from autograde.grading.mark import load_assignment
from autograde.grading.store import only_grader
from autograde.grading.workers import WorkersError
from autograde.model.course import Course
from tests.drill.test_faults import class_of, grader, left_over, marks, stage_of, watched

sys.path.insert(0, str(Path(__file__).parents[1] / "autograde"))
from small_course import write_course

pytestmark = pytest.mark.slow

MB = 1 << 20


@pytest.fixture
def course(tmp_path: Path) -> Course:
    load_assignment.cache_clear()
    course = write_course(tmp_path / "course")
    class_of(course, tmp_path / "in", 4)
    return course


def in_mount_namespace(*arrangement: str) -> list[str]:
    """Return the begin of a command that sees the file system, arranged otherwise."""
    return ["bwrap", "--dev-bind", "/", "/", "--die-with-parent", *arrangement]


def sentences(error: str) -> list[str]:
    """Return what a command complained of: which data it found is another matter."""
    return [line for line in error.splitlines() if not line.startswith("xaikit: FashionMNIST")]


def on_small_disk(disk: Path, drill: str, *arguments: Path) -> list[dict[str, Any]]:
    """Return what a drill prints of its runs on a file system of 8 MB."""
    disk.mkdir()
    done = subprocess.run(
        [
            *in_mount_namespace("--size", str(8 * MB), "--tmpfs", str(disk)),
            *(sys.executable, "-m", drill),
            *map(str, arguments),
        ],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def said_in_one_sentence(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs that met a full disk, each of which says so in one sentence."""
    full = [run for run in runs if run["code"] != 0]
    for run in full:
        assert run["code"] == 1, run["error"]
        assert len(sentences(run["error"])) == 1, run["error"]
        assert "lost" in run["error"] and "room" in run["error"], run["error"]
    return full


def graded(said: list[str]) -> set[str]:
    return {line.split("]")[1].split(",")[0].strip() for line in said if line.startswith("[")}


def test_a_full_disk_gets_one_sentence_in_every_stage_and_loses_nothing(
    course: Course, tmp_path: Path
):
    disk = tmp_path / "disk"
    runs = on_small_disk(disk, "tests.drill.full_disk", course.folder, tmp_path / "in", disk)
    full = said_in_one_sentence(runs)
    assert [run["room"] for run in runs[:3] if run["code"] == 0] == []
    places = " ".join(run["error"] for run in full)
    for what in ("records/timing", "class.json", "gradebook.db", "/feedback/", "report.html"):
        assert what in places, places
    quiet: list[str] = []
    grade(tmp_path / "in", course, tmp_path / "calm", jobs=1, isolation="none", say=quiet.append)
    assert marks(tmp_path / "out") == marks(tmp_path / "calm")


def test_commands_after_grading_finish_once_there_is_room(tmp_path: Path):
    disk = tmp_path / "disk"
    runs = on_small_disk(disk, "tests.drill.full_disk_afterwards", disk, tmp_path)
    full = said_in_one_sentence(runs)
    assert {run["command"] for run in full} == {"delete", "restore", "export"}
    assert [run for run in full if "grade again" in run["error"]] == []
    assert [run for run in runs if not run["as_ever"]] == []


@pytest.mark.parametrize("name", ["report.html", "tasks.csv", "grades.csv", "nbgrader_config.py"])
def test_no_room_for_one_file_gets_one_sentence(
    course: Course,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
):
    """These are too small to be met by chance; a link to a device that is always full stands in."""
    monkeypatch.chdir(course.folder)
    out = tmp_path / "out"
    out.mkdir()
    (out / f".{name}.part").symlink_to("/dev/full")
    monkeypatch.setattr("autograde.commands.grade.solution_timing", lambda *_: None)
    only_missing = lambda *_: ([], [])  # noqa: E731  # nothing to run: it is about writing
    monkeypatch.setattr("autograde.commands.grade._sorted_out", only_missing)
    code = main(["grade", str(tmp_path / "in"), "--out", str(out), "--isolation", "none"])
    error = capsys.readouterr().err
    assert (code, len(sentences(error))) == (1, 1)
    assert f"{out / name} cannot be written (No space left on device)" in error


def test_a_read_only_folder_gets_one_sentence(course: Course, tmp_path: Path):
    out = tmp_path / "out"
    (out / "records").mkdir(parents=True)
    for folder in (out, out / "new"):
        done = subprocess.run(
            [
                *in_mount_namespace("--ro-bind", str(out), str(out)),
                *grader(tmp_path / "in", folder),
            ],
            cwd=course.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        (line,) = sentences(done.stderr)
        assert f"{folder} cannot be written (Read-only file system)" in line


def test_two_graders_in_one_folder(
    course: Course,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(course.folder)
    out = tmp_path / "out"
    out.mkdir()
    with only_grader(out):
        code = main(["grade", str(tmp_path / "in"), "--out", str(out), "--isolation", "none"])
    (line,) = sentences(capsys.readouterr().err)
    assert code == 1
    assert f"Another autograde is grading into {out}" in line


def test_vanished_submissions_and_a_killed_worker_lose_nothing(course: Course, tmp_path: Path):
    folder, out, away = tmp_path / "in", tmp_path / "out", tmp_path / "away"
    said: list[str] = []

    def after_the_first(happening: Callable[[], object]) -> Callable[[str], None]:
        def say(line: str) -> None:
            said.append(line)
            if line.startswith("[1/"):
                happening()

        return say

    def attempt(happening: Callable[[], object]) -> None:
        grade(folder, course, out, jobs=1, isolation="none", say=after_the_first(happening))

    with pytest.raises(GradeError, match=r"is gone\. Nothing graded so far is lost"):
        attempt(lambda: folder.rename(away))
    away.rename(folder)
    with pytest.raises(WorkersError, match=r"ended from outside.*Nothing graded so far is lost"):
        attempt(kill_workers)
    kept = graded(said)
    assert len(kept) >= 2  # one of each attempt
    said.clear()
    attempt(lambda: None)
    assert len(graded(said)) >= 1
    assert graded(said).isdisjoint(kept)
    assert kill_workers() == 0


def kill_workers() -> int:
    workers = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
    for worker in workers:
        worker.send_signal(signal.SIGKILL)
    return len(workers)


def test_ctrl_c_gets_one_sentence_and_leaves_no_process(course: Course, tmp_path: Path):
    said, out, folder = tmp_path / "said", tmp_path / "out", tmp_path / "many"
    class_of(course, folder, 12)  # so many that the signal comes before the last
    with said.open("wb") as file:
        process = subprocess.Popen(
            grader(folder, out),
            cwd=course.folder,
            stdout=file,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # A shell that runs the tests in the background has it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        for stage, _ in watched(said, process):
            if stage == "running, some records kept":
                os.killpg(process.pid, signal.SIGINT)  # a terminal tells all its processes
                break
        _, error = process.communicate(timeout=300)
    assert process.returncode == 130, (said.read_text(encoding="utf-8"), error)
    assert sentences(error.decode()) == ["autograde: stopped; what was graded is kept."]
    assert left_over(process.pid) == ""
    assert stage_of(said) == "running, some records kept"
    kept = graded(said.read_text().splitlines())
    lines: list[str] = []
    grade(folder, course, out, jobs=2, say=lines.append)
    assert graded(lines) and graded(lines).isdisjoint(kept)
    shutil.rmtree(out)

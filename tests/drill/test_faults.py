"""The grading process is killed (SIGKILL) at random moments; nothing may be lost or corrupt.

The tests kill a few times; ``python -m tests.drill.test_faults 50`` does it fifty times and prints
what came out.
"""

from __future__ import annotations

import csv
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from autograde.answers import load_answers, submission
from autograde.course import Course
from autograde.marking import load_assignment
from autograde.release import to_json

sys.path.insert(0, str(Path(__file__).parents[1] / "autograde"))
from small_course import write_course

NAME = "01_small"
Marks = dict[str, tuple[str, str]]


@dataclass
class Drill:
    """How often the grader was killed, at which record counts, and the marks in the end."""

    kills: int
    records_at_kill: list[int]
    undisturbed: Marks
    in_the_end: Marks


def class_of(course: Course, folder: Path, students: int) -> None:
    """Every third student is right, every third wrong, every third untouched."""
    assignment = load_assignment(NAME, course.file)
    others = load_answers(course.folder / "solutions" / f"{NAME}_answers.py")
    wrong = {task: kinds["wrong"] for task, kinds in others.items() if "wrong" in kinds}
    for number in range(students):
        texts = (dict(assignment.solutions), wrong, {})[number % 3]
        home = folder / f"student {number:02d}"
        home.mkdir(parents=True)
        notebook = submission(assignment.released, texts)
        (home / f"{NAME}.ipynb").write_text(to_json(notebook), encoding="utf-8")


def grader(course: Course, folder: Path, out: Path) -> list[str]:
    command = [sys.executable, "-m", "autograde", "grade", str(folder), "--out", str(out)]
    return [*command, "--jobs", "2"]


def marks(out: Path) -> Marks:
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: (row["score"], row["status"]) for row in csv.DictReader(file)}


def gradebook_is_whole(out: Path) -> bool:
    if not (out / "gradebook.db").exists():
        return True
    with sqlite3.connect(out / "gradebook.db") as database:
        return database.execute("pragma integrity_check").fetchone() == ("ok",)


def left_over(session: int) -> str:
    """Return the processes that a killed grader started and that still run half a minute later.

    A worker that is still importing notices only after that.
    """
    for _ in range(60):
        command = ["ps", "-o", "pid=,args=", "-s", str(session)]
        found = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        if not found:
            return ""
        time.sleep(0.5)
    return found


def drill(work: Path, students: int, kills: int, seed: int = 0) -> Drill:
    """Grade a class once undisturbed, and once killed so many times before it may finish."""
    course = write_course(work / "course")
    load_assignment.cache_clear()
    class_of(course, work / "submissions", students)
    started = time.monotonic()
    calm = grader(course, work / "submissions", work / "calm")
    subprocess.run(calm, cwd=course.folder, check=True, stdout=subprocess.DEVNULL)
    whole = time.monotonic() - started

    moments, at_kill, out = random.Random(seed), [], work / "killed"
    for _ in range(kills):
        command = grader(course, work / "submissions", out)
        # Between an early import and the last page; a run that finishes first starts again.
        process = subprocess.Popen(
            command, cwd=course.folder, stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(moments.uniform(1.0, whole))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        at_kill.append(len(list((out / "records").glob("*.json"))) if out.exists() else 0)
        assert left_over(process.pid) == ""
        assert gradebook_is_whole(out)
        assert [path for path in out.rglob("*.csv") if not _is_table(path)] == []
        if len(at_kill) % 5 == 0:  # begin anew now and then: every stage gets its kills
            out = work / f"killed {len(at_kill)}"
    last = grader(course, work / "submissions", out)
    subprocess.run(last, cwd=course.folder, check=True, stdout=subprocess.DEVNULL)
    return Drill(kills, at_kill, marks(work / "calm"), marks(out))


def _is_table(path: Path) -> bool:
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    return len({len(row) for row in rows}) == 1


def test_kills_at_random_moments_lose_nothing(tmp_path: Path):
    result = drill(tmp_path, students=6, kills=3)
    assert result.in_the_end == result.undisturbed
    graded = [who for who in result.undisturbed if who.startswith("student")]
    assert len(graded) == 6
    assert {result.undisturbed[who][0] for who in graded} == {"5", "0"}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        result = drill(Path(temporary), students=20, kills=int(sys.argv[1]))
    print(f"{result.kills} kills; records there at each: {result.records_at_kill}")
    print(f"marks equal the undisturbed run's: {result.in_the_end == result.undisturbed}")

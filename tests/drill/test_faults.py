"""The grading process is killed (SIGKILL) in every stage of its work; nothing may be lost.

The tests kill a few times; ``python -m tests.drill.test_faults 50`` does it fifty times with a
class of 20 and prints what came out.
"""

from __future__ import annotations

import csv
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import pytest

from autograde.grading.mark import load_assignment
from autograde.model.course import Course
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.release import to_json

sys.path.insert(0, str(Path(__file__).parents[1] / "autograde"))
from small_course import write_course

NAME = "01_small"
# A stage lasts from the line that begins so to the next one's.
STAGES = {
    "starting": "",
    "proving the sandbox": "Sandbox:",
    "running the solution": "Solution of",
    "starting workers": "Submissions:",
    "running": "Workers:",
    "running, some records kept": "[",
    "gradebook": "Writing the gradebook",
    "audit record": "Writing the audit record",
    "feedback": "Writing feedback",
    "tables and report": "Writing tables and the report",
}


@dataclass
class Marks:
    """All that a class is told, and what is kept of it."""

    grades: list[dict[str, str]]
    tasks: list[dict[str, str]]
    gradebook: list[tuple[str, str, float | None, float | None]]
    audit: dict[tuple[str, str], tuple[float | None, str]]
    pages: set[str]


@dataclass
class Drill:
    """In which stage the grader was killed each time, and the marks in the end."""

    stages: list[str]
    undisturbed: Marks
    in_the_end: list[Marks]


def class_of(course: Course, folder: Path, students: int) -> None:
    """Every third student is right, every third wrong, every third untouched."""
    assignment = load_assignment(NAME, course.file)
    others = load_answers(course.folder / "solutions" / f"{NAME}.py")
    wrong = {task: kinds["wrong"] for task, kinds in others.items() if "wrong" in kinds}
    for number in range(students):
        texts = (dict(assignment.solutions), wrong, {})[number % 3]
        home = folder / f"student {number:02d}"
        home.mkdir(parents=True)
        notebook = submission(assignment.released, texts)
        (home / f"{NAME}.ipynb").write_text(to_json(notebook), encoding="utf-8")


def grader(folder: Path, out: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "autograde", "grade", str(folder), "--out", str(out)]
    return [*command, "--jobs", "2", *options]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def audit_lines(out: Path) -> list[dict[str, object]]:
    """Return the lines; every one but the last must be whole, whatever happened."""
    if not (out / "audit.jsonl").exists():
        return []
    *whole, _ = (out / "audit.jsonl").read_bytes().split(b"\n")
    return [json.loads(line) for line in whole]


def marks(out: Path) -> Marks:
    with sqlite3.connect(out / "gradebook.db") as database:
        query = """select submitted_assignment.student_id, base_cell.name, auto_score, manual_score
            from grade join base_cell on base_cell.id = grade.cell_id
            join submitted_notebook on submitted_notebook.id = grade.notebook_id
            join submitted_assignment
            on submitted_assignment.id = submitted_notebook.assignment_id"""
        gradebook = sorted(database.execute(query).fetchall())
    return Marks(
        rows(out / "grades.csv"),
        rows(out / "tasks.csv"),
        gradebook,
        {(str(x["student"]), str(x["task"])): (x["score"], x["checks"]) for x in audit_lines(out)},
        {str(page.relative_to(out)) for page in out.rglob("*.html")},
    )


def gradebook_is_whole(out: Path) -> bool:
    if not (out / "gradebook.db").exists():
        return True
    with sqlite3.connect(out / "gradebook.db") as database:
        return database.execute("pragma integrity_check").fetchone() == ("ok",)


def left_over(session: int) -> str:
    """Return the processes that a killed grader started and that still run three minutes later.

    A worker that is still importing notices only after that.
    """
    for _ in range(360):
        command = ["ps", "-o", "pid=,args=", "-s", str(session)]
        found = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        if not found:
            return ""
        time.sleep(0.5)
    return found


def watched(said: Path, process: subprocess.Popen[bytes]) -> Iterator[tuple[str, float]]:
    """Yield the stage that a grader is in, and for how long, as soon as it says something new."""
    stage, since = "starting", time.monotonic()
    while process.poll() is None:
        yield stage, time.monotonic() - since
        time.sleep(0.001)
        now = stage_of(said)
        if now != stage:
            stage, since = now, time.monotonic()


def stage_of(said: Path) -> str:
    stage = "starting"
    for line in said.read_text(encoding="utf-8").splitlines():
        for name, begin in STAGES.items():
            if begin and line.startswith(begin):
                stage = name
    return stage


def durations(command: list[str], course: Course, said: Path) -> dict[str, float]:
    """Grade undisturbed; return how long each stage took."""
    with said.open("wb") as file:
        process = subprocess.Popen(command, cwd=course.folder, stdout=file)
        took = dict.fromkeys(STAGES, 0.0)
        for stage, seconds in watched(said, process):
            took[stage] = max(took[stage], seconds)
    assert process.returncode == 0, said.read_text(encoding="utf-8")
    return took


def kill_in(stage: str, after: float, command: list[str], course: Course, said: Path) -> str:
    """Grade, and kill the grader this many seconds into a stage; return the stage that it hit."""
    with said.open("wb") as file:
        process = subprocess.Popen(command, cwd=course.folder, stdout=file, start_new_session=True)
        later = list(STAGES)[list(STAGES).index(stage) + 1 :]
        for now, seconds in watched(said, process):
            # What was kept already is not done again: then the stage that follows is hit.
            if (now == stage and seconds >= after) or now in later:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    assert left_over(process.pid) == ""
    return stage_of(said) if process.returncode == -signal.SIGKILL else "ended before"


def drill(work: Path, students: int, kills: Sequence[str], seed: int = 0) -> Drill:
    """Grade a class once undisturbed, and again and again killed in these stages.

    When the stages begin anew, a last run may finish, and a new folder takes the next kills.
    """
    course = write_course(work / "course")
    load_assignment.cache_clear()
    class_of(course, work / "submissions", students)
    took = durations(grader(work / "submissions", work / "calm"), course, work / "said")
    undisturbed = marks(work / "calm")

    draw, hit, in_the_end = random.Random(seed), [], []
    out = work / "killed 0"
    for number, stage in enumerate(kills):
        kept = audit_lines(out)
        command = grader(work / "submissions", out)
        moment = draw.uniform(0, took[stage])
        hit.append(kill_in(stage, moment, command, course, work / "said"))
        print(f"kill {number + 1}: {hit[-1]}", flush=True)
        assert gradebook_is_whole(out)
        assert [path for path in out.rglob("*.csv") if not _is_table(path)] == []
        assert audit_lines(out)[: len(kept)] == kept
        following = kills[number + 1 : number + 2]
        if not following or list(STAGES).index(following[0]) <= list(STAGES).index(stage):
            last = grader(work / "submissions", out)
            subprocess.run(last, cwd=course.folder, check=True, stdout=subprocess.DEVNULL)
            in_the_end.append(marks(out))
            print(f"as undisturbed: {in_the_end[-1] == undisturbed}", flush=True)
            out = work / f"killed {number + 1}"
    return Drill(hit, undisturbed, in_the_end)


def _is_table(path: Path) -> bool:
    table = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    return len({len(row) for row in table}) == 1


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(tmp_path: Path):
    result = drill(tmp_path, 6, ("running, some records kept", "gradebook", "feedback"))
    assert "ended before" not in result.stages
    assert [end for end in result.in_the_end if end != result.undisturbed] == []
    scores = {row["student"]: row["score"] for row in result.undisturbed.grades}
    graded = [who for who in scores if who.startswith("student")]
    assert len(graded) == 6
    assert {scores[who] for who in graded} == {"5", "0"}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        wanted = list(islice(cycle(STAGES), int(sys.argv[1])))
        result = drill(Path(temporary), 20, wanted)
    print(f"{len(result.stages)} kills")
    for stage, count in Counter(result.stages).items():
        print(f"  {count:3} {stage}")
    same = [end == result.undisturbed for end in result.in_the_end]
    print(f"{sum(same)} of {len(same)} classes, each killed again and again, end as undisturbed")

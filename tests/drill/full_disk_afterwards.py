"""Delete, restore and export on a disk that is full, a little less each time: run by test_mishaps.

``python -m tests.drill.full_disk_afterwards DISK FOLDER`` prints a JSON object a run. DISK is a
small file system that nobody else uses. A command whose disk was full is given again with room:
then the results are to be as if the disk had never been full.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.drill.full_disk import leave

sys.path.insert(0, str(Path(__file__).parents[1] / "autograde"))
sys.path.insert(0, str(Path(__file__).parents[1] / "autograde" / "commands"))
from test_nothing_in_silence import GRACE, typed_over

STEP = 24 << 10
TABLES = ("grades.csv", "tasks.csv", "report.html")


def seen(out: Path) -> object:
    """Return what a user finds in the results."""
    with closing(sqlite3.connect(out / "gradebook.db")) as gradebook:
        rows = gradebook.execute(
            "select auto_score, manual_score, extra_credit from grade"
        ).fetchall()
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    audited = (out / "audit.jsonl").read_text("utf-8").count("\n")
    return [(out / name).read_bytes() for name in TABLES], sorted(rows, key=str), files, audited


def run(command: list[str], course: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own: an open gradebook would hold its room."""
    return subprocess.run(
        [sys.executable, "-m", "autograde", *command], cwd=course, capture_output=True, text=True
    )


def drill(disk: Path, folder: Path) -> None:
    term, out, course = typed_over(folder), disk / "out", folder / "course"
    for command in (
        ["delete", GRACE, "--out", str(out)],
        ["restore", "--out", str(out)],
        ["export", "--format", "csv", str(out)],
    ):
        whole, room, code = None, 1 << 30, 1
        while code:
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(term.out, out)
            leave(room, disk)
            done = run(command, course)
            if whole is None:  # the first has room enough
                assert done.returncode == 0, done.stderr
                whole, room = seen(out), 0
                continue
            code = done.returncode
            if code:
                leave(1 << 30, disk)
                assert run(command, course).returncode == 0
            line = {"command": command[0], "room": room, "code": code, "error": done.stderr}
            print(json.dumps(line | {"as_ever": seen(out) == whole}), flush=True)
            (disk / "filler").unlink()
            room += STEP


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    drill(*map(Path, sys.argv[1:]))

"""Grade on a disk that is full, a little less each time, until all fits: run by test_mishaps.

``python -m tests.drill.full_disk COURSE SUBMISSIONS DISK`` prints a JSON object a run. DISK is a
small file system that nobody else uses.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import traceback
from pathlib import Path

from autograde.__main__ import main

STEP = 16 << 10


def leave(room: int, disk: Path) -> None:
    """Fill the disk, except for this many bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    status = os.statvfs(disk)
    with filler.open("wb") as file:
        file.write(bytes(max(0, status.f_bavail * status.f_frsize - room)))


def run(submissions: Path, out: Path, room: int) -> int:
    said, complaint = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaint):
        try:
            code = main(
                ["grade", str(submissions), "--out", str(out), "--isolation", "none", "--jobs", "1"]
            )
        except BaseException:  # what main let through is what the test looks for
            code = -1
            traceback.print_exc()
    stage = said.getvalue().splitlines()[-1:]
    line = {"room": room, "code": code, "stage": stage, "error": complaint.getvalue()}
    print(json.dumps(line), flush=True)
    return code


def drill(course: Path, submissions: Path, disk: Path) -> None:
    os.chdir(course)
    out = disk / "out"
    for room in (0, 4 << 10, 12 << 10):  # no room for the folder, for records
        leave(room, disk)
        run(submissions, out, room)
    leave(1 << 30, disk)
    run(submissions, out, 1 << 30)
    whole = course.parent / "whole"
    shutil.copytree(out, whole)
    # What fills the gradebook needs most room for a moment; so what comes after it is met by a
    # disk on which that is there already.
    rest = ["audit.jsonl", "grades.csv", "tasks.csv", "report.html", "feedback"]
    for gone in ([*rest, "gradebook.db", "autograded", "source", "release"], rest):
        room, code = 0, 1
        while code:
            shutil.rmtree(out)
            (disk / "filler").unlink()
            shutil.copytree(whole, out, ignore=shutil.ignore_patterns(*gone))
            leave(room, disk)
            code = run(submissions, out, room)
            room += STEP
    shutil.copytree(out, course.parent / "out")


if __name__ == "__main__":
    drill(*map(Path, sys.argv[1:]))

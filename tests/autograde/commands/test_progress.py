"""What appears in the terminal while the grader works: its own lines, and nobody else's bars."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_course import CHECKS, write_course

from autograde.commands import progress
from autograde.commands.progress import Progress

NOISE = """
import sys, warnings
from tqdm import tqdm

def noisy(where):
    warnings.warn(f"warned by {where}")
    print(f"printed by {where}")
    print(f"complained by {where}", file=sys.stderr)
    for _ in tqdm(range(3), desc=f"bar of {where}"):
        pass

noisy("import")
"""


def noisy_checks() -> str:
    """Return the small course's checks, printing and drawing bars wherever they run."""
    found = CHECKS.replace("from autograde.tasks", NOISE + "from autograde.tasks", 1)
    lines = []
    for line in found.splitlines():
        lines.append(line)
        if line.startswith("def ") and line.endswith(":") and "noisy(" not in line:
            name = line.removeprefix("def ").split("(")[0]
            lines.append(f'    noisy("{name}")')
    noisy = "\n".join(lines).replace("lambda rng: [", "lambda rng: noisy('inputs') or [")
    assert noisy.count("noisy(") >= 5
    return noisy + "\n"


@pytest.mark.slow
def test_what_checks_print_never_reaches_the_terminal(tmp_path: Path) -> None:
    """Neither from the process that runs the solution first nor from the workers."""
    course = write_course(tmp_path / "course", checks=noisy_checks())
    for student in ("Ada", "Grace"):
        home = tmp_path / "in" / student
        home.mkdir(parents=True)
        program = [sys.executable, "-m", "autograde", "release"]
        subprocess.run(program, cwd=course.folder, check=True, capture_output=True)
        released = course.folder / "notebooks" / "01_small.ipynb"
        source = released.read_text(encoding="utf-8").replace("# YOUR CODE HERE", f"# {student}")
        (home / "01_small.ipynb").write_text(source, encoding="utf-8")
    command = ["grade", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "autograde", *command, "--isolation", "none", "--jobs", "1"],
        cwd=course.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout + done.stderr
    for foreign in ("warned by", "printed by", "complained by", "bar of", "it/s", "\r"):
        assert foreign not in said, said
    first, second = (line for line in done.stdout.splitlines() if line.startswith("["))
    assert first.startswith("[1/2] ") and first.endswith(" left")
    assert second.startswith("[2/2] ") and "left" not in second


@pytest.mark.parametrize(
    ("seconds", "done", "total", "words"),
    [
        (0.0, 0, 10, ""),
        (10.0, 10, 10, ""),
        (0.1, 9, 10, "; about 1 s left"),
        (10.0, 1, 3, "; about 20 s left"),
        (60.0, 1, 4, "; about 3 min left"),
        (360.0, 10, 1000, "; about 9 h 54 min left"),
    ],
)
def test_what_is_left_is_what_the_rest_takes_at_the_rate_so_far(
    monkeypatch: pytest.MonkeyPatch, seconds: float, done: int, total: int, words: str
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    work = Progress(total)
    now[0] += seconds
    assert work.left(done) == words

"""What the grader itself costs beside the runs: seconds and memory of each of its steps, a class.

Nothing is run but the solution, once, without isolation: its record stands for everybody's, so that
``grade`` finds a whole class unchanged. ``python -m tests.benchmarks.bench_coordinator 10000``.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from autograde.commands import grade as grading
from autograde.commands import results
from autograde.grading.data import settle_data
from autograde.grading.mark import Timing, load_assignment, mark
from autograde.grading.provenance import record_key
from autograde.grading.store import Store
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.answers import submission
from autograde.notebooks.release import to_json

STEPS = {
    grading: ("find", "_sorted_out"),
    results: (
        "fill_gradebook",
        "with_manual_marks",
        "with_penalties",
        "write_penalties",
        "write_grades",
        "write_tasks",
        "write_feedback",
        "similar_in_class",
        "write_report",
    ),
}


def write_class(course: Course, name: str, students: int, folder: Path, out: Path) -> Course:
    """Write uploads, and records of them as if all had been graded; return the course with them."""
    assignment = load_assignment(name, course.file)
    notebook = submission(assignment.released, assignment.solutions)
    content = to_json(notebook)
    settle_data(course, lambda _: None)
    result, timing = mark(content.encode(), "x", assignment, course.secret(), Timing(), "none", ())
    store, draw = Store(out), random.Random(0)
    names = tuple(f"Student {number:05d}" for number in range(students))
    for student in names:
        own = content + f"\n{' ' * draw.randrange(9)}"
        (folder / student).mkdir(parents=True)
        (folder / student / f"{name}.ipynb").write_text(own, encoding="utf-8")
        key = record_key(assignment, course.secret() + b"\0" + own.encode(), "none")
        store.save(replace(result, student=student, key=key))
    key = record_key(assignment, b"", "none")
    store.write(store.folder / f"timing-{name}.json", {"key": key, "timing": asdict(timing)})
    return replace(course, students=names, groups={})


def timed(name: str, step: Callable[..., Any], took: dict[str, float]) -> Callable[..., Any]:
    """Return the step, which notes how long it took and how much memory there ever was."""

    def run(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        value = step(*arguments, **options)
        took[name] = took.get(name, 0) + time.perf_counter() - started
        print(f"  {name}: {took[name]:.1f} s, {peak():.0f} MB", flush=True)
        return value

    return run


def peak() -> float:
    """Return the most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(students: int, name: str) -> None:
    """Grade an unchanged class and print what each step took."""
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder, out = Path(temporary) / "in", Path(temporary) / "out"
        course = write_class(read_course(), name, students, folder, out)
        size = sum(file.stat().st_size for file in out.rglob("*.json"))
        print(f"{students} students, {size / students / 1000:.0f} kB a record; {peak():.0f} MB")
        took: dict[str, float] = {}
        for module, steps in STEPS.items():
            for step in steps:
                stack.enter_context(
                    patch.object(module, step, timed(step, getattr(module, step), took))
                )
        started = time.perf_counter()
        grading.grade(folder, course, out, isolation="none", say=lambda _: None)
        whole = time.perf_counter() - started
        print(
            f"whole: {whole:.1f} s, {1000 * whole / students:.0f} ms a submission, {peak():.0f} MB"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("students", type=int)
    parser.add_argument("--assignment", default="02_local_explanations")
    options = parser.parse_args()
    measure(options.students, options.assignment)

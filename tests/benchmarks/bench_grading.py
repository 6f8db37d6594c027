"""Our grader's throughput as a ratio to plain ``nbgrader autograde``, doing the same work.

``python -m tests.benchmarks.bench_grading`` enlarges the bundled class to 40 honest submissions of
notebook 02 (solutions, alternatives, plausible mistakes and untouched answers in varied mixture)
and grades them by both, in turns, because a machine's speed drifts: in every block plain nbgrader
takes the first half of the students, then we take all of them with two jobs, then it takes the
rest. Every block of ours is a whole ``grade``: proof of the isolation, starting the workers,
gradebook, feedback, report.

nbgrader runs the same notebook with the same visible checks, and after each of them our hidden
check as a hidden test in the kernel (:mod:`tests.benchmarks.hidden_tests`). It gets the references
as a file, where we compute them once a worker; as many threads as it likes, where we take one a
job; and a time limit that a busy machine does not exceed.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from autograde.commands.demo_class import load_all_answers, load_class
from autograde.commands.grade import grade
from autograde.grading import mark as marking
from autograde.grading.data import settle_data
from autograde.grading.mark import Assignment, Timing, load_assignment, mark
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import answers as answer_cells
from autograde.notebooks.cells import grading, node
from autograde.notebooks.release import to_json
from autograde.notebooks.source import Source, find_source, read_source
from autograde.sandbox import run
from autograde.sandbox.process import Sandbox

from . import hidden_tests

KINDS = {"solution": 50, "alternative": 25, "wrong": 15, "untouched": 10}
_MARK_SCHEME = re.compile(r"=== BEGIN MARK SCHEME ===.*?=== END MARK SCHEME ===", re.DOTALL)
Texts = dict[str, str]
Marks = dict[str, dict[str, float]]


# --- the class -----------------------------------------------------------------------------------


def enlarged(course: Course, assignment: Assignment, count: int) -> dict[str, Texts]:
    """Return the answers of this many honest students: the bundled ones, then drawn mixtures."""
    kinds = load_all_answers({assignment.name: assignment}, course)[assignment.name]
    recipes: list[dict[str, str]] = []
    for student in load_class(course.folder / "solutions" / "demo_class.toml"):
        upload = student.uploads.get(assignment.name)
        if upload is not None and not upload.hostile and not upload.code:
            recipes.append({task: upload.kinds.get(task, upload.answers) for task in kinds})
    draw = random.Random(0)
    while len(recipes) < count:
        drawn = draw.choices(list(KINDS), list(KINDS.values()), k=len(kinds))
        recipes.append(dict(zip(kinds, drawn, strict=True)))
    draw.shuffle(recipes)
    return {
        f"student{number:03d}": {
            task: kinds[task][kind] for task, kind in recipe.items() if kind in kinds[task]
        }
        for number, recipe in enumerate(recipes[:count])
    }


# --- plain nbgrader ------------------------------------------------------------------------------


def with_hidden_tests(assignment: Assignment, author: Path, references: Path) -> NotebookNode:
    """Return the instructor's notebook: after each visible check a hidden test with its points."""
    notebook = node(assignment.instructor)
    cells = []
    tests = {notebook.cells[a.test].id: a for a in answer_cells(notebook) if a.test is not None}
    for cell in notebook.cells:
        # nbgrader wants it in cells of another kind; students never see it.
        cell.source = _MARK_SCHEME.sub("", cell.source)
        cells.append(cell)
        if cell.id not in tests:
            continue
        answer = tests[cell.id]
        meta = grading(cell)
        source = (
            "### BEGIN HIDDEN TESTS\n"
            "from pathlib import Path as _Path\n"
            "from tests.benchmarks import hidden_tests as _hidden\n"
            f"_checks = _hidden.read(_Path({str(author)!r}), _Path({str(references)!r}))\n"
            f"_hidden.points(_checks, {answer.task!r}, {meta['points']}, globals())\n"
            "### END HIDDEN TESTS"
        )
        hidden = nbformat.v4.new_code_cell(source, id=f"{cell.id}-hidden"[-64:])
        hidden.metadata["nbgrader"] = {**meta, "grade_id": f"{meta['grade_id']}-hidden"}
        cell.metadata["nbgrader"] = {**meta, "grade": False}
        del cell.metadata["nbgrader"]["points"]
        cells.append(hidden)
    notebook.cells = cells
    return notebook


class Plain:
    """A course of plain nbgrader."""

    def __init__(self, folder: Path, assignment: Assignment, author: Source) -> None:
        self.folder, self.name = folder, assignment.name
        source = folder / "source" / self.name
        source.mkdir(parents=True)
        references = folder / "references"
        hidden_tests.write_references(author.layout.path, author.given, references)
        notebook = with_hidden_tests(assignment, author.layout.path, references)
        nbformat.write(notebook, source / f"{self.name}.ipynb")
        self._nbgrader("generate_assignment", self.name)
        file = folder / "release" / self.name / f"{self.name}.ipynb"
        self.released = nbformat.read(file, 4)

    def grade(self, students: Mapping[str, Texts]) -> float:
        """Grade them and return the seconds."""
        for student, texts in students.items():
            home = self.folder / "submitted" / student / self.name
            home.mkdir(parents=True)
            notebook = node(self.released)
            for cell in notebook.cells:
                cell.source = texts.get(grading(cell).get("grade_id"), cell.source)
            nbformat.write(notebook, home / f"{self.name}.ipynb")
        started = time.monotonic()
        # Whom it has graded before it passes over.
        self._nbgrader("autograde", self.name, "--Execute.timeout=600")
        return time.monotonic() - started

    def marks(self) -> Marks:
        """Return the automatic marks, by student and task."""
        found: Marks = {}
        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as gradebook:
            for submitted in gradebook.assignment_submissions(self.name):
                (notebook,) = submitted.notebooks
                found[submitted.student.id] = {
                    grade.name.removesuffix("-test-hidden"): float(grade.auto_score)
                    for grade in notebook.grades
                    if grade.name.endswith("-hidden")
                }
        return found

    def _nbgrader(self, command: str, *arguments: str) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment.get('PATH', '')}"
        program = [str(Path(sys.executable).with_name("nbgrader")), command, *arguments]
        with (self.folder / "log").open("ab") as log:
            subprocess.run(
                program, cwd=self.folder, env=environment, stdout=log, stderr=log, check=True
            )


# --- ours ----------------------------------------------------------------------------------------


def grade_ours(
    course: Course, assignment: Assignment, students: Mapping[str, Texts], folder: Path
) -> tuple[float, Marks]:
    """Grade them as a class and return the seconds and the automatic marks."""
    for student, texts in students.items():
        home = folder / "class" / student
        home.mkdir(parents=True)
        content = to_json(submission(assignment.released, texts))
        (home / f"{assignment.name}.ipynb").write_text(content)
    started = time.monotonic()
    records = grade(folder / "class", course, folder / "out", jobs=2, say=lambda line: None)
    seconds = time.monotonic() - started
    automatic = assignment.checks.tasks
    return seconds, {
        record.student: {t.task: float(t.score or 0) for t in record.tasks if t.task in automatic}
        for record in records
    }


# --- what bounds it ------------------------------------------------------------------------------


def profile(course: Course, assignment: Assignment) -> None:
    """Print where the seconds of one submission go."""
    content = to_json(submission(assignment.released, assignment.solutions)).encode()
    print("\nOne submission (the solution), seconds:")
    timing = Timing()
    for _ in range(2):  # the first one computes references and warms up
        spent: dict[str, float] = {}
        timing = _mark_timed(content, course, assignment, timing, spent)
    for name, seconds in spent.items():
        print(f"{name:30}{seconds:10.2f}")


def _mark_timed(
    content: bytes, course: Course, assignment: Assignment, timing: Timing, spent: dict[str, float]
) -> Timing:
    """Mark one upload and note what its parts take."""

    class Timed(Sandbox):
        def records(self) -> Any:
            what = "notebook" if self.module.endswith("run_notebook") else "calls"
            began = time.monotonic()
            ready = 0.0
            for record in super().records():
                ready = ready or time.monotonic() - began
                yield record
            spent[f"{what}: until ready"] = ready

    def timed(function: Any, name: str) -> Any:
        def measured(*arguments: Any) -> Any:
            began = time.monotonic()
            result = function(*arguments)
            spent[name] = spent.get(name, 0.0) + time.monotonic() - began
            if name == "notebook: all":
                spent["notebook: its cells"] = sum(cell.seconds for cell in result.cells)
            return result

        return measured

    names = {
        "run_notebook": "notebook: all",
        "call_functions": "calls: all",
        "score": "scoring",
        "graded_notebook": "cleaning the outputs",
    }
    kept = {name: getattr(marking, name) for name in names}
    began, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    run.Sandbox = Timed  # type: ignore[misc]
    try:
        for name, label in names.items():
            setattr(marking, name, timed(kept[name], label))
        hidden = (course.folder.resolve(),)
        _, timing = mark(content, "x", assignment, b"s", timing, "bubblewrap", hidden)
    finally:
        run.Sandbox = Sandbox  # type: ignore[misc]
        for name, function in kept.items():
            setattr(marking, name, function)
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent["all"] = time.monotonic() - began
    spent["the grader's own processor time"] = (
        used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
    )
    return timing


# --- both ----------------------------------------------------------------------------------------


def differences(ours: Marks, plain: Marks) -> list[str]:
    """Return a line for every mark on which they differ."""
    return [
        f"{student}, {task}: ours {mark_}, nbgrader's {plain[student].get(task)}"
        for student, tasks in ours.items()
        for task, mark_ in tasks.items()
        if abs(mark_ - plain[student].get(task, -1.0)) > 1e-3
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a block, the ratio, the marks that differ, and what bounds our share."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument("--blocks", type=int, default=2)
    options = parser.parse_args(arguments)
    course = read_course(Path(__file__).parents[2])
    settle_data(course)
    assignment = load_assignment("02_local_explanations", course.file)
    students = list(enlarged(course, assignment, options.students).items())
    ratios, apart = [], []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
        author = read_source(find_source(course.folder / "solutions", assignment.name), course)
        plain = Plain(Path(temporary, "plain"), assignment, author)
        plain.grade({"warmup": {}})  # files into the page cache, for both
        print(f"{'block':>6}{'students':>10}{'nbgrader s':>12}{'ours s':>9}{'ratio':>7}")
        for number in range(options.blocks):
            block = students[number :: options.blocks]
            half = len(block) // 2
            theirs = plain.grade(dict(block[:half]))
            folder = Path(temporary, f"ours{number}")
            seconds, ours = grade_ours(course, assignment, dict(block), folder)
            theirs += plain.grade(dict(block[half:]))
            ratios.append(theirs / seconds)
            print(
                f"{number + 1:6}{len(block):10}{theirs / len(block):12.1f}"
                f"{seconds / len(block):9.1f}{ratios[-1]:7.2f}",
                flush=True,
            )
            apart += differences(ours, plain.marks())
    print(
        f"\nThroughput: {statistics.mean(ratios):.2f} times plain nbgrader's "
        f"({min(ratios):.2f} to {max(ratios):.2f} over blocks; seconds are a submission's share)"
    )
    print(f"Marks that differ: {len(apart)}", *apart, sep="\n")
    profile(course, assignment)


if __name__ == "__main__":
    main()

"""What a slow or greedy cell of a student's own costs: nothing, and its notice names the limit."""

from __future__ import annotations

from functools import partial

import pytest
from nbformat import NotebookNode

from autograde.grading import mark as marking
from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.notebooks.release import to_json
from autograde.sandbox.isolation import Limits

from .case import answer, before
from .toy import FULL, RIGHT, answered, assignment, write_course


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return write_course(tmp_path_factory.mktemp("patience") / "course")


def graded(course: Course, notebook: NotebookNode) -> SubmissionResult:
    content = to_json(notebook).encode()
    trusted = assignment(course)
    record, _ = marking.mark(content, "x", trusted, b"s", marking.Timing(), "bubblewrap", ())
    return record


def right(course: Course) -> NotebookNode:
    return answered(assignment(course).released, RIGHT)


def test_a_cell_of_ones_own_may_take_longer_than_an_answer(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 25 seconds are to the 20 of an answer, a tenth of each."""
    monkeypatch.setattr(marking, "_LEAST_SECONDS", 2.0)
    notebook = right(course)
    slow = "import time\nend = time.process_time() + 2.5\nwhile time.process_time() < end: pass"
    before(notebook, "mean-square", f"{slow}\nshare = 10")
    answer(notebook, "weights", "weights = observed / share")
    record = graded(course, notebook)
    assert (record.score, record.notices) == (FULL, [])


def test_notices_name_the_limit(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marking, "Limits", partial(Limits, memory=800 << 20, disk=64 << 20, busy=8))
    notebook = right(course)
    before(
        notebook,
        "total",
        "import os, time\n"
        "for _ in range(5):\n"
        "    if os.fork() == 0:\n"
        "        kept = b'x' * (200 << 20)\n"
        "        time.sleep(60)\n"
        "time.sleep(60)",
    )
    before(notebook, "weights", "with open('/tmp/x', 'wb') as file: file.write(bytes(200 << 20))")
    before(
        notebook,
        "quiz",
        "import subprocess, sys\n"
        "code = 'while True: pass'\n"
        "children = [subprocess.Popen([sys.executable, '-S', '-c', code]) for _ in range(16)]\n"
        "for child in children: child.wait()",
    )
    record = graded(course, notebook)
    assert record.score == FULL
    told = " ".join(record.notices)
    assert "used too much memory (more than 0.8 GB)" in told
    assert "filled the temporary folder, which holds 64 MB" in told
    assert "processes or threads at the same time (more than 8)" in told

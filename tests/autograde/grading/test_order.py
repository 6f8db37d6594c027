"""What "Restart and run all" sees, grading sees: wherever an answer's parts stand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograde.grading.mark import Assignment, Timing, mark
from autograde.model.records import SubmissionResult
from autograde.notebooks.release import to_json
from tests.redteam.case import cell
from tests.redteam.toy import RIGHT, answered, assignment, write_course

Change = Callable[[NotebookNode], None]


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    return assignment(write_course(tmp_path_factory.mktemp("course")))


def graded(trusted: Assignment, change: Change, colab: bool = False) -> SubmissionResult:
    notebook = answered(trusted.released, RIGHT)
    change(notebook)
    data: Any = json.loads(to_json(notebook))
    if colab:
        for each in data["cells"]:
            each["metadata"] = {}
            each.pop("id")
        data["nbformat_minor"] = 0
    content = json.dumps(data).encode()
    timing = Timing(least=60.0, call=6.0)
    return mark(content, "Ada", trusted, b"secret" * 4, timing, "bubblewrap", ())[0]


def scores(record: SubmissionResult) -> dict[str, float | None]:
    return {task.task: task.score for task in record.tasks}


FULL = {"mean-square": 3.0, "total": 2.0, "weights": 2.0, "quiz": 2.0, "why": None}


def after(notebook: NotebookNode, grade_id: str, source: str) -> None:
    position = notebook.cells.index(cell(notebook, grade_id)) + 1
    notebook.cells.insert(position, new_code_cell(source))


def write(notebook: NotebookNode, task: str, source: str) -> None:
    cell(notebook, task).source = f"# answer: {task}\n{source}"


def all_at_once(notebook: NotebookNode) -> None:
    """Several mishaps that do not touch each other."""
    write(
        notebook,
        "mean-square",
        "def mean_square(numbers):\n    return squares(numbers) / n(numbers)",
    )
    after(
        notebook,
        "mean-square-test",
        "from google.colab import drive\nimport xaikit, captum.attr as ca\n"
        "drive.mount('/content')\ndef squares(numbers):\n    return float((numbers**2).sum())",
    )
    write(
        notebook,
        "total",
        "import math as m\n%unknown_magic 3\ntotal = m.comb(101, 2)\n"
        "def n(numbers):\n    return m.prod(numbers.shape)",
    )
    write(
        notebook,
        "weights",
        "from google.colab import drive\ndrive.mount('/x')\nweights = observed / 10",
    )
    after(notebook, "quiz", "answers = dict(a='yes', b='no')")
    write(notebook, "quiz", "import tensorflow as tf\ntf.random.set_seed(0)\nanswers = None")


def test_several_mishaps(trusted: Assignment) -> None:
    record = graded(trusted, all_at_once)
    assert scores(record) == FULL, [t.message for t in record.tasks]
    assert record.status == "manual_pending"

"""What "Restart and run all" sees, grading sees: wherever an answer's parts stand."""

from __future__ import annotations

from collections.abc import Callable

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


def graded(trusted: Assignment, change: Change) -> SubmissionResult:
    notebook = answered(trusted.released, RIGHT)
    change(notebook)
    timing = Timing(least=60.0, call=6.0)
    content = to_json(notebook).encode()
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


def what_is_missing(notebook: NotebookNode) -> None:
    """Answers that need what is not there, and one that stays untouched."""
    write(notebook, "mean-square", "import captum\ndef mean_square(numbers):\n"
          "    return captum.attr(numbers)")  # fmt: skip
    write(notebook, "total", "import seaborn as sns\ntotal = sns.total()")
    write(notebook, "weights", "weights = get_ipython().run_line_magic('wandb', '')")
    write(notebook, "quiz", 'answers = {"a": None, "b": None}\n# YOUR CODE HERE\npass')
    after(notebook, "quiz-test", "scratch = {'a': 'yes', 'b': 'no'}")


def test_a_message_names_what_is_missing(trusted: Assignment) -> None:
    record = graded(trusted, what_is_missing)
    assert sum(score or 0 for score in scores(record).values()) == 0
    said = {task.task: task.message for task in record.tasks}
    assert "there is no module seaborn where grading runs" in said["total"]
    assert "there is no magic %wandb where grading runs" in said["weights"]
    assert "ModuleNotFoundError" in said["mean-square"]
    assert "as it was handed out" in said["quiz"]

"""What given cells made with packages out of reach is what hidden calls do without."""

from __future__ import annotations

from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograde.notebooks.unseen import unseen
from autograde.tasks import Call, Task, Value
from xaikit.handin.unseen import ByHand


def none(rng: Any) -> list[tuple[Any, ...]]:
    return []


def scored(answer: Any) -> None:
    """Give full marks."""


TASKS = {
    "f": Task("f", Call("f", none), scored),
    "g": Task("g", Call("g", none, by_hand=False), scored),
    "v": Task("v", Value("v"), scored),
}


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["import numpy as np\nx = np.ones(3)"], []),
        (["import xaikit.data as d, math\ny = math.pi"], ["d"]),
        (["from xaikit import load as get", "data = get('a')", "size = data.size"],
         ["data", "get", "size"]),
        (["from xaikit import load\ndef helper():\n    return load('a')\nz = 1"],
         ["helper", "load"]),
        (["from xaikit import load\nx = load('a')", "x = 3"], ["load"]),
        (["%time\nfrom xaikit import load"], []),
    ],
)  # fmt: skip
def test_it_follows_names_from_cell_to_cell(cells: list[str], names: list[str]) -> None:
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    packages = frozenset({"matplotlib", "numpy", "torch", "tqdm"})
    assert unseen(notebook, TASKS) == (ByHand(("f",), packages, frozenset(names)),)


def test_answers_and_tests_are_not_given() -> None:
    cells = [new_code_cell("from xaikit import load") for _ in range(2)]
    cells[0].metadata["nbgrader"] = {"solution": True, "grade": False}
    cells[1].metadata["nbgrader"] = {"solution": False, "grade": True}
    assert unseen(new_notebook(cells=cells), TASKS)[0].names == frozenset()


def test_what_a_task_names_is_there() -> None:
    cells = [
        new_code_cell("import sklearn, math\ntree = sklearn.tree"),
        new_code_cell("import shap"),
    ]
    cells[0].metadata["nbgrader"] = {"grade_id": "trees", "solution": False, "grade": False}
    tasks = {**TASKS, "t": Task("t", Call("t", none, needs=("trees",)), scored)}
    by_function = {e.functions[0]: e for e in unseen(new_notebook(cells=cells), tasks)}
    assert by_function["t"].names == {"shap"} and "sklearn" in by_function["t"].packages
    assert by_function["f"].names == {"shap", "sklearn", "tree"}

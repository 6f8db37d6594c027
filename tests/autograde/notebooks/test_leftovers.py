"""A given cell deletes the names that nothing below it needs; what is kept is written down."""

from __future__ import annotations

from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograde.notebooks.leftovers import delete_leftovers, left
from autograde.notebooks.release import manifest
from autograde.tasks import Call, Task, Value
from xaikit.checks.session import Known
from xaikit.handin.released import Released


def none(rng: Any) -> list[tuple[Any, ...]]:
    return []


def scored(answer: Any) -> None:
    """Give full marks."""


@pytest.mark.parametrize(
    ("source", "below", "names"),
    [
        ("figure = 1\nkept = 2", ["kept + 1"], ["figure"]),
        ("import math\nx = math.pi", [], ["x"]),  # an import stays
        ("for name, (a, b) in rows:\n    c = a", [], ["a", "b", "c", "name"]),
        ("with open('f') as file:\n    text = file.read()", ["print(text)"], ["file"]),
        ("if rows:\n    perhaps = 1", [], []),  # not bound in any case
        ("x = 1\n_y = 2\nx: int", [], ["x"]),
        ("x = 1\ndel x", [], []),
        ("x = 1", ["def f():\n    return x"], []),
        ("x = 1", ["x = 2\nprint(x)"], ["x"]),
        ("x = 1", ["globals()['x']"], []),
        ("size = 3\ndef f():\n    return size", ["f()"], []),
        ("size = 3\nclass A:\n    n = size\na = A()", ["a.n"], ["A"]),
        ("def f():\n    return 1", [], ["f"]),
        ("x = 1", ["# task\n'''Set it to `x + 1`.'''"], []),
        ("%time\nx = 1", [], []),
    ],
)
def test_what_nothing_below_needs_is_left(source: str, below: list[str], names: list[str]) -> None:
    assert left(source, [new_code_cell(text) for text in below]) == names


def test_a_name_that_a_text_quotes_stays_unless_it_is_a_loops() -> None:
    text = [new_markdown_cell("Use `pictures[:3]` and `name`; signs are not quoted.")]
    assert left("pictures = signs = 1\nfor name in 'ab':\n    pass", text) == ["name", "signs"]


def notebook() -> Any:
    sources = ["import math\nn = 3", "images = 1\nfigure = 2", "answer = None", "answer", "images"]
    cells = [new_code_cell(source) for source in sources]
    for place, (name, solution, grade) in enumerate(
        [("tools", 0, 0), ("given", 0, 0), ("v", 1, 0), ("v-test", 0, 1), ("last", 0, 0)]
    ):
        cells[place].metadata["nbgrader"] = {
            "grade_id": name,
            "solution": bool(solution),
            "grade": bool(grade),
        }
    return new_notebook(cells=cells)


def test_given_cells_delete_what_they_leave_but_for_what_functions_need() -> None:
    made = notebook()
    delete_leftovers(made, frozenset({"tools"}))
    assert [cell.source.split("\n")[-1] for cell in made.cells] == [
        *("n = 3", "del figure", "answer = None", "answer", "images")
    ]
    space: dict[str, Any] = {}
    for cell in made.cells:
        exec(cell.source, space)
    assert {"n", "images"} <= space.keys() and "figure" not in space


def test_the_names_of_given_cells_and_answers_are_written_down() -> None:
    made = notebook()
    made.metadata["course"] = {"release": "x"}
    delete_leftovers(made, frozenset())
    tasks = {
        "v": Task("v", Value("answer", "more"), scored),
        "c": Task("c", Call("f", none), scored),
    }
    known = Known.of(Released.read(manifest(made, tasks)))
    assert known.functions == {"c": "f"} and known.variables == {"v": ("answer", "more")}
    assert [(cell.begins, cell.names) for cell in known.given] == [
        ("import math", {"math"}),
        ("images = 1", {"images"}),
        ("images", set()),
    ]
    assert len(known.tests) == 1

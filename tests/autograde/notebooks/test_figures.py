"""Which names a cell needs and binds, against running it; what is run again, and what is shown."""

from __future__ import annotations

import builtins
import contextlib
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell
from small_course import ANSWERS, CHECKS, SOURCE, write_course

from autograde.grading.mark import Timing, load_assignment, mark
from autograde.model.course import Course
from autograde.notebooks.cells import SourceError, answers
from autograde.notebooks.figures import is_figure, to_run
from autograde.notebooks.release import to_json
from autograde.notebooks.source import read_source
from xaikit.handin.names import defined, needed

GIVEN = {"axis": 1, "values": [3, 1], "method": "m", "plt": 2, "total": 4}
CELLS = {
    "axis = 1": set(),
    "axis += 1": {"axis"},
    "axis = axis + 1": {"axis"},
    "print(axis)\naxis = 2": {"axis"},
    "for method in values:\n    print(method)": {"values"},
    "x = [method for method in values]": {"values"},
    "x = {method: axis for method in values for axis in values}": {"values"},
    "def f(values):\n    return values + [axis]\nf([])": {"axis"},
    "def f():\n    global axis\n    axis = 2\nf()": set(),
    "class A:\n    axis = 1\n    both = axis, method": {"method"},
    "import math as plt\nplt.pi": set(),
    "f = lambda total: total + axis\nf(1)": {"axis"},
    "if axis:\n    method = 1": {"axis"},
    "with open('/dev/null') as axis:\n    axis.name": set(),
    "(axis, *rest) = values": {"values"},
    "f'{axis:.1f}'": {"axis"},
    "values[0] = 1": {"values"},
    "plt.x = 1": {"plt"},
    "del axis": {"axis"},
}


class Watched(dict):
    """A namespace that notes which of the given names were looked up before they were bound."""

    def __init__(self) -> None:
        super().__init__(__builtins__=builtins)
        self.taken: set[str] = set()

    def __missing__(self, name: str) -> object:
        if name in GIVEN:
            self.taken.add(name)
            return GIVEN[name]
        raise KeyError(name)


@pytest.mark.parametrize("source", CELLS)
def test_what_a_cell_needs_is_what_it_takes_when_it_runs(source: str):
    assert needed(source) is not None
    assert needed(source) & GIVEN.keys() == CELLS[source]
    if "def " in source or "lambda" in source or "plt.x" in source or " for " in source:
        return  # names of inner scopes are looked up past a dictionary's __missing__
    space = Watched()
    try:
        exec(source, space)
    except NameError:  # of del, which looks nothing up
        return
    assert space.taken <= CELLS[source]


@pytest.mark.parametrize(
    "source",
    ["%timeit f()", "def f(:", "x = globals()['axis']", "eval('axis')", "def f(): return vars()"],
)
def test_what_may_take_any_name_needs_all(source: str):
    assert needed(source) is None


@pytest.mark.parametrize("source", [s for s in CELLS if "del " not in s])
def test_what_a_cell_binds_is_what_is_there_afterwards(source: str):
    space = dict(GIVEN)
    before = dict(space)
    with contextlib.suppress(AttributeError, TypeError):
        exec(source, space)
    bound = {n for n, v in space.items() if n not in before or v is not before[n]}
    assert bound - {"__builtins__"} <= defined(source)


def test_a_figure_runs_for_who_needs_it_and_so_does_one_that_it_needs():
    figures = [
        (1, new_code_cell("rows = 3")),
        (2, new_code_cell("columns = rows")),
        (3, new_code_cell("other = 1")),
    ]
    assert to_run(figures, [(5, "answer = 1")]) == set()
    assert to_run(figures, [(5, "answer = columns")]) == {1, 2}
    assert to_run(figures, [(0, "other")]) == set()  # that was another one
    assert to_run(figures, [(5, "%run other")]) == {1, 2, 3}


# --- the whole way -------------------------------------------------------------------------------

_FIGURE = '# %% tags=["figure"]\nseen = 7\nprint("a figure")\n'
WITH_FIGURE = SOURCE.replace(
    "# %% [markdown]\n# {{ hint }}", f"{_FIGURE}\n# %% [markdown]\n# `seen`\n#\n# {{{{ hint }}}}"
)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return write_course(tmp_path_factory.mktemp("figures"), WITH_FIGURE, CHECKS, ANSWERS)


def test_a_figure_is_shown_as_the_solution_saw_it_and_runs_only_where_it_is_needed(
    course: Course,
):
    assignment = load_assignment("01_small", course.file)
    figure = next(cell for cell in assignment.released.cells if is_figure(cell))

    def graded(total: str, timing: Timing) -> tuple[dict[str, float | None], str, Timing]:
        texts = dict(assignment.solutions, total=f"# answer: total\n{total}")
        notebook = assignment.released.copy()
        notebook = type(notebook)(**{**notebook, "cells": [c.copy() for c in notebook.cells]})
        for part in answers(notebook):
            notebook.cells[part.cell]["source"] = texts[part.task]
        record, after = mark(
            to_json(notebook).encode(), "x", assignment, b"secret" * 4, timing, "bubblewrap", ()
        )
        shown = next(c for c in record.notebook["cells"] if c["id"] == figure.id)["outputs"]
        return {t.task: t.score for t in record.tasks}, shown[0]["text"], after

    marks, shown, first = graded("total = 10", Timing())
    assert (marks["total"], shown) == (3, "a figure\n")
    assert figure.id in first.cells and first.figures[figure.id]
    planted = Timing(first.cells, first.call, first.total, {figure.id: first.figures[figure.id]})
    planted.figures[figure.id][0]["text"] = "as the solution saw it\n"
    marks, shown, _ = graded("total = 10", planted)
    assert (marks["total"], shown) == (3, "as the solution saw it\n")
    marks, shown, _ = graded("total = seen + 3", planted)
    assert (marks["total"], shown) == (3, "a figure\n")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (WITH_FIGURE.replace("total = sum(range(5))", "total = seen + 3"), "takes 'seen' from it"),
        (WITH_FIGURE.replace("seen = 7", "%time seen = 7"), "is plain Python"),
        (
            SOURCE.replace("# %% [markdown]\n# {{ hint }}", '# %% [markdown] tags=["figure"]\n# x'),
            "only a given code cell",
        ),
    ],
)
def test_a_figure_that_others_build_on_is_refused(changed: str, words: str, tmp_path: Path):
    course = write_course(tmp_path, changed, CHECKS, ANSWERS)
    with pytest.raises(SourceError, match=words):
        read_source(tmp_path / "solutions" / "01_small.py", course)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f():\n    a = 1\n    a += 2\n    del a", set()),
        ("class A:\n    b = 1\n    b += 1", set()),
        ("def f():\n    global a\n    a += 2", {"a"}),
        ("a += 1\ndel b", {"a", "b"}),
    ],
)
def test_what_a_function_adds_to_is_its_own_unless_it_says_global(source: str, names: set[str]):
    assert needed(source) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(axis):\n    return axis\naxis = 1\naxis", set()),
        ("f = lambda axis: axis\naxis = 1\naxis", set()),
        ("def f():\n    axis = 2\n    return axis\naxis = 1\naxis", set()),
        ("shown = [i for i in rows]\ni = 1\ni", {"rows"}),
        ("def f(a=b):\n    return a\nb = 1\nb", {"b"}),
        ("@mark\ndef f(mark):\n    return mark\nmark = 1\nmark", {"mark"}),
        ("class A:\n    axis = 1\nshown = axis", {"axis"}),
        ("def f():\n    return axis\naxis = 1\naxis", {"axis"}),
        ("def f():\n    global axis\n    axis = 1\n    return axis\naxis", set()),
    ],
)
def test_a_name_inside_is_not_the_one_outside(source: str, names: set[str]):
    assert needed(source) == names

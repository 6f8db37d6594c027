"""Every task ships four answers, and the real grader tells them apart.

The solution earns every point, the untouched cell none. In two more notebooks every other task has
a plausible mistake, and the tasks between have their differently written right answer: each loses
exactly the tasks with mistakes. That a mistake spoils no other task follows from more: no cell
takes a name that an answer before it binds, and a function is called where only the cells that it
needs have run.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from autograde.grading import mark as marking
from autograde.model.records import SubmissionResult
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import answers
from autograde.notebooks.leftovers import delete_leftovers
from autograde.notebooks.release import released, solved, to_json
from tests.sheets import COURSE, NAMES, source, written
from xaikit.names import defined, deleted, needed

SECRET = b"the tests' own secret"


def assignment(name: str) -> marking.Assignment:
    return marking.load_assignment(name, COURSE.file)


def automatic(name: str) -> list[str]:
    return [a.task for a in answers(assignment(name).released) if not a.manual]


def graded(
    name: str, texts: dict[str, str], timing: marking.Timing
) -> tuple[SubmissionResult, marking.Timing]:
    content = to_json(submission(assignment(name).released, texts)).encode()
    hidden = (COURSE.folder,)
    return marking.mark(content, "student", assignment(name), SECRET, timing, "bubblewrap", hidden)


@cache
def solution_run(name: str) -> tuple[SubmissionResult, marking.Timing]:
    notebook = solved(source(name))
    texts = {a.task: notebook.cells[a.cell].source for a in answers(notebook)}
    return graded(name, texts, marking.UNTIMED)


def grade(name: str, texts: dict[str, str]) -> SubmissionResult:
    """Grade as a class is: limits and figures are those of the solution's run."""
    result, _ = graded(name, texts, solution_run(name)[1])
    assert [t.notice for t in result.tasks if t.notice] == []
    return result


def lost(result: SubmissionResult) -> dict[str, str]:
    return {t.task: t.message for t in result.tasks if t.score not in (t.max_score, None)}


def graded_case(name: str, *more: int) -> Any:
    """Return one of a notebook's runs: slow but for the first notebook, all on one worker.

    They share the solution's run, which takes longest.
    """
    marks = [pytest.mark.xdist_group(name), *[pytest.mark.slow] * (name != NAMES[0])]
    return pytest.param(name, *more, marks=marks)


every_notebook = pytest.mark.parametrize("name", [graded_case(name) for name in NAMES])
every_half = pytest.mark.parametrize(
    ("name", "half"), [graded_case(name, half) for name in NAMES for half in (0, 1)]
)


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_takes_a_name_that_an_answer_before_it_binds(name: str):
    """Neither a given cell nor another answer does, so that one wrong answer loses one task."""
    notebook = solved(source(name))
    others = written(name)
    answered = {a.cell: a.task for a in answers(notebook) if not a.manual}
    own = {a.test for a in answers(notebook)}
    binders: dict[str, str] = {}
    taken = []
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or position in own:
            continue
        task = answered.get(position, "")
        texts = [cell.source, *(others[task].values() if task else ())]
        for text in texts:
            taken += [
                f"{name_} of {binders[name_]} in {task or cell.source.strip()[:60]!r}"
                for name_ in sorted((needed(text) or frozenset()) - defined(text))
                if binders.get(name_, "") not in ("", task)
            ]
        for text in texts:
            binders |= dict.fromkeys(defined(text), task)
    assert taken == []


@pytest.mark.parametrize("name", NAMES)
def test_every_automatic_task_has_both_written(name: str):
    others = written(name)
    for task in automatic(name):
        assert set(others.get(task, {})) == {"alternative", "wrong"}, task
        assert len({assignment(name).solutions[task], *others[task].values()}) == 3, task


@every_notebook
def test_the_solution_earns_every_automatic_point(name: str):
    result, _ = solution_run(name)
    assert [t.notice for t in result.tasks if t.notice] == []
    assert lost(result) == {}
    assert result.status in ("graded", "manual_pending")
    assert result.notices == []


@every_notebook
def test_the_untouched_notebook_earns_nothing_and_runs_to_its_end(name: str):
    result = grade(name, {})
    assert (result.score, result.status) == (0, "graded")
    assert result.notebook is not None
    tests = {f"{task}-test" for task in automatic(name)}
    for cell in result.notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") not in tests:
            assert [o for o in cell.get("outputs", []) if o["output_type"] == "error"] == []


@every_half
def test_a_mistake_loses_its_own_task_and_another_right_answer_earns_all(name: str, half: int):
    tasks, others = automatic(name), written(name)
    wrong = set(tasks[half::2])
    texts = {t: others[t]["wrong" if t in wrong else "alternative"] for t in tasks}
    result = grade(name, {**assignment(name).solutions, **texts})
    assert set(lost(result)) == wrong
    for task, message in lost(result).items():
        assert message.strip() not in ("", "Correct."), task


def script(name: str) -> str:
    """Return the author's text of all sections, one after the other."""
    layout = source(name).layout
    return "\n".join(s.script.read_text(encoding="utf-8") for s in layout.sections)


@pytest.mark.parametrize("name", NAMES)
def test_the_sections_define_what_they_use_and_use_what_they_import(name: str):
    """What ruff cannot see section by section: unused imports, undefined names."""
    rules = ["check", "--isolated", "--select", "F401,F821", "--output-format", "concise", "-"]
    command = [sys.executable, "-m", "ruff", *rules]
    found = subprocess.run(command, input=script(name), capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "All checks passed!\n")


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_uses_a_name_that_a_given_cell_deleted(name: str):
    """By ruff's reading, not by that of the code that lets given cells delete names."""
    notebook = deepcopy(source(name).notebook)
    delete_leftovers(notebook, frozenset())
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert any("\ndel " in cell for cell in cells)
    rules = ["check", "--isolated", "--select", "F821", "--output-format", "concise", "-"]
    command = [sys.executable, "-m", "ruff", *rules]
    found = subprocess.run(command, input="\n".join(cells), capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "All checks passed!\n")


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_takes_a_name_that_release_lets_a_given_cell_delete(name: str):
    plain = [c.source for c in released(source(name)).cells if "\ndel " in c.source]
    gone = frozenset[str]().union(*map(deleted, plain))
    assert gone
    texts = {(task, k): text for task, kinds in written(name).items() for k, text in kinds.items()}
    taken = {
        key: names & gone - defined(text) - _local(text)
        for key, text in texts.items()
        if (names := needed(text))
    }
    assert {key: names for key, names in taken.items() if names} == {}


def _local(text: str) -> set[str]:
    """Return the names that functions in a text bind for themselves."""
    stored = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name | ast.arg))
    return {
        n.arg if isinstance(n, ast.arg) else n.id
        for n in stored
        if isinstance(n, ast.arg) or isinstance(n.ctx, ast.Store)
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_notebook_is_what_release_generates(name: str):
    committed = COURSE.folder / "notebooks" / f"{name}.ipynb"
    assert committed.read_text(encoding="utf-8") == to_json(released(source(name)))


def test_no_notebook_lacks_its_source():
    there = {path.stem for path in (COURSE.folder / "notebooks").glob("*.ipynb")}
    assert there == set(NAMES)

"""Every task ships four answers, and the real grader tells them apart.

The solution earns every point. In a second notebook the tasks take turns: a plausible mistake, the
differently written right answer, the untouched cell. It loses exactly the tasks with mistakes and
those left untouched, the latter wholly. That each kind earns the same in every other task is tested
without the sandbox, notebook by notebook. That a mistake spoils no other task follows from more: no
cell takes a name that an answer before it binds, and a function is called where only the cells that
it needs have run.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from copy import deepcopy
from functools import cache
from itertools import cycle
from typing import Any

import pytest

from autograde.grading import mark as marking
from autograde.grading.reports import HandedReport
from autograde.model.records import SubmissionResult
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import answers, report_task
from autograde.notebooks.leftovers import delete_leftovers
from autograde.notebooks.release import released, solved, to_json
from tests.sheets import COURSE, MARKED, NAMES, source, written
from xaikit import report
from xaikit.handin.names import defined, deleted, needed

SECRET = b"the tests' own secret"


def assignment(name: str) -> marking.Assignment:
    return marking.load_assignment(name, COURSE.file)


def automatic(name: str) -> list[str]:
    return [a.task for a in answers(assignment(name).released) if not a.manual]


@cache
def beside(name: str) -> HandedReport | None:
    """Return the report that lies beside the notebook, where a task asks for one."""
    if not report_task(assignment(name).released):
        return None
    with tempfile.TemporaryDirectory() as folder:
        parts = ["A person marks what stands here."]
        made = report("A page", ["student"], "https://example.org", parts, f"{folder}/report.pdf")
        return HandedReport("report.pdf", made.path.read_bytes())


def graded(
    name: str, texts: dict[str, str], timing: marking.Timing
) -> tuple[SubmissionResult, marking.Timing]:
    content = to_json(submission(assignment(name).released, texts)).encode()
    hidden = (COURSE.folder,)
    rest = (SECRET, timing, "bubblewrap", hidden)
    return marking.mark(content, "student", assignment(name), *rest, report=beside(name))


def lost(result: SubmissionResult) -> dict[str, str]:
    return {t.task: t.message for t in result.tasks if t.score not in (t.max_score, None)}


def runs(name: str) -> Any:
    """Return a notebook that is graded whole: slow but for the first one, each on one worker."""
    marks = [pytest.mark.xdist_group(name), *[pytest.mark.slow] * (name != NAMES[0])]
    return pytest.param(name, marks=marks)


every_notebook = pytest.mark.parametrize("name", [runs(name) for name in NAMES])
every_assignment = pytest.mark.parametrize("name", [runs(name) for name in MARKED])


@cache
def solution_run(name: str) -> tuple[SubmissionResult, marking.Timing]:
    notebook = solved(source(name))
    texts = {a.task: notebook.cells[a.cell].source for a in answers(notebook)}
    return graded(name, texts, marking.UNTIMED)


@every_notebook
def test_the_solution_earns_every_automatic_point(name: str):
    result, _ = solution_run(name)
    assert [t.notice for t in result.tasks if t.notice] == []
    assert lost(result) == {}
    assert result.status in ("graded", "manual_pending")
    assert result.notices == []
    assert result.notebook is not None
    code = [cell for cell in result.notebook["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [o for o in outputs if o["output_type"] == "error"] == []
    assert any("image/png" in o.get("data", {}) for o in outputs)  # its figures ran


@every_assignment
def test_a_mistake_and_an_untouched_cell_lose_their_own_task_alone(name: str):
    """Graded as a class is: limits and figures are those of the solution's run."""
    others = written(name)
    kinds = dict(zip(automatic(name), cycle(("wrong", "alternative", "untouched")), strict=False))
    texts = {task: others[task][kind] for task, kind in kinds.items() if kind != "untouched"}
    by_hand = {t: text for t, text in assignment(name).solutions.items() if t not in kinds}
    result, _ = graded(name, by_hand | texts, solution_run(name)[1])
    assert [t.notice for t in result.tasks if t.notice] == []
    assert set(lost(result)) == {task for task, kind in kinds.items() if kind != "alternative"}
    assert all(message.strip() not in ("", "Correct.") for message in lost(result).values())
    untouched = {t.task: t.score for t in result.tasks if kinds.get(t.task) == "untouched"}
    assert untouched == {task: 0 for task, kind in kinds.items() if kind == "untouched"}
    assert result.notebook is not None
    answered = {f"{task}{part}" for task in kinds for part in ("", "-test")}
    for cell in result.notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") not in answered:
            assert [o for o in cell.get("outputs", []) if o["output_type"] == "error"] == []


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


@pytest.mark.parametrize("name", MARKED)
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


@pytest.mark.parametrize("name", MARKED)
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


def test_the_appendices_are_those_that_tell_so():
    """A notebook that loses its tasks by a slip becomes no appendix in silence."""
    assert set(NAMES) - set(MARKED) == {"08_your_own_network"}
    assert [name for name in NAMES if not answers(source(name).notebook)] == [
        name for name in NAMES if name not in MARKED
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in MARKED])
def test_readers_of_an_appendix_change_any_cell_and_use_any_name(name: str):
    cells = released(source(name)).cells
    assert all(cell.metadata.get("editable", True) for cell in cells)
    assert not any("\ndel " in cell.source for cell in cells)


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

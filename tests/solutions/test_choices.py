"""Our own notebooks by choice: the exercise sheet, the core paths, and what they say of time."""

from __future__ import annotations

import ast
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sheets import COURSE, ROOT, source

from autograde.authoring.named import unconditional
from autograde.grading.mark import UNTIMED, load_assignment, mark
from autograde.model.course import Terms
from autograde.model.course_file import read_course
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import SourceError, answers
from autograde.notebooks.outline import outline
from autograde.notebooks.release import release, released, to_json
from autograde.notebooks.scripts import read_script
from autograde.notebooks.source import Source, find_source, read_source, sources

SHEET = ROOT / "examples" / "exercise_sheet" / "course.toml"
THEORY, PRACTICE = "01_theory", "02_local_explanations"


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the exercise sheet's course.toml in a copy of the course."""
    folder = tmp_path_factory.mktemp("sheet")
    shutil.copytree(
        ROOT / "solutions", folder / "solutions", ignore=shutil.ignore_patterns("__pycache__")
    )
    return Path(shutil.copy(SHEET, folder))


def earned(file: Path, name: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return the points of the tasks, as the solution and as the untouched notebook earn them.

    What a person marks is left out for the solution, and earns nothing for the untouched one.
    """
    assignment = load_assignment(name, file)
    found = []
    for texts in (assignment.solutions, {}):
        content = to_json(submission(assignment.released, texts)).encode()
        result, _ = mark(content, "x", assignment, bytes(32), UNTIMED, "none", ())
        assert result.notices == []
        found.append({t.task: t.score for t in result.tasks if t.score is not None})
    return found[0], found[1]


def test_the_exercise_sheet_is_two_notebooks(sheet: Path) -> None:
    said: list[str] = []
    paths = release([], read_course(sheet), said.append)
    assert [path.stem for path in paths] == [THEORY, PRACTICE]
    assert [line.rpartition(": ")[2] for line in said] == [
        "2 tasks, 28 points",
        "4 tasks, 28 points",
    ]
    practice = paths[1].read_text(encoding="utf-8")
    assert "eight methods × four targets × two examples" in practice
    assert "about three hours for a group" in practice and "### TreeSHAP" in practice


def test_the_sheets_theory_is_graded(sheet: Path) -> None:
    assert earned(sheet, THEORY) == (
        {"quiz": 20, "quiz-more": 8},
        {"quiz": 0, "quiz-more": 0},
    )


def test_the_sheets_practice_is_graded(sheet: Path) -> None:
    assert earned(sheet, PRACTICE) == (
        {"targets": 4, "grid": 8, "report": 0},  # no report lies beside the solution
        {"targets": 0, "grid": 0, "interpret-grid": 0, "report": 0},
    )


def chosen(name: str, **choice: object) -> Source:
    course = replace(COURSE, assignments={**COURSE.assignments, name: Terms(**choice)})  # type: ignore[arg-type]
    return read_source(find_source(ROOT / "solutions", name), course)


CORE = {
    # Minutes and share of the points. All of 02 takes fifteen hours and of 03 ten: three hours of
    # either cannot hold half of the points, as long as a point stands for the same work everywhere.
    "01_theory": (150, 0.49),
    "02_local_explanations": (190, 0.20),
    "03_adversarial_attacks": (180, 0.30),
    "04_backdoors": (190, 0.49),
    "05_counterfactuals": (175, 0.44),
    "06_influence": (180, 0.54),
    "07_concepts": (180, 0.49),
}


@pytest.mark.parametrize("name", CORE)
def test_the_core_path_stands_for_itself(name: str) -> None:
    core = chosen(name, core=True)
    notebook = released(core)
    worth, every = (
        sum(part.points for part in answers(each)) for each in (notebook, source(name).notebook)
    )
    minutes, share = CORE[name]
    assert round(worth / every, 2) == share
    assert sum(s.minutes for s in whole(name).sections if s.core) == minutes
    assert "{{" not in "".join(cell.source for cell in notebook.cells)


def whole(name: str):
    """Return the outline of a notebook with nothing left out."""
    read = source(name)
    headers = []
    for section in read.layout.sections:
        headers += [cell.metadata for cell in read_script(section.script).cells]
    return outline(read.notebook.cells, read.files, headers)


@pytest.mark.parametrize("name", CORE)
def test_a_point_is_worth_about_the_same_time_in_every_section(name: str) -> None:
    found = whole(name)
    worth = {each.task: each.points for each in answers(source(name).notebook)}
    total = sum(section.minutes for section in found.sections) / sum(worth.values())
    for section in found.sections:
        here = sum(worth[t] for t, home in found.homes.items() if home == section.number)
        if here:
            assert 0.6 <= section.minutes / here / total <= 1.75, section


@pytest.mark.parametrize("name", CORE)
def test_a_section_says_the_time_of_its_tasks(name: str) -> None:
    found = whole(name)
    assert all(section.minutes for section in found.sections if section.number in worked(found))
    for section in source(name).layout.sections[1:]:  # the first one speaks of the notebook
        text = section.script.read_text(encoding="utf-8")
        assert not re.search(r"\*\*Time:\*\*(?! \{\{ time \}\}\.)", text), section.script


def worked(found) -> set[int]:
    """Return the sections that have a task."""
    return set(found.homes.values())


@pytest.mark.parametrize("name", sources(ROOT / "solutions"))
def test_a_notebook_alone_names_no_other_one(name: str) -> None:
    course = replace(COURSE, notebooks=(name,), assignments={})
    alone = read_source(find_source(ROOT / "solutions", name), course)
    text = "\n".join(cell.source for cell in released(alone).cells)
    text += "".join(task.read for task in alone.checks.tasks.values())
    assert not re.search(r"\b[Nn]otebooks? \d", text)
    others = (
        r"\b(other|next|last|previous|earlier|later|all|one of the|the course.s|of your) notebook"
    )
    assert not re.search(others, text, re.IGNORECASE)


@pytest.mark.parametrize("name", CORE)
def test_a_text_may_name_a_task_that_a_course_leaves_out(name: str) -> None:
    assert [*unconditional(source(name))] == []


@pytest.mark.parametrize("name", CORE)
def test_what_a_course_leaves_out_is_not_announced(name: str) -> None:
    """A part of a notebook says neither what all of it teaches nor how long all of it runs."""
    first = chosen(name, core=True).notebook.cells[0].source
    assert "After this" not in first and "After it you can" not in first
    assert "run in about" not in first and "four global methods" not in first


@pytest.mark.parametrize(
    ("name", "sections", "needed"),
    [
        ("05_counterfactuals", ("2", "7"), "{{ section.comparison }}"),
        ("06_influence", ("9",), "{{ section.hunts }}"),
        ("07_concepts", ("8",), "{{ section.tcav }}"),
    ],
)
def test_an_answer_about_measurements_needs_the_section_that_makes_them(
    name: str, sections: tuple[str, ...], needed: str
) -> None:
    course = replace(COURSE, notebooks=(name,), assignments={name: Terms(sections=sections)})
    with pytest.raises(SourceError) as caught:
        read_source(find_source(ROOT / "solutions", name), course)
    assert f"{needed}: course.toml leaves this section out; choose it, too" in str(caught.value)


def test_with_all_notebooks_texts_name_them_by_number() -> None:
    named = set()
    for name in sources(ROOT / "solutions"):
        text = "\n".join(cell.source for cell in source(name).notebook.cells)
        named |= {*re.findall(r"\b[Nn]otebook (\d\d)\b", text)}
    assert named == {"01", "02", "03", "04"}


def test_no_message_of_a_check_names_a_notebook_by_its_number() -> None:
    for file in (ROOT / "solutions").glob("*/checks/*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        about = ast.get_docstring(tree, clean=False)
        texts = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        wrong = [t for t in texts - {about} if re.search(r"\b[Nn]otebooks? \d", t)]
        assert not wrong, f"{file}: {wrong}"

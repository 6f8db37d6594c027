"""The table [software] of course.toml: what it names reaches data, runs and tasks by hand."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from small_course import CHECKS, COURSE, SOURCE, write_course

from autograde.grading.data import DataError, data_source, settle_data
from autograde.grading.mark import UNTIMED, Assignment, load_assignment, mark
from autograde.model.course_file import read_course
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import SourceError
from autograde.notebooks.release import to_json
from autograde.notebooks.source import read_source

REPOSITORY = Path(__file__).parents[3]
NAME = "01_small"
WITH_COLORSYS = """# answer: double
def double(x):
    import colorsys
    colorsys.__name__
    return 2 * x
"""


def assignment_with(folder: Path, software: str) -> Assignment:
    course = write_course(folder)
    course.file.write_text(f"{COURSE}\n[software]\n{software}\n")
    load_assignment.cache_clear()
    return load_assignment(NAME, course.file)


def points(assignment: Assignment, package: str = "colorsys") -> dict[str, float | None]:
    double = WITH_COLORSYS.replace("colorsys", package)
    texts = {**assignment.solutions, "double": double}
    content = to_json(submission(assignment.released, texts)).encode()
    result, _ = mark(content, "x", assignment, b"a secret of tests", UNTIMED, "bubblewrap", ())
    return {task.task: task.score for task in result.tasks}


def test_no_file_of_the_grader_names_what_a_course_explains_with() -> None:
    words = re.compile(r"fashion.?mnist|\b(captum|shap|lime|alibi|skimage|zennit)\b", re.IGNORECASE)
    named = [
        f"{file.name}: {match[0]}"
        for file in sorted((REPOSITORY / "autograde").rglob("*.py"))
        if (match := words.search(file.read_text(encoding="utf-8")))
    ]
    assert named == []


def test_what_is_out_of_reach_by_hand_is_what_the_course_says(tmp_path: Path) -> None:
    free = assignment_with(tmp_path / "free", "out_of_reach_by_hand = []")
    barred = assignment_with(tmp_path / "barred", 'out_of_reach_by_hand = ["colorsys"]')
    assert points(free) == {"double": 2.0, "total": 3.0, "why": None}
    assert points(barred) == {"double": 0.0, "total": 3.0, "why": None}
    assert free.version != barred.version


@pytest.mark.parametrize(("given", "earned"), [("math", 0.0), ("math, joblib", 2.0)])
def test_by_hand_a_library_is_within_reach_where_a_given_cell_imports_it(
    tmp_path: Path, given: str, earned: float
) -> None:
    write_course(tmp_path, SOURCE.replace("import math", f"import {given}"), CHECKS)
    load_assignment.cache_clear()
    assignment = load_assignment(NAME, read_course(tmp_path).file)
    assert points(assignment, "joblib")["double"] == earned
    assert points(assignment, "numpy")["double"] == 2.0


def test_a_given_cell_may_not_import_what_is_out_of_reach(tmp_path: Path) -> None:
    course = write_course(tmp_path, SOURCE.replace("import math", "import math, wave"), CHECKS)
    file = tmp_path / "solutions" / f"{NAME}.py"
    assert read_source(file, course).notebook.cells
    course.file.write_text(COURSE + '[software]\nout_of_reach_by_hand = ["wave"]\n')
    with pytest.raises(SourceError, match="imports wave: not there for a task by hand"):
        read_source(file, read_course(tmp_path))


def test_the_data_of_the_course_is_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAIKIT_OFFLINE", "")
    course, said = write_course(tmp_path), []
    settle_data(course, said.append)
    assert said == [] and os.environ["XAIKIT_OFFLINE"] == "1"
    course.file.write_text(COURSE + '[software]\ndata = "fashion_mist"\n')
    with pytest.raises(DataError, match=r"software\.data: There is no data set 'fashion_mist'"):
        settle_data(read_course(tmp_path), said.append)
    settle_data(read_course(REPOSITORY), said.append)
    assert said == [f"Data: {data_source('fashion_mnist')}"]

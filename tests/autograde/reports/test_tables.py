"""The CSV files are read back by Python's csv module; expected rows are written out by hand."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import pytest
from graded_class import NAME, Class, small_class

from autograde.model.course import Course, Terms
from autograde.model.records import SubmissionResult, TaskResult, points
from autograde.reports.tables import marks_table, weighted_share, write_grades, write_tasks

FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Class:
    return small_class(tmp_path_factory.mktemp("course"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2"), (2.5, "2.5"), (1 / 3, "0.3333"), (0.0, "0"), (-0.0, "0"), (10.0, "10")],
)
def test_points(value: float, text: str) -> None:
    assert points(value) == text


def test_a_group_yields_a_row_a_member(small: Class, tmp_path: Path) -> None:
    results = [small.result("Grace Hopper"), small.result("Group 1", {"total": 1.5, "why": 4.0})]
    write_grades(results, small.course, tmp_path / "grades.csv")
    header = (tmp_path / "grades.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "student,group,assignment,score,max_score,status,late"
    found = [tuple(row.values()) for row in rows(tmp_path / "grades.csv")]
    assert found == [
        ("Grace Hopper", "", NAME, "5", "9", "manual_pending", "no"),
        ("Ada Lovelace", "Group 1", NAME, "7.5", "9", "graded", "no"),
        ("Alan Turing", "Group 1", NAME, "7.5", "9", "graded", "no"),
    ]


def test_tasks_add_up_to_grades(small: Class, tmp_path: Path) -> None:
    results = [
        small.result("Group 1", {"total": 1.5}, {"total": 'Nearly,\n\n  `total` is "off".'}),
        small.unreadable("Max"),
    ]
    write_grades(results, small.course, tmp_path / "grades.csv")
    write_tasks(results, small.course, tmp_path / "tasks.csv")
    tasks = rows(tmp_path / "tasks.csv")
    assert list(tasks[0]) == ["student", "assignment", "task", "score", "max_score", "message"]
    assert len(tasks) == 9  # two members and Max, three tasks each
    for grade in rows(tmp_path / "grades.csv"):
        mine = [t for t in tasks if t["student"] == grade["student"]]
        assert sum(float(t["score"] or 0) for t in mine) == float(grade["score"])
        assert sum(float(t["max_score"]) for t in mine) == float(grade["max_score"])
    ada = {t["task"]: t for t in tasks if t["student"] == "Ada Lovelace"}
    assert ada["why"]["score"] == ""
    assert ada["total"]["message"] == 'Nearly, `total` is "off".'


def test_no_cell_is_a_formula(small: Class, tmp_path: Path) -> None:
    result = small.result(FORMULA, {"double": 0.0}, {"double": "+1+cmd|' /C calc'!A0"})
    write_grades([result], small.course, tmp_path / "grades.csv")
    write_tasks([result], small.course, tmp_path / "tasks.csv")
    for name in ("grades.csv", "tasks.csv"):
        for row in rows(tmp_path / name):
            for cell in row.values():
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert FORMULA in rows(tmp_path / "grades.csv")[0]["student"]


def test_writing_replaces_the_whole_file(small: Class, tmp_path: Path) -> None:
    path = tmp_path / "grades.csv"
    write_grades([small.result("A"), small.result("B")], small.course, path)
    write_grades([small.result("A")], small.course, path)
    assert len(rows(path)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["grades.csv"]


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_marks_table_is_aligned_and_fits(small: Class) -> None:
    names = ["Ada", "王小明", "Anne-Sophie Wilhelmina von und zu Hohenlohe the Third"]
    results = [small.result(name) for name in names]
    lines = marks_table(results, small.course, width=40).splitlines()
    assert all(columns(line) <= 40 for line in lines[:-1])
    marks = [line for line in lines if "5/9 w" in line]
    assert len(marks) == 3
    assert len({columns(line) for line in marks}) == 1
    assert "…" in next(line for line in marks if line.startswith("Anne"))
    assert lines[-1] == "w waits for a person"


def test_marks_table_cannot_steer_the_terminal(small: Class) -> None:
    table = marks_table([small.result("a\x1b[2Jb\r\u202ec\nd")], small.course, width=80)
    controls = [c for c in table if unicodedata.category(c)[0] == "C" and c != "\n"]
    assert not controls
    assert len(table.splitlines()) == 5  # header, rule, one student, rule, legend


def test_marks_table_without_submissions(small: Class) -> None:
    assert marks_table([], small.course) == "No submissions."


def test_weighted_share() -> None:
    course = Course("c", "a/b", "v1", assignments={"x": Terms(weight=1.0), "y": Terms(weight=3.0)})
    results = [
        SubmissionResult("s", "x", "graded", [TaskResult("t", 1.0, 2.0, "")]),
        SubmissionResult("s", "y", "graded", [TaskResult("t", 4.0, 4.0, "")]),
    ]
    assert weighted_share(results, course) == pytest.approx((1 * 0.5 + 3 * 1.0) / 4)
    assert weighted_share([], course) is None
    table = marks_table([*results, SubmissionResult("u", "x", "missing")], course, width=80)
    ours = {line.split()[0]: line.split()[1:] for line in table.splitlines()[2:4]}
    assert ours == {"s": ["1/2", "4/4", "88%"], "u": ["-", "-"]}

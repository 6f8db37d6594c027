"""Grading, tables, feedback, statistics and commands follow what course.toml chooses."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from two_sections import NAME, write_two

from autograde.commands.course import describe
from autograde.commands.demo_class import Recipe, Student, fitting
from autograde.commands.grade import grade
from autograde.grading.mark import load_assignment
from autograde.model.course import Course
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.cells import SourceError
from autograde.notebooks.release import release, to_json
from autograde.notebooks.source import course_sources

CHOSEN = 'skip = ["total"]\npoints = { double = 5 }'


def hand_in(course: Course, folder: Path) -> None:
    """Ada answers as the author does, Alan makes the plausible mistakes."""
    load_assignment.cache_clear()
    assignment = load_assignment(NAME, course.file)
    others = load_answers(course.folder / "solutions" / NAME)
    wrong = {t: kinds["wrong"] for t, kinds in others.items() if t in assignment.solutions}
    for student, texts in (("Ada Lovelace", assignment.solutions), ("Alan Turing", wrong)):
        (folder / student).mkdir(parents=True, exist_ok=True)
        text = to_json(submission(assignment.released, texts))
        (folder / student / f"{NAME}.ipynb").write_text(text, encoding="utf-8")


def table(file: Path, *columns: str) -> list[tuple[str, ...]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return [tuple(row[column] for column in columns) for row in csv.DictReader(stream)]


def test_marks_tables_and_pages_are_those_of_the_choice(tmp_path: Path) -> None:
    course, out = write_two(tmp_path / "course", CHOSEN), tmp_path / "out"
    release([], course, lambda line: None)
    hand_in(course, tmp_path / "in")
    grade(tmp_path / "in", course, out, isolation="none", say=lambda line: None)
    grades = table(out / "grades.csv", "student", "score", "max_score", "status")
    assert grades == [
        ("Ada Lovelace", "9", "15", "manual_pending"),  # 5 + 4, and 6 by a person
        ("Alan Turing", "0", "15", "graded"),
    ]
    tasks = table(out / "tasks.csv", "student", "task", "score", "max_score")
    assert [row[1:] for row in tasks if row[0] == "Ada Lovelace"] == [
        *(("double", "5", "5"), ("mean", "4", "4"), ("why", "", "6")),
    ]
    page = (out / "feedback" / "Ada Lovelace" / f"{NAME}.html").read_text(encoding="utf-8")
    assert "Task 1: twice" in page and "Task 2: the mean" in page and "all of them" not in page
    statistics = "".join(f.read_text("utf-8") for f in (out / "statistics").glob("*.csv"))
    assert "mean" in statistics and "total" not in statistics


def test_another_choice_grades_again(tmp_path: Path) -> None:
    course, out = write_two(tmp_path / "course"), tmp_path / "out"
    release([], course, lambda line: None)
    hand_in(course, tmp_path / "in")
    grade(tmp_path / "in", course, out, isolation="none", say=lambda line: None)
    columns = ("student", "score", "max_score")
    assert table(out / "grades.csv", *columns)[0] == ("Ada Lovelace", "9", "15")  # 2 + 3 + 4
    course = write_two(tmp_path / "course", 'sections = ["1"]\npoints = { total = 6 }')
    release([], course, lambda line: None)
    load_assignment.cache_clear()
    grade(tmp_path / "in", course, out, isolation="none", say=lambda line: None)
    assert table(out / "grades.csv", *columns) == [
        ("Ada Lovelace", "8", "8"),
        ("Alan Turing", "0", "8"),
    ]


def test_the_course_is_described_as_chosen(tmp_path: Path) -> None:
    said: list[str] = []
    describe(write_two(tmp_path / "a", CHOSEN), said.append)
    text = "\n".join(said)
    assert "3 tasks, 15 points" in text
    assert "; chosen: 1 task left out; points of its own for double 5." in text
    describe(write_two(tmp_path / "b", "core = true"), said.append)
    assert "; chosen: the core path; 2 tasks left out." in "\n".join(said)


def test_the_bundled_class_answers_what_is_left(tmp_path: Path) -> None:
    course = write_two(tmp_path, CHOSEN)
    load_assignment.cache_clear()
    upload = Recipe(kinds={"total": "wrong", "mean": "wrong"}, before={"total": "x = 1"})
    students = [Student("ada", "", {NAME: upload, "02_other": Recipe()})]
    [ada] = fitting(students, {NAME: load_assignment(NAME, course.file)})
    assert ada.uploads == {NAME: Recipe(kinds={"mean": "wrong"})}


def test_a_course_file_without_solutions_says_what_to_do(tmp_path: Path) -> None:
    course = write_two(tmp_path)
    (tmp_path / "solutions").rename(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match=r"holds no solutions/: copy course\.toml to the folder"):
        course_sources(course)

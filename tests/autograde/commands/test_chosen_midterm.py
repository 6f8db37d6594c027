"""course.toml changes during the term: a marked task's points, a section left out and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from test_chosen_course import hand_in, table
from two_sections import COURSE, NAME, write_two

from autograde.commands.delete import delete
from autograde.commands.grade import grade
from autograde.grading.mark import load_assignment
from autograde.model.course import Course
from autograde.model.course_file import read_course

ADA = "Ada Lovelace"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """The whole course, graded, with 4.5 of 6 points by hand for Ada's text."""
    made = write_two(tmp_path / "course")
    hand_in(made, tmp_path / "in")
    regrade(made)
    with Gradebook(f"sqlite:///{tmp_path / 'out' / 'gradebook.db'}") as gradebook:
        mark = gradebook.find_grade("why", NAME, NAME, ADA)
        mark.manual_score, mark.needs_manual_grade = 4.5, False
        gradebook.find_comment("why", NAME, NAME, ADA).manual_comment = "Which sum?"
        gradebook.db.commit()
    return made


def regrade(course: Course, chosen: str = "") -> str:
    """Grade again with these lines below the assignment; return what the screen says."""
    course.file.write_text(f"{COURSE}{chosen}\n", encoding="utf-8")
    load_assignment.cache_clear()
    said: list[str] = []
    place = course.folder.parent
    again = read_course(course.folder)
    grade(place / "in", again, place / "out", isolation="none", say=said.append)
    return "\n".join(said)


def why(course: Course) -> list[tuple[str, ...]]:
    """Return score and points of Ada's text."""
    file = course.folder.parent / "out" / "tasks.csv"
    rows = table(file, "student", "task", "score", "max_score")
    return [row[2:] for row in rows if row[:2] == (ADA, "why")]


def test_a_mark_by_hand_follows_the_points(course: Course) -> None:
    assert "Ada Lovelace, 01_two, why" not in regrade(course)
    said = regrade(course, "points = { why = 3 }")
    assert why(course) == [("2.25", "3")]
    assert f"{ADA}, {NAME}, why: 4.5 before, 2.25 now (its points changed)" in said
    regrade(course, "points = { why = 3 }")
    assert why(course) == [("2.25", "3")]
    regrade(course, "points = { why = 12 }")
    assert why(course) == [("9", "12")]
    regrade(course)
    assert why(course) == [("4.5", "6")]


def test_a_mark_by_hand_survives_a_choice_without_the_task(course: Course) -> None:
    assert f"{ADA}, {NAME}, why: waiting before, 0 now (the task is gone)" in regrade(
        course, 'sections = ["1"]'
    )
    assert why(course) == []
    regrade(course, "points = { why = 12 }")
    assert why(course) == [("9", "12")]
    page = course.folder.parent / "out" / "feedback" / ADA / f"{NAME}.html"
    assert "Which sum?" in page.read_text(encoding="utf-8")


def test_an_answer_that_changed_meanwhile_waits_again(course: Course) -> None:
    regrade(course, 'sections = ["1"]')
    file = course.folder.parent / "in" / ADA / f"{NAME}.ipynb"
    text = file.read_text(encoding="utf-8")
    assert "Because one adds" in text
    file.write_text(text.replace("Because one adds", "I think that one adds"), encoding="utf-8")
    regrade(course)
    assert why(course) == [("", "6")]


def test_who_is_deleted_is_deleted_from_what_is_kept_aside(course: Course) -> None:
    regrade(course, 'sections = ["1"]')
    out = course.folder.parent / "out"
    delete(ADA, read_course(course.folder), out, lambda line: None)
    assert b"Which sum?" not in (out / "gradebook.db").read_bytes()

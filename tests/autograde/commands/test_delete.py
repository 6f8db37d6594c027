"""Deletion: afterwards no file of a really graded class holds the student's name or words."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from graded_class import NAME, small_class
from nbgrader import api
from one_process import one_process
from small_course import write_course

from autograde.__main__ import main
from autograde.commands.delete import DeleteError, delete
from autograde.commands.export import export
from autograde.commands.grade import grade
from autograde.gradebook.nbgrader_db import fill_gradebook, remove_student
from autograde.grading.mark import load_assignment
from autograde.grading.store import StoreError
from autograde.model.course import Course
from autograde.notebooks.answers import submission
from autograde.notebooks.release import to_json

WORDS = "Grace alone wrote this."
COMMENT = "A comment for Grace alone."


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Course, Path]]:
    """Grade a group of two and two students, sandbox included, and mark one answer by hand."""
    folder = tmp_path_factory.mktemp("delete")
    load_assignment.cache_clear()
    course = write_course(folder / "course")
    assignment = load_assignment(NAME, course.file)
    for student in ("Group 1", "Grace Hopper", "Max"):
        own = WORDS if student == "Grace Hopper" else "Something else."
        texts = {**assignment.solutions, "why": f"<!-- answer: why -->\n{own}"}
        (folder / "in" / student).mkdir(parents=True)
        path = folder / "in" / student / f"{NAME}.ipynb"
        path.write_text(to_json(submission(assignment.released, texts)), encoding="utf-8")
    out = folder / "out"
    quiet: list[str] = []
    with one_process():
        grade(folder / "in", course, out, jobs=1, say=quiet.append)
    for student, mark in (("Grace Hopper", 4.0), ("Max", 3.0)):
        with api.Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
            given = gradebook.find_grade("why", NAME, NAME, student)
            given.manual_score, given.needs_manual_grade = mark, False
            gradebook.find_comment("why", NAME, NAME, student).manual_comment = COMMENT
            gradebook.db.commit()
    with one_process():
        grade(folder / "in", course, out, jobs=1, say=quiet.append)
    export(out, course, "csv", say=quiet.append)
    yield course, out
    load_assignment.cache_clear()


@pytest.fixture
def graded(once: tuple[Course, Path], tmp_path: Path) -> tuple[Course, Path]:
    course, out = once
    shutil.copytree(out, tmp_path / "out")
    return course, tmp_path / "out"


def holding(out: Path, *words: str) -> set[str]:
    """Return the files that hold one of these words, in their content or their path."""
    return {
        str(path.relative_to(out))
        for path in out.rglob("*")
        for word in words
        if word in str(path.relative_to(out))
        or (path.is_file() and word.encode() in path.read_bytes())
    }


def scores(out: Path) -> dict[str, str]:
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student"]: row["score"] for row in csv.DictReader(file)}


def test_nothing_of_the_student_is_left(graded: tuple[Course, Path]) -> None:
    course, out = graded
    before = holding(out, "Grace Hopper", WORDS)
    kinds = {"grades.csv", "tasks.csv", "report.html", "gradebook.db", "export/marks.csv"}
    kinds |= {f"feedback/Grace Hopper/{NAME}.html", "records/class.json"}
    kinds |= {f"autograded/Grace Hopper/{NAME}/{NAME}.ipynb"}
    assert kinds <= before
    max_before = (out / "feedback" / "Max" / f"{NAME}.html").read_bytes()
    said: list[str] = []
    left = delete("Grace Hopper", course, out, said.append)
    # Max has the same comment from the same person, so only the name and her words tell.
    assert holding(out, "Grace Hopper", "Hopper", WORDS) == set()
    # Everybody else's marks are as they were, those given by hand included.
    assert scores(out) == {"Ada Lovelace": "5", "Alan Turing": "5", "Max": "8"}
    assert {r.student: r.score for r in left} == {"Group 1": 5, "Max": 8}
    assert (out / "feedback" / "Max" / f"{NAME}.html").read_bytes() == max_before
    assert "Max" in (out / "report.html").read_text(encoding="utf-8")
    with api.Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        assert {s.id for s in gradebook.students} == {"Group 1", "Max"}
        assert gradebook.find_submission(NAME, "Max").score == 8
    assert said == [
        "Removed of Grace Hopper: 1 record, 1 submission in the gradebook, 1 graded notebook, "
        "1 feedback page, 6 audit lines.",
        "Written anew without Grace Hopper: grades.csv, tasks.csv, report.html.",
        f"{course.file} still names Grace Hopper; remove the name there by hand.",
        "Delete the upload where it was graded from, too: grading it again brings all this back.",
    ]


def test_a_member_leaves_the_group_to_the_others(graded: tuple[Course, Path]) -> None:
    course, out = graded
    assert f"feedback/Group 1/{NAME}.html" in holding(out, "Ada Lovelace")
    said: list[str] = []
    delete("Ada Lovelace", course, out, said.append)
    assert holding(out, "Ada Lovelace", "Lovelace") == set()
    assert scores(out) == {"Alan Turing": "5", "Grace Hopper": "9", "Max": "8"}
    page = (out / "feedback" / "Alan Turing" / f"{NAME}.html").read_text(encoding="utf-8")
    assert "Something else." in page
    assert "The submissions of Group 1 stay: they are the other members' too." in said
    # The last member takes the group along.
    delete("Alan Turing", course, out, said.append)
    assert holding(out, "Group 1", "Alan Turing") == set()
    assert set(scores(out)) == {"Grace Hopper", "Max"}


def test_a_group_goes_with_its_members_pages(graded: tuple[Course, Path]) -> None:
    course, out = graded
    delete("Group 1", course, out, lambda _: None)
    assert holding(out, "Group 1") == set()
    assert not (out / "feedback" / "Ada Lovelace").exists()
    assert set(scores(out)) == {"Grace Hopper", "Max"}


def test_a_name_that_nobody_has_removes_nothing(graded: tuple[Course, Path]) -> None:
    course, out = graded
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(DeleteError, match=r"holds nothing of Hopper, Grace; do you mean Grace H"):
        delete("Hopper, Grace", course, out)
    with pytest.raises(DeleteError, match=r"holds nothing of \.\./out\.$"):
        delete("../out", course, out)
    with pytest.raises(DeleteError, match="There is no folder"):
        delete("Max", course, out / "none")
    (out.parent / "empty").mkdir()
    with pytest.raises(StoreError, match="holds no graded class"):
        delete("Max", course, out.parent / "empty")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_deleting_ends_what_a_crash_left_half_done(graded: tuple[Course, Path]) -> None:
    course, out = graded
    shutil.rmtree(out / "feedback" / "Max")
    remove_student("Max", out / "gradebook.db")
    (out / "records" / "half.part").write_text("Max")
    delete("Max", course, out, lambda _: None)
    assert holding(out, "Max") == set()


def test_the_command(
    graded: tuple[Course, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    course, out = graded
    monkeypatch.chdir(course.folder)
    assert main(["delete", "Max", "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("Removed of Max: 1 record, 1 submission")
    assert main(["delete", "Max", "--out", str(out)]) == 1
    assert capsys.readouterr().err == f"autograde: {out} holds nothing of Max.\n"


def test_the_gradebook_forgets_every_assignment_of_a_student(tmp_path: Path) -> None:
    small = small_class(tmp_path / "course")
    out = tmp_path / "out"
    out.mkdir()
    names = (NAME, "02_more", "03_most")
    results = [
        replace(small.result(who), assignment=name) for who in ("Eve", "Max") for name in names
    ]
    sources = dict.fromkeys(names, small.sources[NAME])
    releases = dict.fromkeys(names, small.releases[NAME])
    db = fill_gradebook(results, sources, releases, small.course, out)
    assert remove_student("Eve", db) == 3
    assert remove_student("Eve", db) == 0
    assert b"Eve" not in db.read_bytes()
    with api.Gradebook(f"sqlite:///{db}") as gradebook:
        assert [s.id for s in gradebook.students] == ["Max"]
        assert len(gradebook.student_submissions("Max")) == 3
        assert gradebook.db.query(api.Grade).count() == 9
        assert gradebook.db.query(api.Comment).count() == 9

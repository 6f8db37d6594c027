"""A class whose markers see no names: what leaves the folder has them, who is deleted is gone."""

from __future__ import annotations

import csv
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from graded_class import NAME
from nbgrader import api
from nbgrader.apps import GenerateFeedbackApp
from one_process import one_process
from small_course import COURSE, write_course

from autograde.__main__ import main
from autograde.commands.grade import grade
from autograde.gradebook.pseudonyms import nbgrader_ids, read_pseudonyms
from autograde.grading.mark import load_assignment
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.release import to_json

GRACE, WORDS, COMMENT = "Grace Hopper", "Grace alone wrote this.", "A comment for Grace alone."
MARKS = {"Group 1": 2.0, GRACE: 4.0, "Max": 3.0}
SCORES = {"Ada Lovelace": 7.0, "Alan Turing": 7.0, GRACE: 9.0, "Max": 5.0}
"""Five points for right code and a mark by hand; Max has the total wrong, which costs three."""

MOODLE = (
    "Identifier,Full name,Email address,Status,Grade,Maximum grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\n"
    + "".join(
        f"Participant {number},{who},{number}@example.org,Submitted,,9.00,Yes,-,-,\n"
        for number, who in enumerate(SCORES, start=11)
    )
)
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,01_small (9)\n    Points Possible,,,,,9.0\n"
    '"Lovelace, Ada",11,S11,ada,A,\n"Turing, Alan",12,S12,alan,A,\n'
    '"Hopper, Grace",13,S13,grace,A,\nMax,14,S14,max,A,\n'
)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Course, Path]]:
    """Grade a group and two students, mark one answer each as a marker does, and grade again."""
    folder = tmp_path_factory.mktemp("anonymous")
    load_assignment.cache_clear()
    course = write_course(folder / "course")
    course.file.write_text(f"{COURSE}\n[grading]\nanonymous = true\n")
    course = read_course(course.file)
    assignment = load_assignment(NAME, course.file)
    wrong = load_answers(course.folder / "solutions" / f"{NAME}.py")["total"]["wrong"]
    for student in MARKS:
        own = WORDS if student == GRACE else "Something else."
        texts = {**assignment.solutions, "why": f"<!-- answer: why -->\n{own}"}
        if student == "Max":
            texts["total"] = wrong
        (folder / "in" / student).mkdir(parents=True)
        path = folder / "in" / student / f"{NAME}.ipynb"
        path.write_text(to_json(submission(assignment.released, texts)), encoding="utf-8")
    out = folder / "out"
    quiet: list[str] = []
    with one_process():
        grade(folder / "in", course, out, jobs=1, say=quiet.append)
    ids = nbgrader_ids(out)
    with api.Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        for student, mark in MARKS.items():
            given = gradebook.find_grade("why", NAME, NAME, ids(student))
            given.manual_score, given.needs_manual_grade = mark, False
            said = COMMENT if student == GRACE else "Said."
            gradebook.find_comment("why", NAME, NAME, ids(student)).manual_comment = said
        gradebook.db.commit()
    with one_process():
        grade(folder / "in", course, out, jobs=1, say=quiet.append)
    yield course, out
    load_assignment.cache_clear()


@pytest.fixture
def out(once: tuple[Course, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the folder of results; commands run where the course is."""
    course, made = once
    shutil.copytree(made, tmp_path / "out")
    monkeypatch.chdir(course.folder)
    return tmp_path / "out"


def holding(out: Path, *words: str) -> set[str]:
    """Return the files that hold one of these words, in their content or their path."""
    return {
        str(path.relative_to(out))
        for path in out.rglob("*")
        for word in words
        if word in str(path.relative_to(out))
        or (path.is_file() and word.encode() in path.read_bytes())
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_sent_out_has_names_and_what_markers_see_has_none(out: Path) -> None:
    ids = [nbgrader_ids(out)(student) for student in MARKS]
    assert all(identity.startswith("student-") for identity in ids)
    assert {r["student"]: float(r["score"]) for r in table(out / "grades.csv")} == SCORES
    names = ("Lovelace", "Turing", "Hopper", "Group 1")
    seen = {"gradebook.db", "source", "release", "autograded", "nbgrader_config.py"}
    assert not {file.split("/")[0] for file in holding(out, *names)} & seen
    # Only what tells whose a pseudonym is, and what markers are given, holds any.
    holders = {file.split("/")[0] for file in holding(out, *ids)}
    assert holders == {"pseudonyms.csv", "gradebook.db", "autograded"}


def test_exports_have_names(out: Path, tmp_path: Path) -> None:
    ids = [nbgrader_ids(out)(student) for student in MARKS]
    (tmp_path / "moodle.csv").write_text(MOODLE, encoding="utf-8")
    (tmp_path / "canvas.csv").write_text(CANVAS, encoding="utf-8")
    command = ["export", str(out), "--assignment", NAME, "--format"]
    assert main([*command, "csv"]) == 0
    assert main([*command, "moodle", "--worksheet", str(tmp_path / "moodle.csv")]) == 0
    assert main([*command, "canvas", "--worksheet", str(tmp_path / "canvas.csv")]) == 0
    folder = out / "export"
    wide = {r["student"]: float(r[NAME]) for r in table(folder / "marks.csv")}
    assert wide == SCORES
    moodle = {r["Full name"]: float(r["Grade"]) for r in table(folder / f"moodle-{NAME}.csv")}
    assert moodle == SCORES
    canvas = {r["ID"]: r[f"{NAME} (9)"] for r in table(folder / "canvas.csv")}
    assert [float(canvas[n]) for n in ("11", "12", "13", "14")] == list(SCORES.values())
    with zipfile.ZipFile(folder / f"moodle-{NAME}-feedback.zip") as archive:
        pages = {name: archive.read(name).decode() for name in archive.namelist()}
    assert len(pages) == 4
    for name, page in pages.items():
        assert (COMMENT in page) == name.startswith(f"{GRACE}_13_")
        assert not [identity for identity in ids if identity in name + page]
    assert holding(folder, *ids) == set()


def test_nothing_of_a_deleted_student_is_left(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, others = nbgrader_ids(out)(GRACE), nbgrader_ids(out)("Max")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(out.parent / "config"))
    with monkeypatch.context() as there:
        there.chdir(out)
        app = GenerateFeedbackApp()  # its pages lie beside ours, under the pseudonym
        app.initialize([NAME])
        app.start()
    assert main(["export", str(out), "--format", "csv"]) == 0
    before = holding(out, GRACE, WORDS, identity)
    kinds = {"grades.csv", "tasks.csv", "report.html", "gradebook.db", "audit.jsonl"}
    kinds |= {"pseudonyms.csv", f"autograded/{identity}/{NAME}/{NAME}.ipynb", "export/marks.csv"}
    kinds |= {f"feedback/{GRACE}/{NAME}.html", f"feedback/{identity}/{NAME}/{NAME}.html"}
    assert kinds <= before
    capsys.readouterr()
    assert main(["delete", GRACE, "--out", str(out)]) == 0
    assert holding(out, GRACE, "Hopper", WORDS, COMMENT, identity) == set()
    assert capsys.readouterr().out.splitlines()[0] == (
        f"Removed of {GRACE}: 1 record, 1 submission in the gradebook, 1 graded notebook, "
        "2 feedback pages, 6 audit lines."
    )
    # All others are as they were, under their pseudonyms.
    assert set(read_pseudonyms(out).values()) == {"Group 1", "Max"}
    left = {who: score for who, score in SCORES.items() if who != GRACE}
    assert {r["student"]: float(r["score"]) for r in table(out / "grades.csv")} == left
    with api.Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission(NAME, others).score == SCORES["Max"]
    assert main(["export", str(out), "--format", "csv"]) == 0
    assert {r["student"] for r in table(out / "export" / "marks.csv")} == set(left)


def test_a_member_leaves_the_group_and_the_last_takes_it_along(out: Path) -> None:
    group, before = nbgrader_ids(out)("Group 1"), read_pseudonyms(out)
    assert main(["delete", "Ada Lovelace", "--out", str(out)]) == 0
    assert holding(out, "Ada Lovelace", "Lovelace") == set()
    assert read_pseudonyms(out) == before
    assert main(["delete", "Alan Turing", "--out", str(out)]) == 0
    assert holding(out, "Group 1", "Alan Turing", group) == set()
    assert {r["student"] for r in table(out / "grades.csv")} == {GRACE, "Max"}


def test_a_student_is_found_without_the_list_of_pseudonyms(out: Path) -> None:
    """It may be kept apart from the results: the course's secret tells it again."""
    identity = nbgrader_ids(out)(GRACE)
    (out / "pseudonyms.csv").unlink()
    assert main(["delete", GRACE, "--out", str(out)]) == 0
    assert holding(out, GRACE, WORDS, COMMENT, identity) == set()
    # Nor are the marks lost that the others were given by hand.
    assert {r["student"]: float(r["score"]) for r in table(out / "grades.csv")} == {
        who: score for who, score in SCORES.items() if who != GRACE
    }


def test_a_pseudonym_is_no_name_to_delete_by(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert main(["delete", nbgrader_ids(out)(GRACE), "--out", str(out)]) == 1
    assert "holds nothing of student-" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before

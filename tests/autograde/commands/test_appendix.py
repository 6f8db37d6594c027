"""A notebook without a task is no assignment: nobody hands it in, and nobody misses it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from small_course import COURSE, write_course

from autograde.commands.check import check
from autograde.commands.course import describe
from autograde.commands.grade import grade
from autograde.commands.rerun import RerunError, rerun
from autograde.grading.jobs import GradeError
from autograde.grading.mark import load_assignment
from autograde.intake.submissions import find
from autograde.intake.upload import SubmissionsError
from autograde.model.course import Course, CourseError
from autograde.model.course_file import read_course
from autograde.notebooks.answers import submission
from autograde.notebooks.release import release, to_json

APPENDIX = "02_appendix"
TEXT = """# %% [markdown]
# # An appendix

# %%
print(6 * 7)
"""


@pytest.fixture
def course(tmp_path: Path) -> Course:
    load_assignment.cache_clear()
    made = write_course(tmp_path / "course")
    (made.folder / "solutions" / f"{APPENDIX}.py").write_text(TEXT)
    return made


def hand_in(course: Course, folder: Path, student: str, *names: str) -> None:
    release([], course, lambda line: None)
    for name in names:
        (folder / student).mkdir(parents=True, exist_ok=True)
        small = load_assignment("01_small", course.file)
        text = (course.folder / "notebooks" / f"{APPENDIX}.ipynb").read_text()
        if name == "01_small":
            text = to_json(submission(small.released, small.solutions))
        (folder / student / f"{name}.ipynb").write_text(text)


def test_it_is_released_and_described_as_what_it_is(course: Course) -> None:
    said: list[str] = []
    release([], course, said.append)
    assert len(said) == 2 and said[1].endswith("02_appendix.ipynb: no task, so it is no assignment")
    told: list[str] = []
    describe(course, told.append)
    text = "\n".join(told)
    assert "02_appendix, “An appendix”: no task, so it is no assignment." in text
    assert APPENDIX not in text.partition("To put right")[2]
    assert "9 points, which count for 100 % of the course" in text


def test_its_author_checks_it_like_any_other(course: Course) -> None:
    said: list[str] = []
    assert check([APPENDIX], course, said.append), said
    (course.folder / "solutions" / f"{APPENDIX}.py").write_text(TEXT + "print(1 / 0)\n")
    assert not check([APPENDIX], course, said.append)


def test_it_is_no_assignment_of_anybody(course: Course, tmp_path: Path) -> None:
    hand_in(course, tmp_path / "in", "Grace Hopper", "01_small", APPENDIX)
    hand_in(course, tmp_path / "in", "Ada Lovelace", APPENDIX)
    said: list[str] = []
    results = grade(tmp_path / "in", course, tmp_path / "out", isolation="none", say=said.append)
    found = {(r.student, r.assignment): (r.status, r.notices) for r in results}
    assert found == {
        ("Grace Hopper", "01_small"): ("manual_pending", []),
        ("Group 1", "01_small"): ("missing", []),
    }
    assert [line for line in said if "which has no task: it was passed over." in line]
    with (tmp_path / "out" / "grades.csv").open(encoding="utf-8-sig") as file:
        assert {row["assignment"] for row in csv.DictReader(file)} == {"01_small"}
    report = (tmp_path / "out" / "report.html").read_text()
    assert "0 of 0" not in report and "nan" not in report.split()
    with pytest.raises(RerunError, match="02_appendix has no task"):
        rerun("Grace Hopper", APPENDIX, tmp_path / "in", course, tmp_path / "out")


def test_it_is_known_by_what_is_in_it_whatever_it_is_called(course: Course, tmp_path: Path) -> None:
    hand_in(course, tmp_path / "in", "Grace Hopper", "01_small")
    hand_in(course, tmp_path / "in", "Ada Lovelace", APPENDIX)
    ada = tmp_path / "in" / "Ada Lovelace"
    (ada / f"{APPENDIX}.ipynb").rename(ada / "my photograph.ipynb")
    said: list[str] = []
    results = grade(tmp_path / "in", course, tmp_path / "out", isolation="none", say=said.append)
    found = {r.student: (r.status, r.notices) for r in results}
    assert found["Group 1"] == ("missing", [])
    sentence = "Group 1 handed in 02_appendix, which has no task: it was passed over."
    assert [line for line in said if sentence in line]
    assert not any("no answer cell" in line for line in said)


def test_asked_for_alone_it_is_one_sentence(course: Course, tmp_path: Path) -> None:
    hand_in(course, tmp_path / "in", "Ada Lovelace", APPENDIX)
    with pytest.raises(GradeError, match="02_appendix has no task, so there is nothing to grade"):
        grade(tmp_path / "in", course, tmp_path / "out", [APPENDIX], say=lambda line: None)
    with pytest.raises(SubmissionsError, match="of 01_small, 03_more they were to hand in"):
        find(tmp_path / "in", course, {"01_small": {}, "03_more": {}, APPENDIX: {}}, (), [APPENDIX])


def test_a_deadline_for_it_is_refused(course: Course) -> None:
    course.file.write_text(f"{COURSE}[assignments.{APPENDIX}]\nweight = 1\n")
    sentence = "assignments.02_appendix is a notebook without a task, so nobody hands it in"
    with pytest.raises(CourseError, match=sentence):
        release([], read_course(course.file), lambda line: None)

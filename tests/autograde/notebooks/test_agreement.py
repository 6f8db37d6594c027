"""What course.toml names is there: notebooks, tables that checks ask for, people who handed in."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_course import CHECKS, COURSE, write_course

from autograde.commands.grade import grade
from autograde.intake.submissions import Upload
from autograde.intake.unmet import unmet
from autograde.model.course import Course, CourseError
from autograde.model.course_file import read_course
from autograde.notebooks.agreement import agree, unread
from autograde.notebooks.release import release

NAME = "01_small"
ASKING = """
from pathlib import Path
from autograde.model.course_file import read_course

POINTS = read_course(Path(__file__)).settings("quiz")["right"]
"""


def course_of(folder: Path, text: str, checks: str = CHECKS) -> Course:
    write_course(folder, checks=checks)
    (folder / "course.toml").write_text(text)
    return read_course(folder)


def test_an_assignment_that_is_no_notebook_stops_grading_and_releasing(tmp_path: Path) -> None:
    text = COURSE.replace("[assignments.01_small]", "[assignments.01_smal]")
    course = course_of(tmp_path / "course", text.replace("{ 01_small =", "{ 01_smal ="))
    (tmp_path / "in").mkdir()
    sentence = r"assignments\.01_smal is no notebook in .*; do you mean 01_small\?$"
    with pytest.raises(CourseError, match=sentence):
        release([], course, lambda line: None)
    with pytest.raises(CourseError, match=sentence):
        grade(tmp_path / "in", course, tmp_path / "out", say=lambda line: None)
    assert not (tmp_path / "out").exists() and not (course.folder / "notebooks").exists()


def test_a_table_that_is_nearly_one_that_checks_ask_for_is_refused(tmp_path: Path) -> None:
    course = course_of(tmp_path, COURSE.replace("[quiz]", "[quizz]"), CHECKS + ASKING)
    with pytest.raises(CourseError, match=r"ask for the table \[quizz\]; do you mean quiz\?$"):
        release([], course, lambda line: None)


def test_a_table_that_checks_ask_for_is_theirs(tmp_path: Path) -> None:
    course = course_of(tmp_path, COURSE, CHECKS + ASKING)
    agree(course, [NAME])
    assert unread(course) == []


def test_checks_in_a_folder_ask_for_tables_too(tmp_path: Path) -> None:
    course = course_of(tmp_path, COURSE + "[essay]\nwords = 300\n", CHECKS + ASKING)
    assert [line for line in unread(course) if "[essay]" in line] == unread(course) != []
    folder = tmp_path / "solutions" / "02_more" / "checks"
    folder.mkdir(parents=True)
    (folder / "essay.py").write_text("W = course.settings(table='essay')['words']\n")
    assert unread(course) == []


WITHOUT_LIST = """
name = "A small course"
repository = "someone/course"
tag = "v1"
group_size = 2

[assignments.01_small]
deadline = "2027-04-30T23:59:00+02:00"

[assignments.02_other]

[extensions]
"Ada Lovelase" = { 01_small = "2027-05-07T23:59:00+02:00" }
"Emmy Noether" = { 01_small = "2027-05-07T23:59:00+02:00" }
"Someone Else" = { 02_other = "2027-05-07T23:59:00+02:00" }

[accommodations]
"Ada Lovelase" = { extra_days = 3 }
"Hopper, Grace" = { extra_days = 3 }
"Kurt Gödel" = { extra_days = 3 }

[groups]
"Group 1" = ["Alan Turign", "Alonzo Church"]
"Group 2" = ["Rosa Luxemburg"]
"""


def uploads(*students: str) -> list[Upload]:
    return [Upload(student, NAME, Path("x.ipynb"), None) for student in students]


def test_names_that_nobody_bears_who_handed_in_are_said_once_each(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text(WITHOUT_LIST)
    course = read_course(tmp_path)
    there = uploads("Ada Lovelace", "Grace Hopper", "Emmy Noether", "Group 1", "Alan Turing")
    assert list(unmet(course, [*there, Upload("Group 2", NAME, None, None)])) == [
        "course.toml names Ada Lovelase (extensions, accommodations), but nobody of that name "
        "handed in; do you mean Ada Lovelace?",
        "course.toml names Hopper, Grace (accommodations), but nobody of that name handed in; do "
        "you mean Grace Hopper?",
        "course.toml names Kurt Gödel (accommodations), but nobody of that name handed in.",
        # Alonzo Church is not missed: the group has handed in.
        "course.toml names Alan Turign (groups), but nobody of that name handed in; do you mean "
        "Alan Turing?",
        "course.toml names Group 2 (groups), but nobody of that name handed in.",
    ]


def test_a_class_list_has_told_that_already(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text(COURSE)
    assert list(unmet(read_course(tmp_path), uploads("Somebody"))) == []


def test_grading_says_what_counts_for_nothing(tmp_path: Path) -> None:
    text = COURSE.replace("students =", "# students =").replace('"Grace Hopper"', '"Grace Hoper"')
    course = course_of(tmp_path / "course", text)
    home = tmp_path / "in" / "Grace Hopper"
    home.mkdir(parents=True)
    (home / f"{NAME}.ipynb").write_bytes(b"{")
    said: list[str] = []
    with pytest.raises(_Enough):
        grade(tmp_path / "in", course, tmp_path / "out", say=_until(said, "Sandbox"))
    notes = [line for line in said if line.startswith("Note: course.toml")]
    assert notes == [
        "Note: course.toml names Grace Hoper (extensions), but nobody of that name handed in; do "
        "you mean Grace Hopper?",
        "Note: course.toml names Group 1 (groups), but nobody of that name handed in.",
        "Note: course.toml has a table [quiz], but no notebook's checks ask for it.",
    ]


class _Enough(Exception):  # noqa: N818
    pass


def _until(said: list[str], word: str):
    def say(line: str) -> None:
        said.append(line)
        if line.startswith(word):
            raise _Enough

    return say

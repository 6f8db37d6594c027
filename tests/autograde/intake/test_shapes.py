"""Whose a file is: the shape of all names together, and names that are spelled otherwise."""

from __future__ import annotations

import shutil
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from handed_in import HANDED_OUT, LARGE, LATER, LESS, UNTOUCHED, WORKED, contents, handed, pack, put
from small_course import write_course

from autograde.intake.submissions import Found, find
from autograde.model.course import Course

GRACE = ("Grace Hopper", "01_small")
MAX = ("Max", "01_small")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


def both_ways(file: Path, course: Course) -> list[Found]:
    """Find what is in an archive, and in the folder of its name that a person unpacked it to."""
    folder = file.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return [find(file, course, HANDED_OUT), find(folder, course, HANDED_OUT)]


@pytest.mark.parametrize(
    "name",
    [
        "Ada Lovelace_1_assignsubmission_file_01_small.ipynb",
        "Ada Lovelace_1_assignsubmission_file/01_small.ipynb",
        "lovelaceada_101_900_01_small.ipynb",
        "LATE_anon_Zz9yX_9002_01_small.ipynb",
    ],
)
def test_a_name_in_one_students_folder_decides_nothing(
    tmp_path: Path, course: Course, name: str
) -> None:
    file = pack(
        tmp_path / "all.zip",
        {f"Max/{name}": UNTOUCHED, "Grace Hopper/01_small.ipynb": WORKED, "Eve/x.ipynb": LESS},
    )
    for found in both_ways(file, course):
        expected = {MAX: UNTOUCHED, GRACE: WORKED, ("Eve", "01_small"): LESS}
        assert contents(found) == expected
        assert not any("download from" in notice for notice in found.notices)
    one = pack(tmp_path / "one.zip", {f"Grace Hopper/{name}": WORKED})
    for found in both_ways(one, course):  # whose folder it is, the class list knows
        assert contents(found) == {GRACE: WORKED}


def test_a_students_own_names_stop_no_platforms_download(tmp_path: Path, course: Course) -> None:
    end = "_assignsubmission_file/"
    file = pack(
        tmp_path / "all.zip",
        {
            f"Grace Hopper_1{end}01_small.ipynb": WORKED,
            f"Max_2{end}Grace Hopper_1{end}01_small.ipynb": UNTOUCHED,
            f"Eve_3{end}submitted/Grace Hopper/01_small/01_small.ipynb": LESS,
        },
    )
    for found in both_ways(file, course):
        assert contents(found) == {GRACE: WORKED, MAX: UNTOUCHED, ("Eve", "01_small"): LESS}


@pytest.mark.parametrize("wrapper", ["", "XAI-Small-17/", "downloads/XAI-Small-17/"])
@pytest.mark.parametrize(
    ("title", "names"),
    [
        (
            "Moodle",
            ("Grace Hopper_1_assignsubmission_file/a.ipynb", "Max_2_assignsubmission_file/b"),
        ),
        ("Moodle", ("Grace Hopper_1_assignsubmission_file_/a", "Max_2_assignsubmission_file_/b/c")),
        ("Moodle", ("Grace Hopper_1_assignsubmission_file_a", "Max_2_assignsubmission_file_b")),
        ("Canvas", ("hoppergrace_LATE_1_2_a.ipynb", "max_3_4_b.ipynb")),
    ],
)
def test_a_download_that_was_unpacked_by_hand_is_what_it_was(
    tmp_path: Path, course: Course, wrapper: str, title: str, names: tuple[str, str]
) -> None:
    content = {wrapper + name: c for name, c in zip(names, (WORKED, LESS), strict=True)}
    course = replace(course, students=("Grace Hopper", "Max"), groups={})
    for found in both_ways(pack(tmp_path / "all.zip", content), course):
        assert contents(found) == {GRACE: WORKED, MAX: LESS}
        assert sum(f"download from {title}" in notice for notice in found.notices) == 1
        assert not any(u.timestamp for u in found.uploads)


def test_a_note_beside_the_folders_of_a_download_changes_nothing(
    tmp_path: Path, course: Course
) -> None:
    end = "_assignsubmission_file/01_small.ipynb"
    content = {f"Grace Hopper_1{end}": WORKED, f"Max_2{end}": LESS, "read me.txt": b""}
    for found in both_ways(pack(tmp_path / "all.zip", content), course):
        assert contents(found) == {GRACE: WORKED, MAX: LESS}
        assert sum("read me.txt was passed over" in notice for notice in found.notices) == 1


def test_two_downloads_side_by_side(tmp_path: Path, course: Course) -> None:
    content = {
        "XAI-Small-17/Grace Hopper_1_assignsubmission_file/01_small.ipynb": WORKED,
        "XAI-Small-17/Max_2_assignsubmission_file/01_small.ipynb": LESS,
        "XAI-Large-18/Grace Hopper_7_assignsubmission_file/02_large.ipynb": LARGE,
    }
    for found in both_ways(pack(tmp_path / "all.zip", content), course):
        assert contents(found) == {GRACE: WORKED, MAX: LESS, ("Grace Hopper", "02_large"): LARGE}


# Folders around the class, and a student called like nbgrader's


def test_a_student_called_submitted_does_not_replace_the_class(
    tmp_path: Path, course: Course
) -> None:
    put(tmp_path / "class" / "submitted" / "Grace Hopper" / "01_small" / "01_small.ipynb", LESS)
    put(tmp_path / "class" / "Max" / "01_small.ipynb", WORKED)
    put(tmp_path / "class" / "Grace Hopper" / "01_small.ipynb", WORKED)
    assert contents(find(tmp_path / "class", course, HANDED_OUT)) == {
        ("submitted", "01_small"): LESS,
        MAX: WORKED,
        GRACE: WORKED,
    }


@pytest.mark.parametrize("inner", ["01_small.ipynb", "01_small/01_small.ipynb"])
def test_a_student_called_submitted_may_be_the_only_one(
    tmp_path: Path, course: Course, inner: str
) -> None:
    put(tmp_path / "class" / "submitted" / inner, WORKED)
    assert contents(find(tmp_path / "class", course, HANDED_OUT)) == {
        ("submitted", "01_small"): WORKED
    }


def test_of_nbgraders_course_folder_only_what_was_submitted_counts(
    tmp_path: Path, course: Course
) -> None:
    content = {f"c/submitted/{name}/01_small/01_small.ipynb": LESS for name in ("Max", "Eve")}
    content |= {
        "c/source/01_small/01_small.ipynb": WORKED,
        "c/autograded/Max/01_small/01_small.ipynb": WORKED,
    }
    expected = {MAX: LESS, ("Eve", "01_small"): LESS}
    file = pack(tmp_path / "c.zip", content)
    assert contents(find(file, course, HANDED_OUT)) == expected
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path)
    assert contents(find(tmp_path / "c", course, HANDED_OUT)) == expected
    put(tmp_path / "c" / "notebooks" / "01_small.ipynb", UNTOUCHED)
    put(tmp_path / "c" / "nbgrader_config.py", b"")
    assert contents(find(tmp_path / "c", course, HANDED_OUT)) == expected


def test_a_folder_given_one_level_too_high_is_no_student(tmp_path: Path, course: Course) -> None:
    put(tmp_path / "above" / "class" / "Max" / "01_small.ipynb", WORKED)
    put(tmp_path / "above" / "class" / "Grace Hopper" / "01_small.ipynb", LESS)
    assert contents(find(tmp_path / "above", course, HANDED_OUT)) == {MAX: WORKED, GRACE: LESS}


def test_a_students_own_folders_are_no_students(tmp_path: Path, course: Course) -> None:
    put(tmp_path / "class" / "Max" / "week 3" / "01_small.ipynb", WORKED)
    assert contents(find(tmp_path / "class", course, HANDED_OUT)) == {MAX: WORKED}
    put(tmp_path / "more" / "Grace Hopper" / "a" / "01_small.ipynb", WORKED)
    put(tmp_path / "more" / "Grace Hopper" / "b" / "02_large.ipynb", LARGE)
    assert contents(find(tmp_path / "more", course, HANDED_OUT)) == {
        GRACE: WORKED,
        ("Grace Hopper", "02_large"): LARGE,
    }


# Names


@pytest.mark.parametrize(
    ("written", "person"),
    [
        (unicodedata.normalize("NFD", "José Núñez"), "José Núñez"),
        ("José Núñez", unicodedata.normalize("NFD", "José Núñez")),
        ("ada lovelace", "Ada Lovelace"),
        ("ADA  LOVELACE", "Ada Lovelace"),
        ("Ada\u00a0Lovelace", "Ada Lovelace"),
        (" Straße Ö ", "STRASSE ö"),
    ],
)
def test_a_name_spelled_otherwise_is_the_one_in_the_class_list(
    tmp_path: Path, course: Course, written: str, person: str
) -> None:
    course = replace(course, students=(person, "Grace Hopper"), groups={})
    file = pack(tmp_path / "all.zip", {f"{written}/01_small.ipynb": WORKED, "Max/x.ipynb": LESS})
    for found in both_ways(file, course):
        assert contents(found) == {(person, "01_small"): WORKED, MAX: LESS}
        assert {u.student for u in found.uploads} == {person, "Grace Hopper", "Max"}
        assert sum("is not in the class list" in notice for notice in found.notices) == 1


def test_a_name_that_may_be_two_is_neither(tmp_path: Path, course: Course) -> None:
    course = replace(course, students=("ada lovelace", "Ada Lovelace"), groups={})
    content = {"ADA LOVELACE/01_small.ipynb": WORKED, "Ada Lovelace/01_small.ipynb": LESS}
    for found in both_ways(pack(tmp_path / "all.zip", content), course):
        assert contents(found) == {
            ("ADA LOVELACE", "01_small"): WORKED,
            ("Ada Lovelace", "01_small"): LESS,
        }
        assert any("may be Ada Lovelace or ada lovelace" in notice for notice in found.notices)


def test_two_spellings_of_one_person_are_one_submitter(tmp_path: Path, course: Course) -> None:
    """One in the class list, and one without it: a Mac's spelling beside another machine's."""
    decomposed = unicodedata.normalize("NFD", "José")
    content = {f"{decomposed}/01_small.ipynb": UNTOUCHED, "José/01_small.ipynb": WORKED}
    file = pack(tmp_path / "all.zip", content, {"José/01_small.ipynb": LATER})
    for students in (("José",), ()):
        for found in both_ways(file, replace(course, students=students, groups={})):
            assert contents(found) == {("José", "01_small"): WORKED}
            notices = handed(found)["José", "01_small"].notices
            assert "2 uploads of 01_small were found" in notices[0]

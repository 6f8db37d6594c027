"""A notebook is known by what is in it, and nothing handed in is passed over without a trace."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from handed_in import (
    EARLY,
    HANDED_OUT,
    LARGE,
    LATER,
    LESS,
    UNTOUCHED,
    WORKED,
    contents,
    handed,
    notebook,
    pack,
    packed,
    put,
    saved,
)
from small_course import write_course

from autograde.commands.grade import grade
from autograde.grading.mark import Timing
from autograde.intake import archives
from autograde.intake.submissions import find
from autograde.intake.upload import SubmissionsError
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.release import handed_out, release
from tests.sheets import MARKED
from xaikit.handin.uploads import SIZE_LIMIT

REPOSITORY = Path(__file__).parents[3]
GRACE = ("Grace Hopper", "01_small")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "class").mkdir()
    return tmp_path / "class"


# What a notebook is


@pytest.mark.parametrize(
    "name",
    [
        "01_small - Copy.ipynb",
        "Copia de 01_small.ipynb",
        "01_small_done.ipynb",
        "01 small.ipynb",
        "01_SMALL.IPYNB",
        "01_small.ipynb.txt",
        "01_small.ipynb.json",
        "01_small.json",
        "01_small.ipynb (1)",
        "01_small",
        "Untitled3.ipynb",
        "meine Lösung.ipynb",
        "02_large.ipynb",
        "work/2027/week 3/01_small.ipynb",
        "02_large/01_small.ipynb",
    ],
)
def test_the_name_does_not_matter(folder: Path, course: Course, name: str) -> None:
    put(folder / "Grace Hopper" / name, WORKED)
    assert contents(find(folder, course, HANDED_OUT)) == {GRACE: WORKED}


@pytest.mark.parametrize("kept", ["markers", "grade ids", "cell ids"])
def test_each_of_marker_grade_id_and_cell_id_tells(folder: Path, course: Course, kept: str) -> None:
    data = notebook(total="total = 10")
    for cell in data["cells"]:
        if kept != "markers":
            cell["source"] = cell["source"][1:]
        if kept != "grade ids":
            cell["metadata"] = {}
        if kept != "cell ids":
            del cell["id"]
    content = json.dumps(data).encode()
    put(folder / "Grace Hopper" / "x.ipynb", content)
    assert contents(find(folder, course, HANDED_OUT)) == {GRACE: content}


def test_the_name_decides_between_two_of_which_it_holds_as_much(
    folder: Path, course: Course
) -> None:
    """``total`` is a task of both."""
    both = json.dumps({"cells": [{"source": "# answer: total\ntotal = 10"}]}).encode()
    put(folder / "Grace Hopper" / "my 02_large.ipynb", both)
    put(folder / "Group 1" / "01_small copy.ipynb", both)
    put(folder / "Group 1" / "02_large" / "x.ipynb", both)
    assert set(contents(find(folder, course, HANDED_OUT))) == {
        ("Grace Hopper", "02_large"),
        ("Group 1", "01_small"),
        ("Group 1", "02_large"),
    }


def test_the_name_tells_where_the_content_does_not(folder: Path, course: Course) -> None:
    put(folder / "Grace Hopper" / "Kopie von 01 small (1).ipynb", b"")
    assert contents(find(folder, course, HANDED_OUT)) == {GRACE: b""}


def test_a_file_that_was_cut_short_is_known(folder: Path, course: Course) -> None:
    put(folder / "Grace Hopper" / "x.ipynb", WORKED[:-200])
    put(folder / "Group 1" / "x.ipynb", WORKED.decode().encode("utf-16"))
    assert set(contents(find(folder, course, HANDED_OUT))) == {GRACE, ("Group 1", "01_small")}


def test_two_notebooks_in_one_folder_are_two_uploads(folder: Path, course: Course) -> None:
    put(folder / "Grace Hopper" / "a.ipynb", WORKED)
    put(folder / "Grace Hopper" / "b.ipynb", LARGE)
    found = find(folder, course, HANDED_OUT)
    assert contents(found) == {GRACE: WORKED, ("Grace Hopper", "02_large"): LARGE}
    assert handed(found)[GRACE].notices == (
        "The upload is called a.ipynb and was taken as 01_small.",
    )


def test_what_was_handed_out_is_read_from_the_release_or_made_from_the_source(
    course: Course,
) -> None:
    made = handed_out(course, ["01_small"])
    assert set(made["01_small"]) == {"double", "total", "why"}
    release([], course, report=lambda line: None)
    (course.folder / "solutions" / "01_small.py").write_text("not to be read now")
    assert handed_out(course, ["01_small"]) == made
    (course.folder / "notebooks" / "01_small.ipynb").write_text("{")
    assert handed_out(course, ["01_small"]) == {"01_small": {}}  # to be mended by its author


def test_the_courses_own_notebooks_are_told_apart(folder: Path, course: Course) -> None:
    ours = {n: (REPOSITORY / "notebooks" / f"{n}.ipynb").read_bytes() for n in MARKED}
    for number, content in enumerate(ours.values()):
        put(folder / "Grace Hopper" / f"{number}.ipynb", content)
    known = handed_out(read_course(REPOSITORY), ours)
    assert contents(find(folder, course, known)) == {
        ("Grace Hopper", name): content for name, content in ours.items()
    }


# Archives in a student's folder


@pytest.mark.parametrize("form", ["folder", "plain", "moodle", "canvas"])
def test_an_archive_in_a_students_folder_is_opened(
    folder: Path, tmp_path: Path, course: Course, form: str
) -> None:
    mine = {
        "__MACOSX/work/._x.ipynb": b"\0",
        "work/deep/x.ipynb": WORKED,
        "work/.ipynb_checkpoints/x.ipynb": UNTOUCHED,
    }
    inner = packed(mine, tmp_path)
    put(folder / "Grace Hopper" / "work.ZIP", inner)
    put(folder / "Ada Lovelace" / "01_small.ipynb", LESS)
    names = {
        "plain": ("Grace Hopper/work.zip", "Ada Lovelace/01_small.ipynb"),
        "moodle": (
            "Grace Hopper_1_assignsubmission_file/work.zip",
            "Ada Lovelace_2_assignsubmission_file/01_small.ipynb",
        ),
        "canvas": ("hoppergrace_1_10_work.zip", "lovelaceada_2_11_01_small.ipynb"),
    }
    source = folder
    if form != "folder":
        source = pack(tmp_path / "all.zip", dict(zip(names[form], (inner, LESS), strict=True)))
    found = find(source, course, HANDED_OUT)
    read = contents(found)
    assert read.pop(("Grace Hopper", "01_small")) == WORKED
    assert list(read.values()) == [LESS]  # Ada Lovelace, as Group 1 or as Canvas spells it


def test_an_archive_within_is_capped_like_the_outer_one(
    folder: Path, tmp_path: Path, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = packed({"01_small.ipynb": bytes(20 << 20)}, tmp_path)
    crowd = packed({f"{number}.txt": b"" for number in range(1_200)}, tmp_path)
    deep = packed({"01_small.ipynb": WORKED}, tmp_path)
    for _ in range(archives.DEPTH_LIMIT):
        deep = packed({"more.zip": deep}, tmp_path)
    outside = packed({"../../01_small.ipynb": WORKED, "/01_small.ipynb": WORKED}, tmp_path)
    for student, content in {
        "Bomb": bomb,
        "Crowd": crowd,
        "Deep": deep,
        "Outside": outside,
        "Lie": b"PK\x03\x04",
    }.items():
        put(folder / student / "work.zip", content)
    put(folder / "Grace Hopper" / "01_small.ipynb", WORKED)
    found = find(folder, course, HANDED_OUT)
    assert handed(found)[GRACE].read() == WORKED
    for student, sentence in {
        "Bomb": "shrinks to less than a 200th",
        "Crowd": "more than 1000 files",
        "Deep": "one in another",
        "Lie": "cannot be read as a zip file",
        "Outside": "without a file that can be read",
    }.items():
        with pytest.raises(SubmissionsError, match=sentence) as caught:
            handed(found)[student, "01_small"].read()
        assert "\n" not in str(caught.value)
    assert sum("leads out of the archive" in notice for notice in found.notices) == 2
    monkeypatch.setattr(archives, "WITHIN_LIMIT", 100)
    with pytest.raises(SubmissionsError, match="larger than"):
        handed(find(folder, course, HANDED_OUT))["Bomb", "01_small"].read()


def test_a_list_of_files_that_memory_cannot_hold_is_not_read(
    folder: Path, course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(archives, "_DIRECTORY_LIMIT", 100)
    crowd = packed({f"{number}.txt": b"" for number in range(10)}, tmp_path)
    put(folder / "Grace Hopper" / "work.zip", crowd)
    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", None)  # would be read by that
    found = find(folder, course, HANDED_OUT, ["01_small"])
    with pytest.raises(SubmissionsError, match="list of files is larger"):
        handed(found)[GRACE].read()


def test_a_link_in_an_archive_of_a_students_folder_is_not_followed(
    folder: Path, tmp_path: Path, course: Course
) -> None:
    put(tmp_path / "elsewhere.zip", packed({"01_small.ipynb": WORKED}, tmp_path))
    (folder / "Grace Hopper").mkdir()
    (folder / "Grace Hopper" / "work.zip").symlink_to(tmp_path / "elsewhere.zip")
    put(folder / "Group 1" / "01_small.ipynb", LESS)
    found = find(folder, course, HANDED_OUT)
    assert set(contents(found)) == {("Group 1", "01_small")}
    assert any("is a link and was not followed" in notice for notice in found.notices)


# What is no notebook of the course


def test_it_has_a_row_a_page_and_a_line_in_the_report(
    folder: Path, tmp_path: Path, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograde.commands.grade.solution_timing", lambda *_: Timing())
    put(folder / "Grace Hopper" / "report.pdf", b"%PDF")
    put(folder / "Max" / "01_small.zip", b"PK")
    grade(folder, course, tmp_path / "out", isolation="none", say=lambda line: None)
    rows = (tmp_path / "out" / "grades.csv").read_text()
    report = (tmp_path / "out" / "report.html").read_text()
    for student, reason in (
        ("Grace Hopper", "report.pdf: It is no notebook."),
        ("Max", "01_small.zip: It cannot be read as a zip file"),
    ):
        assert f"{student},,01_small,0,9,broken" in rows
        page = (tmp_path / "out" / "feedback" / student / "01_small.html").read_text()
        assert reason in page and reason in report


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("report.pdf", b"%PDF-1.7", "report.pdf: It is no notebook"),
        ("01_small.py", b"total = 10", "01_small.py: It is no notebook"),
        ("Untitled.ipynb", b"", "Untitled.ipynb: The uploaded file is empty"),
        ("Untitled.ipynb", b"<html>", "web page"),
        ("Untitled.ipynb", b'{"cells": []}', "holds no answer cell"),
        ("work.rar", b"Rar!", "work.rar: It is an archive of a kind that is not opened"),
        ("huge.ipynb", bytes(SIZE_LIMIT + 1), "larger than 32 MB"),
    ],
)
def test_somebodys_only_file_is_never_passed_over_in_silence(
    folder: Path, course: Course, name: str, content: bytes, says: str
) -> None:
    put(folder / "Grace Hopper" / name, content, LATER)
    put(folder / "Group 1" / "01_small.ipynb", WORKED)
    found = find(folder, course, HANDED_OUT)
    upload = handed(found)[GRACE]
    assert upload.timestamp == LATER
    with pytest.raises(SubmissionsError) as caught:
        upload.read()
    assert says in str(caught.value)
    assert "hand in the .ipynb file itself" in str(caught.value)
    assert str(caught.value).isprintable()
    assert any(name in notice for notice in found.notices)


def test_it_is_listed_where_it_belongs(folder: Path, course: Course) -> None:
    put(folder / "Max" / "02_large.pdf", b"%PDF")
    put(folder / "Eve" / "thoughts.pdf", b"%PDF")
    put(folder / "Zoe" / "01_small" / "thoughts.pdf", b"%PDF")
    put(folder / "Grace Hopper" / "x.ipynb", WORKED)
    put(folder / "Grace Hopper" / "y.ipynb", LARGE)
    found = {key for key in handed(find(folder, course, HANDED_OUT)) if key[0] != "Grace Hopper"}
    assert found == {
        ("Max", "02_large"),
        ("Eve", "01_small"),
        ("Eve", "02_large"),
        ("Zoe", "01_small"),
    }


def test_a_notebook_beside_the_one_that_counts_is_named(folder: Path, course: Course) -> None:
    put(folder / "Grace Hopper" / "01_small.ipynb", WORKED)
    put(folder / "Grace Hopper" / "scratch.ipynb", b'{"cells": []}')
    put(folder / "Grace Hopper" / "data.csv", b"1,2")
    put(folder / "Group 1" / "02_large.ipynb", LARGE)
    found = find(folder, course, HANDED_OUT)
    assert handed(found)[GRACE].notices == (
        "scratch.ipynb was handed in, too, and was passed over: It holds no answer cell of a "
        "notebook of this course.",
    )
    assert ("Grace Hopper", "02_large") not in handed(found)  # nothing says that it was meant
    put(folder / "Grace Hopper" / "scratch.ipynb", b"")
    assert ("Grace Hopper", "02_large") in handed(find(folder, course, HANDED_OUT))


def test_where_nothing_tells_which_notebook_is_meant_the_command_says_so(
    folder: Path, course: Course
) -> None:
    put(folder / "Eve" / "x.pdf", b"%PDF")
    with pytest.raises(SubmissionsError, match=r"files of Eve.*--assignment"):
        find(folder, course, HANDED_OUT)
    assert ("Eve", "02_large") in handed(find(folder, course, HANDED_OUT, ["02_large"]))


def test_names_in_a_students_archive_are_shown_safely(
    folder: Path, tmp_path: Path, course: Course
) -> None:
    put(folder / "Grace Hopper" / "w\x1b[31m.zip", packed({"a\nb\u202e.ipynb": b""}, tmp_path))
    found = find(folder, course, HANDED_OUT, ["01_small"])
    with pytest.raises(SubmissionsError) as caught:
        handed(found)[GRACE].read()
    assert str(caught.value).isprintable()
    assert all(notice.isprintable() for notice in found.notices)


def test_what_is_read_of_one_student_is_bounded(
    folder: Path, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograde.intake.sorting.READ_LIMIT", 3 << 20)
    for number in range(5):
        put(folder / "Grace Hopper" / f"{number}.ipynb", b" " * (1 << 20))
    put(folder / "Group 1" / "01_small.ipynb", WORKED)
    with pytest.raises(SubmissionsError, match="not looked at: there are more than 3 MB"):
        handed(find(folder, course, HANDED_OUT))[GRACE].read()


def test_an_upload_known_by_its_content_has_its_files_time(folder: Path, course: Course) -> None:
    put(folder / "Grace Hopper" / "x" / "y.ipynb", saved(why="because"), EARLY)
    assert handed(find(folder, course, HANDED_OUT))[GRACE].timestamp == EARLY

"""Which of several uploads counts: first its worth, then the order of handing in, then the work."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from handed_in import (
    EARLY,
    HANDED_OUT,
    LATER,
    LESS,
    UNTOUCHED,
    WORKED,
    contents,
    handed,
    pack,
    put,
    saved,
)
from small_course import write_course

from autograde.intake.submissions import find
from autograde.model.course import Course

GRACE = ("Grace Hopper", "01_small")
FEWER = "fewer answers are written in it, 1 instead of 2"
NO_WORK = "no answer in it was changed since it was handed out"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


def moodle(folder: Path, files: dict[str, bytes]) -> Path:
    """Moodle's download, whose times are none; another student's upload besides."""
    end = "_assignsubmission_file/"
    mine = {f"Grace Hopper_1906{end}{name}": content for name, content in files.items()}
    return pack(folder / "all.zip", mine | {f"Max_7{end}01_small.ipynb": WORKED})


@pytest.mark.parametrize("worked", ["01_small (1).ipynb", "01_small.ipynb", "a.ipynb", "z.ipynb"])
def test_an_untouched_original_never_beats_worked_work(
    tmp_path: Path, course: Course, worked: str
) -> None:
    other = "01_small (2).ipynb" if worked == "01_small.ipynb" else "01_small.ipynb"
    found = find(moodle(tmp_path, {other: UNTOUCHED, worked: WORKED}), course, HANDED_OUT)
    assert contents(found)[GRACE] == WORKED
    notices = handed(found)[GRACE].notices
    assert f"2 uploads of 01_small were found; {worked} counts." in notices
    assert f"{other} does not count: {NO_WORK}." in notices


def test_neither_a_later_time_nor_a_greater_number_helps_an_original(
    tmp_path: Path, course: Course
) -> None:
    put(tmp_path / "class" / "Grace Hopper" / "01_small.ipynb", WORKED, EARLY)
    put(tmp_path / "class" / "Grace Hopper" / "later.ipynb", UNTOUCHED, LATER)
    assert contents(find(tmp_path / "class", course, HANDED_OUT))[GRACE] == WORKED
    names = ("hoppergrace_1_100_01_small.ipynb", "hoppergrace_1_101_01_small-1.ipynb")
    file = pack(tmp_path / "all.zip", dict(zip(names, (WORKED, UNTOUCHED), strict=True)))
    assert contents(find(file, course, HANDED_OUT))[GRACE] == WORKED


def test_a_file_that_cannot_be_read_does_not_beat_one_that_can(
    tmp_path: Path, course: Course
) -> None:
    folder = tmp_path / "class"
    put(folder / "Grace Hopper" / "01_small.ipynb", LESS, EARLY)
    put(folder / "Grace Hopper" / "01_small (1).ipynb", WORKED[:-300], LATER)
    found = find(folder, course, HANDED_OUT)
    assert contents(found)[GRACE] == LESS
    (reason,) = [n for n in handed(found)[GRACE].notices if "does not count" in n]
    assert "01_small (1).ipynb does not count: it cannot be read" in reason
    assert "ends in the middle" in reason


def test_canvas_own_number_comes_before_everything_else(tmp_path: Path, course: Course) -> None:
    names = ("hoppergrace_1_1000_b.ipynb", "hoppergrace_1_999_a.ipynb")
    file = pack(tmp_path / "all.zip", dict(zip(names, (LESS, WORKED), strict=True)))
    found = find(file, course, HANDED_OUT)
    assert contents(found)[GRACE] == LESS
    assert "a.ipynb does not count: it was handed in earlier." in handed(found)[GRACE].notices


def test_then_the_time_where_times_differ(tmp_path: Path, course: Course) -> None:
    folder = tmp_path / "class"
    put(folder / "Grace Hopper" / "b.ipynb", WORKED, EARLY)
    put(folder / "Grace Hopper" / "a.ipynb", LESS, LATER)
    found = find(folder, course, HANDED_OUT)
    assert contents(found)[GRACE] == LESS
    assert (
        "b.ipynb does not count: it was handed in earlier, 2027-04-01 12:00:00 UTC, not "
        "2027-04-02 12:00:00 UTC." in handed(found)[GRACE].notices
    )


def test_the_times_of_a_copied_folder_say_nothing(tmp_path: Path, course: Course) -> None:
    folder = tmp_path / "class"
    put(folder / "Grace Hopper" / "a.ipynb", WORKED, EARLY)
    put(folder / "Grace Hopper" / "b.ipynb", LESS, EARLY + timedelta(seconds=1))
    found = find(folder, course, HANDED_OUT)
    assert contents(found)[GRACE] == WORKED
    assert f"b.ipynb does not count: {FEWER}." in handed(found)[GRACE].notices


def test_the_times_in_a_students_own_archive_order_them(tmp_path: Path, course: Course) -> None:
    mine = pack(
        tmp_path / "mine.zip",
        {"a/01_small.ipynb": LESS, "b/01_small.ipynb": WORKED},
        {"a/01_small.ipynb": LATER},
    )
    found = find(moodle(tmp_path, {"mine.zip": mine.read_bytes()}), course, HANDED_OUT)
    assert contents(found)[GRACE] == LESS
    assert handed(found)[GRACE].timestamp is None  # a student's own clock is no hand-in time
    (reason,) = [n for n in handed(found)[GRACE].notices if "does not count" in n]
    assert "mine.zip/b/01_small.ipynb does not count: it was saved earlier" in reason


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (LESS, FEWER),
        (saved(double="return x", total="total = 10"), "less is written in its answers"),
        (WORKED, "it holds the same"),
        (
            saved(double="def double(x):\n    return x * 2", total="total = 10"),
            "as much is written in it, and its name comes first in the alphabet",
        ),
    ],
)
def test_then_what_was_written(tmp_path: Path, course: Course, other: bytes, reason: str) -> None:
    files = {"01_small (9).ipynb": other, "01_small (10).ipynb": WORKED}
    found = find(moodle(tmp_path, files), course, HANDED_OUT)
    assert contents(found)[GRACE] == WORKED
    assert f"01_small (9).ipynb does not count: {reason}." in handed(found)[GRACE].notices


def test_every_other_one_is_named_up_to_a_number(tmp_path: Path, course: Course) -> None:
    files = {f"{number}.ipynb": UNTOUCHED for number in range(30)}
    found = find(moodle(tmp_path, files | {"mine.ipynb": WORKED}), course, HANDED_OUT)
    notices = handed(found)[GRACE].notices
    assert "31 uploads of 01_small were found; mine.ipynb counts." in notices
    assert sum(NO_WORK in notice for notice in notices) == 19
    assert "11 more do not count, for reasons like these." in notices


def test_members_of_a_group_are_named(tmp_path: Path, course: Course) -> None:
    put(tmp_path / "class" / "Ada Lovelace" / "01_small.ipynb", UNTOUCHED, LATER)
    put(tmp_path / "class" / "Alan Turing" / "01_small.ipynb", WORKED, EARLY)
    upload = handed(find(tmp_path / "class", course, HANDED_OUT))["Group 1", "01_small"]
    assert upload.read() == WORKED
    assert upload.notices == (
        "2 uploads of 01_small were found; Alan Turing/01_small.ipynb counts.",
        f"Ada Lovelace/01_small.ipynb does not count: {NO_WORK}.",
    )

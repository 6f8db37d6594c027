"""Submissions: who handed in what and when, in both layouts, and what is passed over."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from small_course import write_course

from autograde.intake.submissions import find
from autograde.intake.upload import SubmissionsError, Upload
from autograde.model.course import Course
from xaikit.handin.uploads import SIZE_LIMIT, Stub

NAMES: dict[str, dict[str, Stub]] = {"01_small": {}, "02_large": {}}
EARLY = datetime(2027, 4, 1, 12, tzinfo=UTC)
DEADLINE = datetime(2027, 4, 30, 21, 59, tzinfo=UTC)  # 23:59 at +02:00
LATE = datetime(2027, 5, 2, tzinfo=UTC)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "handed in").mkdir()
    return tmp_path / "handed in"


def put(path: Path, moment: datetime = EARLY, content: bytes = b"{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    return path


def by_student(uploads: list[Upload]) -> dict[tuple[str, str], Upload]:
    found = {(u.student, u.assignment): u for u in uploads}
    assert len(found) == len(uploads)
    return found


def test_finds_the_plain_layout(folder: Path, course: Course) -> None:
    path = put(folder / "Grace Hopper" / "01_small.ipynb", content=b"grace")
    put(folder / "Group 1" / "01_small.ipynb")
    found = find(folder, course, NAMES)
    uploads = by_student(found.uploads)
    assert set(uploads) == {("Grace Hopper", "01_small"), ("Group 1", "01_small")}
    grace = uploads["Grace Hopper", "01_small"]
    assert (grace.path, grace.timestamp, grace.late, grace.notices) == (path, EARLY, False, ())
    assert grace.read() == b"grace"
    assert found.notices == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-05-01 10:00:00.123456 UTC", datetime(2027, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2027-05-01 10:00:00 Europe/Berlin", datetime(2027, 5, 1, 8, tzinfo=UTC)),
        ("2027-05-01T10:00:00+02:00\n", datetime(2027, 5, 1, 8, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("above", [False, True])
def test_finds_nbgraders_layout_and_its_timestamp(
    folder: Path, course: Course, text: str, moment: datetime, above: bool
) -> None:
    place = folder / "submitted" / "Group 1" / "01_small"
    put(place / "01_small.ipynb")
    (place / "timestamp.txt").write_text(text)
    found = find(folder if above else folder / "submitted", course, NAMES)
    upload = by_student(found.uploads)["Group 1", "01_small"]
    assert upload.timestamp == moment
    assert upload.late
    assert found.notices == []


@pytest.mark.parametrize(
    "content", [b"", b"yesterday", b"\xff\xfe", b"9" * 100, b"9" * 10_000, b"2027-99-99 1:1:1 UTC"]
)
def test_an_unreadable_timestamp_leaves_the_files_own(
    folder: Path, course: Course, content: bytes
) -> None:
    put(folder / "Group 1" / "01_small.ipynb")
    (folder / "Group 1" / "timestamp.txt").write_bytes(content)
    upload = by_student(find(folder, course, NAMES).uploads)["Group 1", "01_small"]
    assert upload.timestamp == EARLY
    assert "timestamp.txt is unreadable" in upload.notices[0]


@pytest.mark.parametrize(
    ("student", "moment", "late"),
    [
        ("Group 1", DEADLINE, False),
        ("Group 1", LATE, True),
        ("Grace Hopper", LATE, False),
        ("Grace Hopper", datetime(2027, 5, 8, tzinfo=UTC), True),
    ],
)
def test_late_is_after_the_deadline_with_extensions(
    folder: Path, course: Course, student: str, moment: datetime, late: bool
) -> None:
    put(folder / student / "01_small.ipynb", moment)
    assert by_student(find(folder, course, NAMES).uploads)[student, "01_small"].late is late


def test_the_whole_class_is_listed(folder: Path, course: Course) -> None:
    put(folder / "Stranger" / "01_small.ipynb")
    found = find(folder, course, NAMES)
    uploads = by_student(found.uploads)
    assert {s for s, _ in uploads} == {"Stranger", "Group 1", "Grace Hopper"}
    assert {u.student for u in found.uploads if u.path is None} == {"Group 1", "Grace Hopper"}
    assert not any(u.late for u in found.uploads)
    assert {a for _, a in uploads} == {"01_small"}
    assert any("Stranger is not in the class list" in notice for notice in found.notices)
    asked = by_student(find(folder, course, NAMES, only=["02_large"]).uploads)
    assert {(s, u.path) for (s, _), u in asked.items()} == {
        ("Stranger", None),
        ("Group 1", None),
        ("Grace Hopper", None),
    }
    with pytest.raises(SubmissionsError, match="Nothing was handed in"):
        uploads["Group 1", "01_small"].read()


def test_members_hand_in_for_their_group_and_the_latest_counts(
    folder: Path, course: Course
) -> None:
    put(folder / "Ada Lovelace" / "01_small.ipynb", EARLY, b"ada")
    put(folder / "Alan Turing" / "01_small.ipynb", DEADLINE, b"alan")
    put(folder / "Group 1" / "01_small.ipynb", datetime(2027, 4, 2, tzinfo=UTC), b"group")
    upload = by_student(find(folder, course, NAMES).uploads)["Group 1", "01_small"]
    assert upload.read() == b"alan"
    assert upload.notices == (
        "3 uploads of 01_small were found; Alan Turing/01_small.ipynb counts.",
        "Ada Lovelace/01_small.ipynb does not count: it was handed in earlier, "
        "2027-04-01 12:00:00 UTC, not 2027-04-30 21:59:00 UTC.",
        "Group 1/01_small.ipynb does not count: it was handed in earlier, "
        "2027-04-02 00:00:00 UTC, not 2027-04-30 21:59:00 UTC.",
    )


@pytest.mark.parametrize(
    "name",
    ["01_small (1).ipynb", "01_small(2).ipynb", "Copy of 01_small.ipynb", "01_small-Copy1.ipynb"],
)
def test_copies_are_known(folder: Path, course: Course, name: str) -> None:
    put(folder / "Group 1" / name)
    upload = by_student(find(folder, course, NAMES).uploads)["Group 1", "01_small"]
    assert any(name in notice for notice in upload.notices)


def test_extra_files_are_passed_over_aloud(folder: Path, course: Course) -> None:
    put(folder / "Group 1" / "01_small.ipynb")
    put(folder / "Group 1" / "notes.txt")
    put(folder / "Group 1" / "03_other.ipynb")
    put(folder / "Group 1" / "data" / "x.csv")
    put(folder / "Group 1" / "all.rar")
    put(folder / "01_small.ipynb")
    put(folder / ".DS_Store")
    put(folder / "Group 1" / ".ipynb_checkpoints" / "01_small-checkpoint.ipynb", LATE)
    put(folder / "__MACOSX" / "01_small.ipynb")
    found = find(folder, course, NAMES)
    assert len(found.uploads) == 2
    text = "\n".join(found.notices)
    assert len(found.notices) == 5
    for name in ("notes.txt", "03_other.ipynb", "data/x.csv", "all.rar", "in/01_small.ipynb"):
        assert sum(f"{name} " in notice for notice in found.notices) == 1, name
    assert "STUDENT/NAME.ipynb" in text
    assert "all.rar is an archive" in text
    said = by_student(found.uploads)["Group 1", "01_small"].notices
    assert [notice.split(" was handed in, too")[0] for notice in said] == [
        "03_other.ipynb",
        "all.rar",
    ]


def test_links_are_not_followed(folder: Path, course: Course, tmp_path: Path) -> None:
    secret = put(tmp_path / "elsewhere" / "01_small.ipynb", content=b"secret")
    put(folder / "Grace Hopper" / "01_small.ipynb")
    (folder / "Alan Turing").symlink_to(secret.parent)
    (folder / "Eve").mkdir()
    (folder / "Eve" / "01_small.ipynb").symlink_to(secret)
    (folder / "Mallory").mkdir()
    (folder / "Mallory" / "01_small").symlink_to(secret.parent)
    found = find(folder, course, NAMES)
    assert [u.student for u in found.uploads if u.path] == ["Grace Hopper"]
    assert sum("is a link and was not followed" in notice for notice in found.notices) == 3


def test_what_is_swapped_after_it_was_found_is_not_read(
    folder: Path, course: Course, tmp_path: Path
) -> None:
    secret = put(tmp_path / "secret", content=b"secret")
    path = put(folder / "Grace Hopper" / "01_small.ipynb")
    upload = by_student(find(folder, course, NAMES).uploads)["Grace Hopper", "01_small"]
    path.unlink()
    with pytest.raises(SubmissionsError, match="cannot be read"):
        upload.read()
    path.symlink_to(secret)
    with pytest.raises(SubmissionsError, match="cannot be read"):
        upload.read()
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SubmissionsError, match="not a plain file"):
        upload.read()


def test_a_huge_file_is_refused_with_the_cure(folder: Path, course: Course) -> None:
    path = put(folder / "Grace Hopper" / "01_small.ipynb")
    os.truncate(path, SIZE_LIMIT + 1)
    upload = by_student(find(folder, course, NAMES).uploads)["Grace Hopper", "01_small"]
    with pytest.raises(SubmissionsError, match="clear all outputs"):
        upload.read()
    os.truncate(path, SIZE_LIMIT)
    assert len(upload.read()) == SIZE_LIMIT


@pytest.mark.parametrize("name", ["x" * 200, "a\nb", "\x1b[31mred", "evil\u202egpj", "= 1+1", "~"])
def test_strange_names_are_shown_safely_and_stay_apart(
    folder: Path, course: Course, name: str
) -> None:
    put(folder / name / "01_small.ipynb", content=b"strange")
    put(folder / "red" / "01_small.ipynb", content=b"red")
    found = find(folder, course, NAMES)
    read = {u.student: u.read() for u in found.uploads if u.path}
    assert len(read) == 2
    assert read["red"] == b"red"
    assert all(student.isprintable() for student in read)
    assert all(notice.isprintable() for notice in found.notices)


def test_a_name_that_is_no_text_is_shown_safely(folder: Path, course: Course) -> None:
    put(Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")) / "01_small.ipynb")
    found = find(folder, course, NAMES)
    for text in (*(u.student for u in found.uploads), *found.notices):
        text.encode("utf-8")


def test_a_student_is_known_by_the_safe_form_of_the_name(tmp_path: Path, folder: Path) -> None:
    course = replace(write_course(tmp_path / "course"), students=("O'Neil",), groups={})
    put(folder / "O'Neil" / "01_small.ipynb")
    assert [u.student for u in find(folder, course, NAMES).uploads] == ["O'Neil"]


def test_nothing_to_grade_is_one_sentence(folder: Path, course: Course) -> None:
    with pytest.raises(SubmissionsError, match=r"STUDENT/NAME\.ipynb"):
        find(folder, course, NAMES)
    put(folder / "01_small.ipynb")
    with pytest.raises(SubmissionsError, match="01_small, 02_large"):
        find(folder, course, NAMES)
    with pytest.raises(SubmissionsError, match="There is no folder"):
        find(folder / "none", course, NAMES)
    for name, sentence in {
        "all.tar": "is an archive but no zip file; please unpack it",
        "all.zip": "cannot be read as a zip file",
    }.items():
        archive = put(folder / name)
        with pytest.raises(SubmissionsError, match=sentence) as caught:
            find(archive, course, NAMES)
        assert "\n" not in str(caught.value)

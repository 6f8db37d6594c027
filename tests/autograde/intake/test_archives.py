"""Archives, written by Python's zipfile in the shapes that Moodle and Canvas give their downloads.

Shapes: Moodle's ``mod/assign/classes/downloader.php``, Canvas's ``lib/content_zipper.rb``.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from small_course import write_course

from autograde.intake import archives
from autograde.intake.submissions import Found, find
from autograde.intake.upload import SubmissionsError, Upload
from autograde.lms.names import meaning
from autograde.model.course import Course
from xaikit.handin.uploads import SIZE_LIMIT, Stub

NAMES: dict[str, dict[str, Stub]] = {"01_small": {}, "02_large": {}}
WHEN = (2027, 5, 2, 12, 0, 0)  # after the deadline, before Grace Hopper's extended one
NOTEBOOK = b'{"cells": [], "nbformat": 4}'


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


def pack(file: Path, content: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, WHEN), data, method)
    return file


def handed(found: Found) -> dict[tuple[str, str], Upload]:
    uploads = [u for u in found.uploads if u.path is not None]
    by_key = {(u.student, u.assignment): u for u in uploads}
    assert len(by_key) == len(uploads)
    return by_key


def contents(found: Found) -> dict[tuple[str, str], bytes]:
    return {key: upload.read() for key, upload in handed(found).items()}


@pytest.mark.parametrize("after", ["_assignsubmission_file/", "_assignsubmission_file_/"])
def test_moodles_folders_from_before_and_after_4_1(
    tmp_path: Path, course: Course, after: str
) -> None:
    file = pack(
        tmp_path / "XAI-Small-17.zip",
        {
            f"Ada Lovelace_1815{after}01_small.ipynb": b"ada",
            f"Grace Hopper_1906{after}01_small.ipynb": b"grace",
            f"Ångström Anders_1814{after}01_small (1).ipynb": b"anders",
            "Grace Hopper_1906_assignsubmission_onlinetext/onlinetext.html": b"<p>hello</p>",
        },
    )
    found = find(file, course, NAMES)
    assert contents(found) == {
        ("Group 1", "01_small"): b"ada",  # course.toml says whose group
        ("Grace Hopper", "01_small"): b"grace",
        ("Ångström Anders", "01_small"): b"anders",
    }
    assert not any(u.late or u.timestamp for u in found.uploads)  # the zip's times are no times
    assert sum("download from Moodle" in notice for notice in found.notices) == 1
    assert sum("onlinetext.html was passed over" in notice for notice in found.notices) == 1
    assert handed(found)["Ångström Anders", "01_small"].notices == (
        "The upload is called 01_small (1).ipynb and was taken as 01_small.",
    )


def test_moodles_flat_form(tmp_path: Path, course: Course) -> None:
    file = pack(
        tmp_path / "all.zip",
        {
            "Grace Hopper_1906_assignsubmission_file_01_small.ipynb": b"grace",
            "Linus Pauling_7_assignsubmission_file_01_small.ipynb": b"linus",
        },
    )
    assert contents(find(file, course, NAMES)) == {
        ("Grace Hopper", "01_small"): b"grace",
        ("Linus Pauling", "01_small"): b"linus",
    }


def test_moodles_blind_marking_and_teams(tmp_path: Path, course: Course) -> None:
    end = "_assignsubmission_file/01_small.ipynb"
    blind = {f"Participant_{number}{end}": str(number).encode() for number in (11, 12)}
    assert contents(find(pack(tmp_path / "blind.zip", blind), course, NAMES)) == {
        ("Participant 11", "01_small"): b"11",
        ("Participant 12", "01_small"): b"12",
    }
    teams = {f"Group 1_4{end}": b"four", f"Default group{end}": b"default"}
    assert contents(find(pack(tmp_path / "teams.zip", teams), course, NAMES)) == {
        ("Group 1", "01_small"): b"four",
        ("Default group", "01_small"): b"default",
    }


def test_teams_of_moodle_before_4_1(tmp_path: Path, course: Course) -> None:
    """A folder a member, TEAM-NAME; the course file's groups count, names may hold hyphens."""
    course = replace(course, students=("Ada Lovelace", "Alan Turing", "Jean-Luc Moulin"))
    end = "_assignsubmission_file_/01_small.ipynb"
    names = (
        "Blue team-Ada Lovelace_1",
        "Blue team-Turing Alan_2",
        "Default group-Jean-Luc Moulin_3",
    )
    file = pack(tmp_path / "teams.zip", {f"{name}{end}": name[:4].encode() for name in names})
    assert contents(find(file, course, NAMES)) == {
        ("Group 1", "01_small"): b"Blue",
        ("Jean-Luc Moulin", "01_small"): b"Defa",
    }


def test_group_assignments_of_canvas(tmp_path: Path, course: Course) -> None:
    """Canvas names the file by the group and one member's number."""
    file = pack(
        tmp_path / "submissions.zip",
        {"group1_LATE_101_5001_01_small.ipynb": b"one", "xaigroup7_102_5002_01_small.ipynb": b"x"},
    )
    assert contents(find(file, course, NAMES)) == {
        ("Group 1", "01_small"): b"one",
        ("xaigroup7", "01_small"): b"x",
    }


def test_two_users_of_one_name_stay_apart(tmp_path: Path, course: Course) -> None:
    course = replace(course, students=("Ada Lovelace",), groups={})
    end = "_assignsubmission_file/01_small.ipynb"
    file = pack(
        tmp_path / "all.zip",
        {f"Ada Lovelace_1{end}": b"one", f"Lovelace Ada_2{end}": b"two"},
    )
    assert contents(find(file, course, NAMES)) == {
        ("Ada Lovelace 1", "01_small"): b"one",
        ("Ada Lovelace 2", "01_small"): b"two",
    }


@pytest.mark.parametrize("wrapper", ["", "submissions/"])
def test_canvas(tmp_path: Path, course: Course, wrapper: str) -> None:
    course = replace(course, students=("Ada Lovelace", "Grace Hopper", "Max O'Neil"), groups={})
    file = pack(
        tmp_path / "submissions.zip",
        {
            f"{wrapper}lovelaceada_101_9002_01_small-2.ipynb": b"ada, again",
            f"{wrapper}lovelaceada_101_900_01_small.ipynb": b"ada, first",
            f"{wrapper}hoppergrace_LATE_102_9003_01_small.ipynb": b"grace",
            f"{wrapper}oneilmax_LATE_103_9004_01_small.ipynb": b"max",
            f"{wrapper}strangerthe_104_9005_01_small.ipynb": b"stranger",
            f"{wrapper}strangerthe_104_9006_notes.txt": b"notes",
        },
    )
    found = find(file, course, NAMES)
    assert contents(found) == {
        ("Ada Lovelace", "01_small"): b"ada, again",
        ("Grace Hopper", "01_small"): b"grace",
        ("Max O'Neil", "01_small"): b"max",
        ("strangerthe", "01_small"): b"stranger",
    }
    # Grace Hopper's deadline was extended in course.toml, of which Canvas does not know.
    assert {u.student for u in found.uploads if u.late} == {"Max O'Neil"}
    assert handed(found)["Ada Lovelace", "01_small"].notices == (
        "2 uploads of 01_small were found; 01_small.ipynb (number 9002) counts.",
        "01_small.ipynb (number 900) does not count: it was handed in earlier.",
    )
    assert sum("notes.txt was passed over" in notice for notice in found.notices) == 1


def test_canvas_anonymous_grading(tmp_path: Path, course: Course) -> None:
    file = pack(
        tmp_path / "submissions.zip",
        {
            "anon_aB3xY_9001_01_small.ipynb": b"one",
            "LATE_anon_Zz9yX_9002_01_small.ipynb": b"two",
        },
    )
    found = find(file, course, NAMES)
    assert contents(found) == {
        ("anon aB3xY", "01_small"): b"one",
        ("anon Zz9yX", "01_small"): b"two",
    }
    assert [u.student for u in found.uploads if u.late] == ["anon Zz9yX"]


@pytest.mark.parametrize("wrapper", ["", "class/", "class/submitted/"])
def test_plain_and_nbgraders_layout(tmp_path: Path, course: Course, wrapper: str) -> None:
    file = pack(
        tmp_path / "all.zip",
        {
            f"{wrapper}Grace Hopper/01_small.ipynb": b"grace",
            f"{wrapper}Max\\01_small.ipynb": b"max",  # Windows, when it does not follow the format
            f"{wrapper}Max/readme.txt": b"",
            f"{wrapper}Group 1/01_small/01_small.ipynb": b"group",
            f"{wrapper}Group 1/01_small/timestamp.txt": b"2027-04-01 10:00:00 UTC",
            f"{wrapper}Group 1/backup/01_small.ipynb": b"backup",
            "__MACOSX/Max/01_small.ipynb": b"macOS",
            f"{wrapper}Max/.ipynb_checkpoints/01_small.ipynb": b"checkpoint",
        },
    )
    found = find(file, course, NAMES)
    assert contents(found) == {
        ("Grace Hopper", "01_small"): b"grace",
        ("Max", "01_small"): b"max",
        ("Group 1", "01_small"): b"group",
    }
    uploads = handed(found)
    assert uploads["Group 1", "01_small"].timestamp == datetime(2027, 4, 1, 10, tzinfo=UTC)
    assert uploads["Max", "01_small"].timestamp == datetime(*WHEN).astimezone(UTC)
    assert {u.student for u in found.uploads if u.late} == {"Max"}  # Grace Hopper has until 7 May
    assert uploads["Group 1", "01_small"].notices == (
        "2 uploads of 01_small were found; 01_small/01_small.ipynb counts.",
        "backup/01_small.ipynb does not count: nbgrader did not collect it.",
    )
    assert sum("Max is not in the class list" in n for n in found.notices) == 1


def test_one_students_folder_is_no_wrapper(tmp_path: Path, course: Course) -> None:
    for path in ("Max/01_small.ipynb", "Max/01_small/01_small.ipynb", "c/Max/01_small.ipynb"):
        found = find(pack(tmp_path / "one.zip", {path: b"max"}), course, NAMES)
        assert contents(found) == {("Max", "01_small"): b"max"}, path


def test_the_exact_time_is_used_where_it_is_written(tmp_path: Path, course: Course) -> None:
    info = zipfile.ZipInfo("Max/01_small.ipynb", WHEN)
    moment = datetime(2027, 4, 2, 3, 4, 5, tzinfo=UTC)
    info.extra = struct.pack("<HHBI", 0x5455, 5, 1, int(moment.timestamp()))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(info, b"max")
        archive.writestr("Eve/01_small.ipynb", b"eve")
        archive.writestr(zipfile.ZipInfo("Ann/01_small.ipynb"), b"ann")  # 1980: no time at all
    uploads = handed(find(tmp_path / "all.zip", course, NAMES))
    assert uploads["Max", "01_small"].timestamp == moment
    assert uploads["Ann", "01_small"].timestamp is None


def test_names_that_macos_writes_without_saying_that_they_are_utf_8(
    tmp_path: Path, course: Course
) -> None:
    name = "Ångström/01_small.ipynb"
    file = pack(tmp_path / "all.zip", {"A" * len(name.encode()): b"anders"})
    raw = file.read_bytes().replace(b"A" * len(name.encode()), name.encode())
    file.write_bytes(raw)
    assert contents(find(file, course, NAMES)) == {("Ångström", "01_small"): b"anders"}


def test_links_devices_and_paths_that_lead_out_are_refused_aloud(
    tmp_path: Path, course: Course
) -> None:
    (tmp_path / "secret.ipynb").write_bytes(b"secret")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for student, kind in (("Link", stat.S_IFLNK), ("Pipe", stat.S_IFIFO)):
            info = zipfile.ZipInfo(f"{student}/01_small.ipynb", WHEN)
            info.create_system = 3
            info.external_attr = (kind | 0o777) << 16
            archive.writestr(info, str(tmp_path / "secret.ipynb"))
        for path in ("../Eve/01_small.ipynb", "/Eve/01_small.ipynb", "Eve/../../01_small.ipynb"):
            archive.writestr(zipfile.ZipInfo(path, WHEN), b"eve")
        for path in ("C:/Eve/01_small.ipynb", "..\\Eve\\01_small.ipynb"):
            archive.writestr(zipfile.ZipInfo(path, WHEN), b"eve")
        archive.writestr("Max/01_small.ipynb", b"max")
    before = sorted(tmp_path.rglob("*"))
    found = find(tmp_path / "all.zip", course, NAMES)
    assert contents(found) == {("Max", "01_small"): b"max"}
    assert sum("was not followed" in notice for notice in found.notices) == 2
    assert sum("leads out of the archive" in notice for notice in found.notices) == 5
    assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked


def test_a_bomb_costs_its_own_student_only(tmp_path: Path, course: Course) -> None:
    file = pack(
        tmp_path / "all.zip",
        {
            "Bomb/01_small.ipynb": bytes(20 << 20),  # a thousandth when packed
            "Fair/01_small.ipynb": b"fair" * (1 << 19),  # as repetitive, but small
            "Huge/01_small.ipynb": bytes(SIZE_LIMIT + 1),
        },
    )
    uploads = handed(find(file, course, NAMES))
    assert len(uploads["Fair", "01_small"].read()) == 1 << 21
    with pytest.raises(SubmissionsError, match="shrinks to less than a 200th"):
        uploads["Bomb", "01_small"].read()
    with pytest.raises(SubmissionsError, match="larger than 32 MB"):
        uploads["Huge", "01_small"].read()


def test_a_size_that_lies_is_not_believed(tmp_path: Path, course: Course) -> None:
    file = pack(tmp_path / "all.zip", {"Eve/01_small.ipynb": bytes(1 << 20)})
    raw = file.read_bytes()
    assert raw.count(struct.pack("<I", 1 << 20)) == 2
    file.write_bytes(raw.replace(struct.pack("<I", 1 << 20), struct.pack("<I", 10)))
    upload = handed(find(file, course, NAMES))["Eve", "01_small"]
    with pytest.raises(SubmissionsError, match="cannot be unpacked"):
        upload.read()


def test_encrypted_damaged_and_oddly_packed_uploads(tmp_path: Path, course: Course) -> None:
    file = pack(tmp_path / "x.zip", {"Eve/01_small.ipynb": b"eve"}, zipfile.ZIP_STORED)
    raw = file.read_bytes()
    encrypted = bytearray(raw)
    encrypted[raw.index(b"PK\x01\x02") + 8] |= 1
    lzma = pack(tmp_path / "l.zip", {"Eve/01_small.ipynb": b"eve"}, zipfile.ZIP_LZMA).read_bytes()
    for damage, sentence in {
        bytes(encrypted): "is encrypted",
        raw.replace(b"eve", b"EVE"): "cannot be unpacked",
        lzma: "packed in a way",
    }.items():
        file.write_bytes(damage)
        upload = handed(find(file, course, NAMES))["Eve", "01_small"]
        with pytest.raises(SubmissionsError, match=sentence):
            upload.read()


def test_too_many_files_and_no_zip_are_one_sentence(
    tmp_path: Path, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pack(tmp_path / "x.zip", {f"S{i}/01_small.ipynb": b"{}" for i in range(11)})
    for limit in ("ENTRY_LIMIT", "TOTAL_LIMIT"):
        with monkeypatch.context() as patch:
            patch.setattr(archives, limit, 10)
            with pytest.raises(SubmissionsError, match="holds more than"):
                find(file, course, NAMES)
    assert len(handed(find(file, course, NAMES))) == 11
    for damage in (b"", file.read_bytes()[:200], b"PK\x05\x06" + b"\xff" * 18):
        file.write_bytes(damage)
        with pytest.raises(SubmissionsError, match="cannot be read as a zip file") as caught:
            find(file, course, NAMES)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred", "evil\u202egpj", "= 1+1", "x" * 300])
def test_strange_names_are_shown_safely(tmp_path: Path, course: Course, name: str) -> None:
    file = pack(tmp_path / "x.zip", {f"{name}/01_small.ipynb": b"{}", f"{name}/n.txt": b""})
    found = find(file, course, NAMES)
    assert all(u.student.isprintable() for u in found.uploads)
    assert all(notice.isprintable() for notice in found.notices)


@pytest.mark.parametrize(
    ("name", "people", "who"),
    [
        ("Ada Lovelace", ["Ada Lovelace", "Lovelace Ada"], ["Ada Lovelace"]),
        ("Lovelace, Ada", ["Ada Lovelace", "Alan Turing"], ["Ada Lovelace"]),
        ("lovelaceada", ["Ada Lovelace", "Alan Turing"], ["Ada Lovelace"]),
        ("vandenbergjan", ["Jan van den Berg"], ["Jan van den Berg"]),
        ("ONeil Max", ["Max O'Neil"], ["Max O'Neil"]),
        ("Müller, Zoë", ["Zoe\u0308 Mu\u0308ller"], ["Zoe\u0308 Mu\u0308ller"]),
        ("王小明", ["王小明", "王小红"], ["王小明"]),
        ("annmarie", ["Ann Marie", "Marie Ann"], ["Ann Marie", "Marie Ann"]),
        ("Ada", ["Ada Lovelace"], []),
        ("!!!", ["???"], []),
    ],
)
def test_who_is_meant(name: str, people: list[str], who: list[str]) -> None:
    assert meaning(people)(name) == who

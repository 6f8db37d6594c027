"""The report beside the notebook: found in every shape of a hand-in, the right one of several."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pdfs
import pytest
from handed_in import EARLY, HANDED_OUT, LATER, WORKED, handed, pack, packed, put
from small_course import write_course
from with_report import course_with_report, upload

from autograde.intake.submissions import Found, find
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.release import manifest, released
from autograde.notebooks.source import read_source
from xaikit.handin import ready
from xaikit.handin.opened import Verdict
from xaikit.handin.released import Released

NAME = "01_small"
MINE, OTHER = pdfs.pages(), pdfs.pages(box=b"0 0 300 100")
GRACE = ("Grace Hopper", NAME)
ASKED = {
    **HANDED_OUT,
    NAME: {task: replace(stub, report=task == "total") for task, stub in HANDED_OUT[NAME].items()},
}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


def report(found: Found, who: tuple[str, str] = GRACE) -> bytes | None:
    upload = handed(found)[who]
    return upload.report.read() if upload.report else None


# Every shape

END = "_assignsubmission_file"


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (
            {"Grace Hopper/01_small.ipynb": WORKED, "Grace Hopper/report.pdf": MINE},
            {"Max/01_small.ipynb": WORKED, "Max/report.pdf": OTHER},
        ),
        (
            {
                "submitted/Grace Hopper/01_small/01_small.ipynb": WORKED,
                "submitted/Grace Hopper/01_small/report.pdf": MINE,
            },
            {
                "submitted/Max/01_small/01_small.ipynb": WORKED,
                "submitted/Max/01_small/report.pdf": OTHER,
            },
        ),
        (
            {f"Grace Hopper_1{END}_/a.ipynb": WORKED, f"Grace Hopper_1{END}_/b.pdf": MINE},
            {f"Max_2{END}_/a.ipynb": WORKED, f"Max_2{END}_/b.pdf": OTHER},
        ),
        (
            {f"Grace Hopper_1{END}_a.ipynb": WORKED, f"Grace Hopper_1{END}_report.pdf": MINE},
            {f"Max_2{END}_a.ipynb": WORKED, f"Max_2{END}_report.pdf": OTHER},
        ),
        (
            {"hoppergrace_1_100_01_small.ipynb": WORKED, "hoppergrace_1_101_report.pdf": MINE},
            {"max_2_102_01_small.ipynb": WORKED, "max_2_103_report.pdf": OTHER},
        ),
    ],
    ids=["folders", "nbgrader", "Moodle's folders", "Moodle's files", "Canvas"],
)
@pytest.mark.parametrize("unpacked", [False, True])
def test_in_every_shape_each_gets_the_own_report(
    tmp_path: Path, course: Course, mine: dict[str, bytes], theirs: dict[str, bytes], unpacked: bool
) -> None:
    course = replace(course, students=("Grace Hopper", "Max"), groups={})
    where = pack(tmp_path / "all.zip", mine | theirs)
    if unpacked:
        where = tmp_path / "all"
        for name, content in (mine | theirs).items():
            put(where / name, content)
    found = find(where, course, ASKED)
    assert (report(found), report(found, ("Max", NAME))) == (MINE, OTHER)
    assert not any("passed over" in notice for notice in found.notices)


def test_in_an_archive_of_the_students_own(tmp_path: Path, course: Course) -> None:
    both = packed({"x/01_small.ipynb": WORKED, "x/report.pdf": MINE}, tmp_path)
    put(tmp_path / "class" / "Grace Hopper" / "mine.zip", both)
    assert report(find(tmp_path / "class", course, ASKED)) == MINE


def test_one_of_a_group_hands_in_the_notebook_and_another_the_report(
    tmp_path: Path, course: Course
) -> None:
    course = replace(course, students=(), groups={"Group 9": ("Ada", "Max")})
    put(tmp_path / "class" / "Ada" / "01_small.ipynb", WORKED)
    put(tmp_path / "class" / "Max" / "report.pdf", MINE)
    assert report(find(tmp_path / "class", course, ASKED), ("Group 9", NAME)) == MINE


def test_a_pdf_counts_only_where_one_is_asked_for(tmp_path: Path, course: Course) -> None:
    put(tmp_path / "class" / "Grace Hopper" / "01_small.ipynb", WORKED)
    put(tmp_path / "class" / "Grace Hopper" / "report.pdf", MINE)
    found = find(tmp_path / "class", course, HANDED_OUT)
    assert report(found) is None
    assert any("report.pdf was passed over" in notice for notice in found.notices)


def test_a_pdf_alone_says_that_the_notebook_is_missing(tmp_path: Path, course: Course) -> None:
    put(tmp_path / "class" / "Grace Hopper" / "report.pdf", MINE)
    put(tmp_path / "class" / "Max" / "01_small.ipynb", WORKED)
    refused = [u.refused for u in find(tmp_path / "class", course, ASKED).uploads if u.refused]
    assert refused and "It is a PDF, and the notebook is missing." in refused[0]


@pytest.mark.parametrize("name", ["report.docx", "our Report.png"])
def test_a_report_of_another_format_is_told(tmp_path: Path, course: Course, name: str) -> None:
    put(tmp_path / "class" / "Grace Hopper" / "01_small.ipynb", WORKED)
    put(tmp_path / "class" / "Grace Hopper" / name, b"PK\3\4" + bytes(99))
    found = find(tmp_path / "class", course, ASKED)
    assert report(found) is None
    said = f"{name} was passed over: a report is handed in as a PDF."
    assert sum(said in notice for notice in found.notices) == 1
    # Where no report is asked for, it is a file like others.
    other = find(tmp_path / "class", course, HANDED_OUT).notices
    assert any("it is no notebook of the course" in notice for notice in other)


# Which of several


@pytest.mark.parametrize(
    ("files", "counts", "reason"),
    [
        ({"report.pdf": b"MZ", "a.pdf": MINE}, "a.pdf", "it is no PDF"),
        ({"report.pdf": b"", "a.pdf": MINE}, "a.pdf", "it is empty"),
        (
            {"report.pdf": b"%PDF-" + bytes(17 << 20), "a.pdf": MINE},
            "a.pdf",
            "it cannot be read (The upload is larger than 16 MB",
        ),
        ({"exercise.pdf": OTHER, "our Report.pdf": MINE}, "our Report.pdf", "another one is call"),
        ({"report (1).pdf": MINE, "report.pdf": MINE}, "report.pdf", "it holds the same"),
        ({"report a.pdf": OTHER, "report b.pdf": MINE}, "report b.pdf", "its name comes first"),
    ],
    ids=["no PDF", "empty", "too large", "called a report", "the same", "the name"],
)
def test_one_of_several_counts_and_the_other_is_named_with_the_reason(
    tmp_path: Path, course: Course, files: dict[str, bytes], counts: str, reason: str
) -> None:
    put(tmp_path / "class" / "Grace Hopper" / "01_small.ipynb", WORKED)
    for name, content in files.items():
        put(tmp_path / "class" / "Grace Hopper" / name, content)
    found = find(tmp_path / "class", course, ASKED)
    notices = handed(found)[GRACE].notices
    (other,) = {*files} - {counts}
    assert report(found) == MINE
    assert f"2 PDFs beside the notebook were found; {counts} counts as the report." in notices
    (said,) = [notice for notice in notices if "does not count" in notice]
    assert said.startswith(f"{other} does not count: {reason.removeprefix('The ')}"[:40]), said
    assert reason.split(" (")[0] in said


@pytest.mark.parametrize(
    ("first", "then"), [("report.pdf", "a.pdf"), ("a report.pdf", "b report.pdf")]
)
def test_the_later_of_two_counts_unless_the_earlier_alone_is_called_a_report(
    tmp_path: Path, course: Course, first: str, then: str
) -> None:
    home = tmp_path / "class" / "Grace Hopper"
    put(home / "01_small.ipynb", WORKED, EARLY)
    put(home / first, OTHER, EARLY)
    put(home / then, MINE, LATER)
    found = find(tmp_path / "class", course, ASKED)
    called = "report" in then
    assert report(found) == (MINE if called else OTHER)
    (said,) = [n for n in handed(found)[GRACE].notices if "does not count" in n]
    assert ("handed in earlier, 2027-04-01" if called else "another one is called") in said


def test_canvas_number_decides_between_two_reports(tmp_path: Path, course: Course) -> None:
    content = {
        "hoppergrace_1_100_01_small.ipynb": WORKED,
        "hoppergrace_1_102_report-1.pdf": MINE,
        "hoppergrace_1_101_report.pdf": OTHER,
        "max_2_90_01_small.ipynb": WORKED,
    }
    course = replace(course, students=("Grace Hopper", "Max"), groups={})
    found = find(pack(tmp_path / "all.zip", content), course, ASKED)
    assert report(found) == MINE
    assert any("it was handed in earlier." in n for n in handed(found)[GRACE].notices)


def test_what_nbgrader_collected_counts(tmp_path: Path, course: Course) -> None:
    home = tmp_path / "class" / "submitted" / "Grace Hopper" / NAME
    put(home / "01_small.ipynb", WORKED)
    put(home / "report.pdf", MINE)
    put(home / "timestamp.txt", b"2027-04-01 12:00:00.0 UTC")
    put(home.parent / "02_large" / "report.pdf", OTHER, LATER)  # of another assignment
    assert report(find(tmp_path / "class", course, ASKED)) == MINE


def test_a_report_that_came_later_is_what_was_handed_in_last(
    tmp_path: Path, course: Course
) -> None:
    put(tmp_path / "class" / "Grace Hopper" / "01_small.ipynb", WORKED, EARLY)
    put(tmp_path / "class" / "Grace Hopper" / "report.pdf", MINE, LATER)
    moment = handed(find(tmp_path / "class", course, ASKED))[GRACE].timestamp
    assert moment is not None and datetime.timestamp(moment) == LATER.timestamp()


def test_of_a_thousand_pdfs_twenty_are_looked_at(tmp_path: Path, course: Course) -> None:
    content = {f"Grace Hopper/report {i:03}.pdf": MINE + b"%d" % i for i in range(900)}
    content |= {"Grace Hopper/01_small.ipynb": WORKED, "Max/01_small.ipynb": WORKED}
    found = find(pack(tmp_path / "all.zip", content), course, ASKED)
    assert report(found) is not None
    assert len(handed(found)[GRACE].notices) < 30


# The student's own look


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Released]]:
    folder = tmp_path_factory.mktemp("look")
    course = course_with_report(folder / "course")
    (folder / f"{NAME}.ipynb").write_bytes(upload(course))
    source = read_source(course.folder / "solutions" / f"{NAME}.py", read_course(course.folder))
    entry = json.loads(json.dumps(manifest(released(source), {})))
    return folder, {NAME: Released.read(entry)}


def look(home: tuple[Path, dict[str, Released]], files: dict[str, bytes]) -> Verdict:
    folder, known = home
    for old in folder.glob("*.[pP][dD][fF]"):
        old.unlink()
    for age, (name, content) in enumerate(files.items()):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (10**9 + age, 10**9 + age))
    return ready.check(folder / f"{NAME}.ipynb", known=known)


@pytest.mark.parametrize(
    ("files", "good", "said"),
    [
        ({}, False, "No report lies beside the notebook, and one is asked for"),
        ({"report.pdf": MINE}, True, "report.pdf is one page: hand it in together with"),
        ({"report.pdf": pdfs.pages(2)}, False, "report.pdf has 2 pages, and the report is one"),
        ({"report.pdf": MINE[:150]}, False, "report.pdf is damaged"),
        ({"report.pdf": b""}, False, "report.pdf is empty: make it again"),
        ({"report.pdf": pdfs.encrypted()}, False, "report.pdf asks for a password"),
        ({"report.pdf": b"%PDF-" + bytes(17 << 20)}, False, "report.pdf is larger than 16 MB"),
        ({"x.pdf": MINE}, True, "x.pdf is one page"),
        ({"report.pdf": MINE, "x.pdf": b""}, True, "hand in no other PDF (x.pdf)"),
        ({"old report.pdf": b"", "Report.PDF": MINE}, True, "Report.PDF is one page"),
    ],
    ids=["none", "right", "two", "cut", "empty", "locked", "large", "name", "beside", "newest"],
)
def test_checks_upload_looks_at_the_report(home, files, good, said) -> None:
    verdict = look(home, files)
    assert verdict.good is good and said in str(verdict)


def test_the_report_lies_in_the_students_folder_wherever_colab_put_the_copy(
    home, tmp_path: Path
) -> None:
    """Colab's page gives the notebook, which is written to a folder of its own."""
    folder, known = home
    look(home, {"report.pdf": MINE})
    copy = tmp_path / f"{NAME}.ipynb"
    copy.write_bytes((folder / f"{NAME}.ipynb").read_bytes())
    verdict = ready.check(copy, known=known, folder=folder)
    assert verdict.good and "report.pdf is one page" in str(verdict)

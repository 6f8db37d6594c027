"""Exports: files of the platforms' exact shape are filled in, then read as the platforms do.

The readers below follow Moodle's ``importgradeslib.php`` and ``importziplib.php`` and Canvas's
``gradebook_importer.rb``, rule by rule.
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest

from autograde.__main__ import main
from autograde.commands.export import export
from autograde.lms.sheets import ExportError
from autograde.model.course import Course, Terms
from autograde.model.records import Status, SubmissionResult, TaskResult
from autograde.reports.feedback import feedback_path
from autograde.reports.tables import write_grades, write_tasks

COURSE = Course(
    "A course",
    "a/b",
    "v1",
    assignments={"01_theory": Terms(weight=1.0), "02_local": Terms(weight=3.0)},
    groups={"Group 1": ("Ada Lovelace", "Alan Turing")},
)
FORMULA = "=cmd|' /C calc'!A0"

# What Moodle 4 writes: a byte-order mark, every text with a blank in quotes, LF.
WORKSHEET = (
    '\ufeffIdentifier,"Full name","ID number","Email address",Status,Group,Grade,"Maximum grade",'
    '"Grade can be changed","Last modified (submission)","Last modified (grade)",'
    '"Feedback comments"\n'
    '"Participant 2001","Ada Lovelace",s1,ada@example.org,"Submitted for grading","Group 1",,'
    '100.00,Yes,"Thursday, 29 April 2027, 12:00 PM",-,\n'
    '"Participant 2002","Turing Alan",s2,alan@example.org,"Submitted for grading","Group 1",,'
    "100.00,Yes,-,-,\n"
    '"Participant 2003","Grace Hopper",s3,grace@example.org,"Submitted for grading",,55.00,'
    '100.00,Yes,-,"Friday, 30 April 2027, 9:00 AM","Well done, ""Grace""\nnext line"\n'
    '"Participant 2004","Sam Twin",s4,sam1@example.org,"Submitted for grading",,,100.00,Yes,-,-,\n'
    '"Participant 2005","Sam Twin",s5,sam2@example.org,"Submitted for grading",,,100.00,Yes,-,-,\n'
    '"Participant 2006","Nobody Here",s6,n@example.org,"No submission",,,100.00,Yes,-,-,\n'
    f'"Participant 2007",{FORMULA},s7,f@example.org,"No submission",,,100.00,Yes,-,-,\n'
)

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Notes,Theory (901),02 Local (902),Quiz (903),"
    "Assignments Current Score,Current Score,Final Grade\r\n"
    ",,,,,,,Manual Posting,,,,\r\n"
    "    Points Possible,,,,,,40.0,10.0,5.0,(read only),(read only),(read only)\r\n"
    '"Lovelace, Ada",11,S11,ada,Section A,likes maths,,,4.0,80.0,80.0,B\r\n'
    '"Turing, Alan",12,S12,alan,Section A,,,,5.0,100.0,100.0,A\r\n'
    '"Hopper, Grace",13,S13,grace,Section B,,EX,7.0,5.0,100.0,100.0,A\r\n'
    '"Student, Test",99,,,Section A,,,,,,,\r\n'
)


def result(
    student: str, assignment: str, score: float | None, status: Status = "graded"
) -> SubmissionResult:
    """One record of a notebook with 20 points: a task of 15, and one of 5 that nobody solved."""
    tasks = [TaskResult("most", score, 15.0, ""), TaskResult("rest", 0.0, 5.0, "")]
    return SubmissionResult(student, assignment, status, tasks)


def graded(out: Path, *results: SubmissionResult) -> Path:
    out.mkdir(exist_ok=True)
    write_grades(results, COURSE, out / "grades.csv")
    write_tasks(results, COURSE, out / "tasks.csv")
    for r in results:
        for who in COURSE.members(r.student):
            page = out / feedback_path(who, r.assignment)
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(f"<p>{who}: {r.score}</p>")
    return out


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return graded(
        tmp_path / "graded",
        result("Group 1", "01_theory", 12.5),
        result("Grace Hopper", "01_theory", 15.0),
        result("Group 1", "02_local", 4.0),
        result("Grace Hopper", "02_local", 0.0, "missing"),
    )


def lines_of(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter))


def as_moodle_imports(text: str) -> dict[int, str]:
    header, *rows = lines_of(text)
    identity, grade = header.index("Identifier"), header.index("Grade")
    assert "Last modified (grade)" in header
    return {int(row[identity][len("Participant ") :]): row[grade] for row in rows}


def as_moodle_takes_files(archive: Path) -> dict[tuple[int, str], bytes]:
    found = {}
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        for name in file.namelist():
            parts = name.split("/")
            info = parts[0].split("_", 4)
            assert len(info) == 5, "Moodle before 4.1 needs five parts"
            assert info[2:4] == ["assignsubmission", "file"]
            assert not parts[-1].startswith((".", "~"))
            found[int(info[1]), "/".join([info[4], *parts[1:]]).lstrip("/")] = file.read(name)
    return found


def as_canvas_imports(text: str) -> dict[str, dict[str, str]]:
    header, *rows = lines_of(text)
    assert "Student" in header[0] and "ID" in header[1]
    section = header.index("Section")
    assert section == 4, "Canvas counts the columns up to Section"
    students = {}
    for row in rows:
        if "Points Possible" in row[0]:
            continue
        if all(cell.strip() in ("", "Manual Posting") for cell in row):
            continue
        students[row[1]] = dict(zip(header[section + 1 :], row[section + 1 :], strict=True))
    return students


def run(out: Path, form: str, sheet: str | None = None, **options: str) -> tuple[list[Path], str]:
    said: list[str] = []
    worksheet = None
    if sheet is not None:
        worksheet = out.parent / "downloaded.csv"
        worksheet.write_bytes(sheet.encode("utf-8"))
    paths = export(out, COURSE, form, worksheet=worksheet, say=said.append, **options)  # type: ignore[arg-type]
    return paths, "\n".join(said)


def test_moodles_worksheet_round_trip(out: Path) -> None:
    (sheet, archive), said = run(out, "moodle", WORKSHEET, assignment="01_theory")
    text = sheet.read_bytes().decode("utf-8")
    # 12.5 and 15 of 20 points, where Moodle gives up to 100
    assert as_moodle_imports(text) == {
        2001: "62.5",
        2002: "62.5",
        2003: "75",
        2004: "",
        2005: "",
        2006: "",
        2007: "",
    }
    before, after = lines_of(WORKSHEET), lines_of(text)
    assert text.startswith("\ufeff") and "\r" not in text
    grade = before[0].index("Grade")
    for old, new in zip(before, after, strict=True):
        for i, (was, cell) in enumerate(zip(old, new, strict=True)):
            assert cell == was or i == grade
    assert as_moodle_takes_files(archive) == {
        (2001, "01_theory.html"): b"<p>Ada Lovelace: 12.5</p>",
        (2002, "01_theory.html"): b"<p>Alan Turing: 12.5</p>",
        (2003, "01_theory.html"): b"<p>Grace Hopper: 15.0</p>",
    }
    assert said == "Note: 1 mark that was there is replaced."


def test_the_same_feedback_is_the_same_archive(out: Path) -> None:
    (_, archive), _ = run(out, "moodle", WORKSHEET, assignment="01_theory")
    first = archive.read_bytes()
    run(out, "moodle", WORKSHEET, assignment="01_theory")
    assert archive.read_bytes() == first


def test_moodle_in_another_dress(out: Path) -> None:
    """Semicolons, decimal commas, CRLF, and blind marking without names."""
    sheet = (
        "Identifier;Status;Grade;Maximum Grade;Last modified (grade)\r\n"
        "Participant 31;x;;10,00;-\r\nParticipant 32;x;;10,00;-\r\n"
    )
    graded(out, result("Participant 32", "01_theory", 12.5))
    (filled, archive), said = run(out, "moodle", sheet)
    assert filled.read_bytes().decode() == sheet.replace("32;x;;", "32;x;6,25;")
    assert set(as_moodle_takes_files(archive)) == {(32, "01_theory.html")}
    assert said == ""


def test_moodles_teams_are_found_by_their_name(out: Path) -> None:
    graded(out, result("Blue team", "01_theory", 10.0))
    sheet = WORKSHEET.replace('"Group 1"', '"Blue team"')
    (filled, _), said = run(out, "moodle", sheet)
    found = as_moodle_imports(filled.read_text(encoding="utf-8"))
    assert {k: v for k, v in found.items() if v} == {2001: "50", 2002: "50", 2003: "55.00"}
    assert said == ""


def test_students_without_a_row_twins_and_waiting_marks_are_said_once(out: Path) -> None:
    graded(
        out,
        result("Grace Hopper", "01_theory", None, "manual_pending"),
        result("Sam Twin", "01_theory", 10.0),
        result("Max Stranger", "01_theory", 10.0),
        result("Ada Lovelace", "01_theory", 5.0),
        result("alan@example.org", "01_theory", 5.0),
        result("Nobody Here", "01_theory", 0.0, "missing"),
    )
    (filled, archive), said = run(out, "moodle", WORKSHEET)
    found = as_moodle_imports(filled.read_text(encoding="utf-8"))
    assert {k: v for k, v in found.items() if v} == {2001: "25", 2002: "25", 2003: "55.00"}
    assert {number for number, _ in as_moodle_takes_files(archive)} == {2001, 2002}
    lines = said.splitlines()
    assert len(lines) == 3
    assert "has no row for Max Stranger." in lines[0]
    assert "does not tell which row is meant for Sam Twin;" in lines[1]
    assert "waits for a person: Grace Hopper." in lines[2]


def test_twins_are_told_apart_by_number_as_grading_named_them(out: Path) -> None:
    graded(
        out,
        result("Sam Twin 2005", "01_theory", 10.0),
        result("Sam Twin 2004", "01_theory", 5.0),
    )
    (filled, _), said = run(out, "moodle", WORKSHEET)
    found = as_moodle_imports(filled.read_text(encoding="utf-8"))
    assert (found[2004], found[2005]) == ("25", "50")
    assert said == ""


def test_two_students_never_share_a_row(out: Path) -> None:
    graded(out, result("Grace Hopper", "01_theory", 1.0), result("Hopper, Grace", "01_theory", 9.0))
    (filled,), said = run(out, "moodle", WORKSHEET)
    assert as_moodle_imports(filled.read_text(encoding="utf-8"))[2003] == "55.00"
    assert "Grace Hopper, Hopper, Grace; fill these in by hand" in said


def test_canvas_gradebook_round_trip(out: Path) -> None:
    (filled,), said = run(out, "canvas", CANVAS)
    text = filled.read_bytes().decode("utf-8")
    assert as_canvas_imports(text) == {
        # of 20 points, where Canvas gives up to 40 and 10
        "11": {"Theory (901)": "25", "02 Local (902)": "2"},
        "12": {"Theory (901)": "25", "02 Local (902)": "2"},
        "13": {"Theory (901)": "EX", "02 Local (902)": "7.0"},  # excused; nothing handed in
        "99": {"Theory (901)": "", "02 Local (902)": ""},
    }
    assert text.splitlines()[2] == "    Points Possible,,,,,40.0,10.0"
    assert "Quiz" not in text and "likes maths" not in text
    assert text.count("\r\n") == text.count("\n") == 7
    assert said == "Note: left as it is, for Canvas excuses the student: Grace Hopper."


def test_canvas_column_by_its_title_and_names_in_two_columns(out: Path) -> None:
    sheet = CANVAS.replace("Theory (901)", "Homework 1: xai (901)")
    for title in ("Homework 1: xai", "Homework 1: xai (901)"):
        (filled,), _ = run(out, "canvas", sheet, assignment="01_theory", column=title)
        found = as_canvas_imports(filled.read_text(encoding="utf-8"))
        assert found["11"] == {"Homework 1: xai (901)": "25"}
    with pytest.raises(
        ExportError, match=r"no column for 01_theory: say .*Homework 1: xai \(901\)"
    ):
        run(out, "canvas", sheet, assignment="01_theory")
    with pytest.raises(ExportError, match="--column is for one assignment"):
        run(out, "canvas", sheet, column="Quiz")
    split = "LastName,FirstName,ID,Section,Theory (901)\nLovelace,Ada,11,A,\n"
    (filled,), _ = run(out, "canvas", split, assignment="01_theory")
    assert filled.read_text().splitlines()[1] == "Lovelace,Ada,11,A,12.5"  # no maximum: our points


def test_the_wide_table(out: Path) -> None:
    (path,), said = run(out, "csv")
    # 12.5 / 20 with weight 1 and 4 / 20 with weight 3; 15 / 20 and nothing
    assert lines_of(path.read_text(encoding="utf-8")) == [
        ["student", "group", "01_theory", "02_local", "total_percent"],
        ["Ada Lovelace", "Group 1", "12.5", "4", "30.63"],
        ["Alan Turing", "Group 1", "12.5", "4", "30.63"],
        ["Grace Hopper", "", "15", "0", "18.75"],
    ]
    assert said == ""
    graded(out, result(FORMULA, "01_theory", None, "manual_pending"))
    (path,), said = run(out, "csv")
    assert lines_of(path.read_text())[1] == ["'" + FORMULA, "", "0", "0"]
    assert said.startswith("Note: so far without what waits for a person: =cmd")


def test_problems_are_one_sentence_each(out: Path, tmp_path: Path) -> None:
    for form in ("moodle", "canvas"):
        with pytest.raises(ExportError, match="--worksheet FILE"):
            run(out, form, assignment="01_theory")
        with pytest.raises(ExportError, match="does not exist; please give the CSV file"):
            export(out, COURSE, form, "01_theory", tmp_path / "none.csv")  # type: ignore[arg-type]
    for sheet, sentence in {
        WORKSHEET: "01_theory, 02_local, a worksheet is for one of them",
        "": "is empty",
        CANVAS: "has no column of identifiers",
    }.items():
        with pytest.raises(ExportError, match=sentence):
            run(out, "moodle", sheet, **({} if sheet == WORKSHEET else {"assignment": "01_theory"}))
    with pytest.raises(ExportError, match="has no column 'ID'"):
        run(out, "canvas", WORKSHEET.replace("ID number", "x"))
    with pytest.raises(ExportError, match=r"no marks of 09_none, only of 01_theory, 02_local"):
        run(out, "csv", assignment="09_none")
    with pytest.raises(ExportError, match="has a row for nobody"):
        head = WORKSHEET.splitlines()[0]
        run(out, "moodle", f'{head}\n"Participant 1",X,,,,,,,,,,\n', assignment="01_theory")
    with pytest.raises(ExportError, match="run autograde grade"):
        export(tmp_path / "none", COURSE, "csv")
    (out / "grades.csv").write_text("student;score\nx;1\n")
    with pytest.raises(ExportError, match="was changed so that it cannot be read"):
        run(out, "csv")


def test_a_worksheet_that_is_no_text(out: Path, tmp_path: Path) -> None:
    worksheet = tmp_path / "sheet.csv"
    worksheet.write_bytes("Identifier,Größe\n".encode("cp1252"))
    with pytest.raises(ExportError, match="no CSV file in UTF-8"):
        export(out, COURSE, "moodle", "01_theory", worksheet)


def test_the_command(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "course.toml").write_text('name = "c"\nrepository = "a/b"\ntag = "v1"\n')
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(out), "--format", "csv"]) == 0
    assert capsys.readouterr().out == f"Written: {out / 'export' / 'marks.csv'}\n"
    assert main(["export", str(out), "--format", "moodle"]) == 1
    assert capsys.readouterr().err.startswith("autograde: Please give the grading worksheet")


def test_formulas_keep_their_names_between_files(out: Path) -> None:
    """grades.csv defuses a name; its feedback and its row are found all the same."""
    graded(out, result(FORMULA, "01_theory", 10.0), result("'quoted", "01_theory", 5.0))
    (filled, archive), said = run(out, "moodle", WORKSHEET.replace("Sam Twin", "'quoted", 1))
    found = as_moodle_imports(filled.read_text(encoding="utf-8"))
    assert (found[2004], found[2007]) == ("25", "50")
    assert {number for number, _ in as_moodle_takes_files(archive)} == {2004, 2007}
    assert said == ""

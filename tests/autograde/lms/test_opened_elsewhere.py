"""What spreadsheet programs and people do to a platform's file before it gets here."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from autograde.lms.moodle import Moodle
from autograde.lms.names import Person, pair, suggested
from autograde.lms.sheets import ExportError, Sheet

LINES = (
    "Identifier,Full name,ID number,Grade,Maximum grade,Last modified (grade)",
    "Participant 2001,Ada Lovelace,007,,100.00,-",
    "Participant 2002,Grace Hopper,GHOPPER,,100.00,-",
)
TABLE = "\r\n".join((*LINES, ""))


def sheet(folder: Path, content: bytes) -> Sheet:
    file = folder / "sheet.csv"
    file.write_bytes(content)
    return Sheet.read(file)


@pytest.mark.parametrize("above", ["sep=;\r\n", '"sep=;"\r\n', "SEP=;\n", "sep=;;;;\r"])
@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8])
def test_excels_line_above_the_header_is_left_out(above: str, bom: bytes, tmp_path: Path) -> None:
    table = TABLE.replace(",", ";")
    read = sheet(tmp_path, bom + (above + table).encode())
    assert (read.delimiter, read.header) == (";", LINES[0].split(","))
    read.write(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == bom + table.encode()


def test_cells_without_text_above_the_header_are_no_header(tmp_path: Path) -> None:
    content = ("\r\n,,,,,\r\n, ,,,,\r\n" + TABLE + ",,,,,\r\n").encode()
    read = sheet(tmp_path, content)
    assert read.header == LINES[0].split(",") and len(read.rows) == 3
    read.write(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + bytes(range(256)), "workbook"),
        (b"PK\x03\x04 as plain text", "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "workbook"),
        (TABLE.encode("utf-16-le"), "no CSV file in UTF-8 or UTF-16"),
        (TABLE.replace("Ada", "Zoë").encode("cp1252"), "no CSV file in UTF-8 or UTF-16"),
        (b"", "is empty"),
        (b"sep=;\r\n", "is empty"),
        (codecs.BOM_UTF8, "is empty"),
    ],
)
def test_another_kind_of_file_is_one_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as error:
        sheet(tmp_path, content)
    assert said in str(error.value) and "download it again" in str(error.value)
    assert str(tmp_path / "sheet.csv") in str(error.value)


def test_a_folder_and_nothing_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is a folder; please give the CSV file"):
        Sheet.read(tmp_path)
    with pytest.raises(ExportError, match="does not exist; please give the CSV file"):
        Sheet.read(tmp_path / "none.csv")


@pytest.mark.parametrize("given", ["007", "'007"])
def test_a_login_counts_in_any_case_and_behind_an_apostrophe(given: str, tmp_path: Path) -> None:
    read = sheet(tmp_path, TABLE.replace(",007", f",{given}").encode())
    pairs = Moodle().pairs(read, ["007", "ghopper"])
    assert pairs.rows == {"007": (0,), "ghopper": (1,)} and not pairs.without


def test_logins_that_differ_in_case_alone_are_two() -> None:
    people = [Person("", "1", ("Ada",)), Person("", "2", ("ada",))]
    assert pair(["Ada", "ada"], people).rows == {"Ada": (0,), "ada": (1,)}
    unclear = pair(["ADA"], people)
    assert (unclear.rows, unclear.unclear) == ({}, ["ADA"])


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("Zoe Quinn", "; do you mean Zoë Quinn?"),
        ("zoë quinn ", "; do you mean Zoë Quinn?"),
        ("Quinn, Zoë", "; do you mean Zoë Quinn?"),
        ("Zoe", "; do you mean Zoë Quinn?"),
        ("Zo Quin", "; do you mean Zoë Quinn?"),
        ("Kurt Godel", "; do you mean Kurt Gödel or Kurt Gödel 2?"),
        ("Zoe\u0308 Quinn", "; do you mean Zoë Quinn?"),
        ("Nobody", "."),
        ("", "."),
    ],
)
def test_who_may_be_meant(name: str, end: str) -> None:
    people = ["Ada Lovelace", "Zoë Quinn", "Kurt Gödel", "Kurt Gödel 2", "Group 1"]
    assert suggested(name, people) == end

"""A platform's file is kept byte by byte; csv, Babel and seeded random files are the oracles."""

from __future__ import annotations

import codecs
import csv
import io
import random
from pathlib import Path

import pytest
from babel.numbers import format_decimal

from autograde.lms.moodle import Moodle
from autograde.lms.numbers import Numbers
from autograde.lms.sheets import Sheet

PIECES = [
    '"',
    '""',
    ",",
    ";",
    "\t",
    "\n",
    "\r\n",
    "'",
    "=",
    "-",
    "+",
    " ",
    "é",
    "1",
    "a b",
    "x",
    "ж",
]
HEADER = "Identifier{0}Full name{0}Grade{0}Maximum grade{0}Last modified (grade)"


def scribble(rng: random.Random) -> str:
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(60)))


def as_file(rng: random.Random, text: str) -> bytes:
    bom, encoding = rng.choice(
        [
            (b"", "utf-8"),
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
        ]
    )
    return bom + text.encode(encoding)


@pytest.mark.parametrize("seed", range(8))
def test_a_sheet_without_marks_changes_no_byte(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    file, again = tmp_path / "sheet.csv", tmp_path / "again.csv"
    for _ in range(100):
        delimiter, end = rng.choice(",;\t"), rng.choice(["\n", "\r\n"])
        rows = "".join(f"Participant {i}{delimiter}{scribble(rng)}{end}" for i in range(4))
        content = as_file(rng, HEADER.format(delimiter) + end + rows + scribble(rng))
        file.write_bytes(content)
        sheet, moodle = Sheet.read(file), Moodle()
        pairs = moodle.pairs(sheet, ["Ada Lovelace"])
        moodle.write(moodle.filled(sheet, pairs, [], None).sheet, pairs, {}, ["again"], tmp_path)
        assert (tmp_path / "moodle-again.csv").read_bytes() == content
        sheet.write(again)
        assert again.read_bytes() == content


@pytest.mark.parametrize("seed", range(8))
def test_cells_are_those_that_pythons_reader_sees(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    file = tmp_path / "sheet.csv"
    for _ in range(100):
        text = HEADER.format(",") + "\n" + scribble(rng)
        file.write_bytes(as_file(rng, text))
        sheet = Sheet.read(file)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=sheet.delimiter)
        header, *rows = [row for row in reader if row]
        assert sheet.header == header
        assert sheet.rows == [(row + [""] * len(header))[: len(header)] for row in rows]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_filled_in_is_read_back_and_nothing_else_changes(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    file = tmp_path / "sheet.csv"
    for _ in range(50):
        text = io.StringIO(newline="")
        table = [[scribble(rng) for _ in range(3)] for _ in range(4)]
        table[0] = ["a", "b", "c"]
        quoting = rng.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
        csv.writer(text, delimiter=rng.choice(",;\t"), quoting=quoting).writerows(table)
        file.write_bytes(as_file(rng, text.getvalue()))
        place, word = (rng.randrange(3), rng.randrange(3)), scribble(rng)
        Sheet.read(file).filled({place: word}).write(file)
        table[place[0] + 1][place[1]] = word
        assert [Sheet.read(file).header, *Sheet.read(file).rows] == table


@pytest.mark.parametrize(
    "locale",
    ["en_US", "de_DE", "fr_FR", "it_IT", "pl_PL", "tr_TR", "pt_PT", "de_CH", "hi_IN", "sv"],
)
def test_numbers_are_read_as_each_locale_writes_them(locale: str) -> None:
    rng = random.Random(0)
    for _ in range(200):
        value = round(rng.choice([10, 1e3, 1e5, 1e7]) * rng.random(), 2)
        for pattern in ("#,##0.00", "#,##,##0.00", "0.00"):
            text = format_decimal(value, format=pattern, locale=locale)
            assert Numbers().readings(text) == (value,)
            assert Numbers([text]).readings(text) == (value,)
        mark = format_decimal(0.5, locale=locale)[1]
        assert Numbers(["", "x", text]).decimal == mark
        assert Numbers([text]).written(2.5) == format_decimal(2.5, locale=locale)


def test_what_stays_open_stays_open_until_the_file_shows_its_mark() -> None:
    assert Numbers().readings("1.000") == (1.0, 1000.0)
    assert Numbers(["2,5"]).readings("1.000") == (1000.0,)
    assert Numbers(["2.5"]).readings("1.000") == (1.0,)
    assert Numbers(["1.000", "3"], ["2,5"]).readings("1,000") == (1.0,)
    assert Numbers(["2.5", "2,5"]).readings("1,000") == (1.0, 1000.0)
    assert Numbers().readings("0,500") == (0.5,)
    assert Numbers().readings("-7") == (-7.0,)
    for text in ("", "-", "a", "1.2.3", "1,00,0", "1 00", "Scale", "12,", "1.000,00,0", "N/A"):
        assert Numbers().readings(text) == ()

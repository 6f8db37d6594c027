"""Every mistake in course.toml is said in one run, once, in a sentence that begins with its key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Strict
from small_course import COURSE

from autograde.__main__ import main
from autograde.model.course import CourseError
from autograde.model.course_file import read_course
from autograde.model.kinds import Amount, should_be

HEAD = 'name = "c"\nrepository = "a/b"\ntag = "v1"\n'

A_TYPO_IN_EVERY_TABLE = """
name = 3
group_size = 0
timezone = "Vienna"
students = ["Ada Lovelace", "ada  lovelace", "Alan Turing"]
gruop = 1
[assignments.01]
released = "2027-04-01T10:00+02:00"
deadline = "2027-04-30T23:59"
wait = 3
weight = nan
[assignments.02]
deadline = "soon"
weight = true
[extensions]
"Ada Lovelase" = { 01 = "2027-05-07T23:59", 09 = "2027-05-07T23:59" }
"Alan Turing" = { 01 = "2027-04-01T23:59" }
[accommodations]
"Ada Lovelace" = { extra_days = -1, grace_hours = 1e300, days = 2 }
"Alan Turign" = { late_penalty = 0 }
[lat]
x = 1
[late]
percent_per_day = 200
students = ["a"]
[grading]
anonymous = 1
[groups]
"G" = "Ada"
"Alan Turing" = ["Ada Lovelace"]
[software]
data = 3
"""

ABOVE = "put that line above the first [table] of the file."

SAID = {
    "name should be a line of text.",
    "repository is missing; please add that line.",
    "tag is missing; please add that line.",
    "group_size should be a whole number from 1 on.",
    'timezone should be the name of a time zone, such as "Europe/Vienna"; do you mean Europe/Vienna'
    "?",
    'students names somebody twice ("Ada Lovelace" and "ada  lovelace"); please keep one.',
    "gruop is not a key that the course knows.",
    "assignments.01.wait is not a key that an assignment knows (deadline, weight, released, "
    "sections, skip, points, core).",
    "assignments.01.weight should be a number from 0 on, at most 1000.",
    'assignments.02.deadline should be a day and a time, such as "2027-04-30T23:59".',
    "assignments.02.weight should be a number from 0 on, at most 1000.",
    'extensions."Ada Lovelase" names nobody of the class list or groups; do you mean Ada Lovelace?',
    'extensions."Ada Lovelase".09 names no assignment of this file.',
    'extensions."Alan Turing".01 ends on Thursday, 1 April 2027, 23:59 UTC, before the '
    "assignment's own deadline, Friday, 30 April 2027, 23:59 UTC; an extension ends later.",
    'accommodations."Ada Lovelace".days is not a key that an accommodation knows (extra_days, '
    "grace_hours, late_penalty).",
    'accommodations."Ada Lovelace".extra_days should be a number from 0 to 1000.',
    'accommodations."Ada Lovelace".grace_hours should be a number from 0 on, at most 1000.',
    'accommodations."Alan Turign".late_penalty should be true or false.',
    'accommodations."Alan Turign" names nobody of the class list or groups; do you mean Alan '
    "Turing?",
    "[lat] is not a table that the course knows; do you mean late?",
    "late.percent_per_day should be a number from 0 to 100.",
    "late.students is not a key that the rule for late submissions knows (percent_per_day, "
    f"grace_hours, max_percent). If you mean the course's students, {ABOVE}",
    "grading.anonymous should be true or false.",
    'groups."G" should be a list of names.',
    'groups."Alan Turing" has the name of a student; please give the group another name.',
    "software.data should be text.",
}


def test_all_mistakes_of_a_file_are_said_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "course.toml").write_text(A_TYPO_IN_EVERY_TABLE)
    monkeypatch.chdir(tmp_path)
    for command in (["course"], ["release"], ["grade", "in"]):
        assert main(command) == 1
        lines = capsys.readouterr().err.splitlines()
        start = f"autograde: {tmp_path / 'course.toml'}: "
        assert all(line.startswith(start) for line in lines)
        assert sorted(line.removeprefix(start) for line in lines) == sorted(SAID)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("late = 3\n", "late should be a table."),
        ("grading = 3\n", "grading should be a table."),
        ("assignments = [1]\n", "assignments should be a table."),
        ("[assignments]\n01 = 3\n", "assignments.01 should be a table such as { weight = 2 }."),
        ("[[essay]]\nx = 1\n", "essay is not a key that the course knows."),
        ('[groups]\n"" = ["B"]\n', 'groups."" should be a line of text.'),
        ("[assignments.01]\nweight = " + "9" * 400, "assignments.01.weight should be a number"),
        ("[late]\n[late]\n", "is not valid TOML: Cannot declare ('late',) twice (at line 5"),
        ("x = " + "[" * 3000, "is not valid TOML: "),
    ],
)
def test_a_file_of_another_form_ends_in_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "course.toml").write_text(HEAD + text)
    with pytest.raises(CourseError) as caught:
        read_course(tmp_path)
    assert sentence in str(caught.value)
    assert len(caught.value.lines) <= 1


def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_bytes(HEAD.encode() + 'timezone = "für"\n'.encode("latin-1"))
    with pytest.raises(CourseError, match="is not UTF-8 in line 4; please save it as UTF-8"):
        read_course(tmp_path)


@dataclass(frozen=True)
class Essay:
    words: Amount
    strict: Annotated[bool, Strict(), should_be("true or false")] = False


def test_a_table_for_checks_is_read_as_strictly(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text(f"{COURSE}[essay]\nword = 300\nstrict = 1\n")
    with pytest.raises(CourseError) as caught:
        read_course(tmp_path).settings_as("essay", Essay)
    assert [line.partition(": ")[2] for line in caught.value.lines] == [
        "essay.word is not a key that [essay] knows (words, strict); do you mean words?",
        "essay.words is missing; please add that line.",
        "essay.strict should be true or false.",
    ]
    (tmp_path / "course.toml").write_text(f"{COURSE}[essay]\nwords = 300\n")
    assert read_course(tmp_path).settings_as("essay", Essay) == Essay(300.0)

"""Deadlines by the clocks of the course: summer time, times that are no times, and their words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from small_course import COURSE

from autograde.model.course import Course, CourseError
from autograde.model.course_file import read_course
from autograde.model.moments import in_words

HEAD = 'name = "c"\nrepository = "a/b"\ntag = "v1"\n'


def course_of(folder: Path, deadline: str, zone: str = "Europe/Vienna", more: str = "") -> Course:
    (folder / "course.toml").write_text(
        f'{HEAD}timezone = "{zone}"\n[assignments.01]\ndeadline = {deadline}\n{more}'
    )
    return read_course(folder)


@pytest.mark.parametrize(
    ("deadline", "hour", "words"),
    [  # Clocks in Vienna are changed on 28 March and on 31 October 2027, at 1:00 UTC.
        ('"2027-03-27T23:59"', 22, "Saturday, 27 March 2027, 23:59 CET"),
        ('"2027-03-28 23:59"', 21, "Sunday, 28 March 2027, 23:59 CEST"),
        ('"2027-10-30T23:59:00"', 21, "Saturday, 30 October 2027, 23:59 CEST"),
        ("2027-10-31T23:59:00", 22, "Sunday, 31 October 2027, 23:59 CET"),
        ('"2027-10-31T22:59Z"', 22, "Sunday, 31 October 2027, 23:59 CET"),
        ("2027-10-31T23:59:00+01:00", 22, "Sunday, 31 October 2027, 23:59 CET"),
    ],
)
def test_a_deadline_is_right_on_both_sides_of_summer_time(
    tmp_path: Path, deadline: str, hour: int, words: str
) -> None:
    due = course_of(tmp_path, deadline).deadline("01", "Ada")
    assert due is not None
    assert due.astimezone(UTC).hour == hour
    assert in_words(due) == words


def test_more_days_end_at_the_same_time_of_day_and_last_as_long_as_they_do(tmp_path: Path) -> None:
    more = '[accommodations]\n"Ada" = { extra_days = 7 }\n'
    course = course_of(tmp_path, '"2027-10-29T23:59"', more=more)
    everybody, hers = course.deadline("01", "Max"), course.deadline("01", "Ada")
    assert everybody is not None and hers is not None
    assert in_words(hers) == "Friday, 5 November 2027, 23:59 CET"
    assert hers - everybody == timedelta(days=7, hours=1)  # clocks were put back in between


def test_zones_without_an_abbreviation_and_courses_without_a_zone(tmp_path: Path) -> None:
    course = course_of(tmp_path, '"2027-04-30T23:59"', "America/Sao_Paulo")
    due = course.deadline("01", "Ada")
    assert due is not None and in_words(due) == "Friday, 30 April 2027, 23:59 UTC-03"
    (tmp_path / "course.toml").write_text(COURSE)
    plain = read_course(tmp_path)
    due = plain.deadline("01_small", "Group 1")
    assert due is not None and in_words(due) == "Friday, 30 April 2027, 23:59 UTC+02:00"
    noon = datetime(2027, 4, 1, 12, tzinfo=UTC)
    assert in_words(plain.local(noon)) == "Thursday, 1 April 2027, 12:00 UTC"
    assert in_words(course.local(noon)) == "Thursday, 1 April 2027, 09:00 UTC-03"


@pytest.mark.parametrize(
    ("deadline", "sentence"),
    [
        ('"2027-03-28T02:30"', "another time: 2027-03-28 02:30 does not exist in Europe/Vienna, "
         "where clocks are put forward then; do you mean 03:30?"),
        ('"2027-10-31T02:30"', "a time with its offset, +02:00 or +01:00: 2027-10-31 02:30 comes "
         "twice in Europe/Vienna, where clocks are put back then."),
        ('"2027-11-30T23:59+02:00"', "written without its offset +02:00, because Europe/Vienna has "
         "+01:00 then."),
        ('"2027-04-31T23:59"', "a time of the calendar, which 2027-04-31T23:59 is not."),
        ('"2027-04-30"', 'a day and a time, such as "2027-04-30T23:59".'),
        ("2027-04-30", 'a day and a time, such as "2027-04-30T23:59".'),
        ("23:59:00", 'a day and a time, such as "2027-04-30T23:59".'),
        ('"next Friday"', 'a day and a time, such as "2027-04-30T23:59".'),
        ("20270430", 'a day and a time, such as "2027-04-30T23:59".'),
        ("true", 'a day and a time, such as "2027-04-30T23:59".'),
        ('"20270-04-30T23:59"', 'a day and a time, such as "2027-04-30T23:59".'),
        ('"0207-04-30T23:59"', "a time in the years 2000 to 2100."),
    ],
)  # fmt: skip
def test_what_is_no_moment_is_said(tmp_path: Path, deadline: str, sentence: str) -> None:
    with pytest.raises(CourseError) as caught:
        course_of(tmp_path, deadline)
    file = tmp_path / "course.toml"
    assert str(caught.value) == f"{file}: assignments.01.deadline should be {sentence}"


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        ("Europe/Viena", "; do you mean Europe/Vienna?"),
        ("europe/vienna", "; do you mean Europe/Vienna?"),
        ("vienna", "; do you mean Europe/Vienna?"),
        ("New York", "; do you mean America/New_York?"),
        ("CEST", "."),
        ("../../etc/passwd", "."),
        ("Europe", "."),
        ("", "."),
    ],
)
def test_a_zone_that_is_none_is_the_only_mistake(tmp_path: Path, zone: str, end: str) -> None:
    with pytest.raises(CourseError) as caught:
        course_of(tmp_path, '"2027-04-30T23:59"', zone)
    wanted = 'timezone should be the name of a time zone, such as "Europe/Vienna"'
    assert str(caught.value) == f"{tmp_path / 'course.toml'}: {wanted}{end}"

"""The course's own facts, read from ``course.toml``: names, deadlines, groups, weights, software.

What each key must be stands beside the fields of :class:`autograde.model.course.Course`; pydantic
checks it. Here names and deadlines are compared with each other.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter

from autograde.model.course import FILE, Course, CourseError
from autograde.model.kinds import Switch, alike, meant, nearest, record
from autograde.model.mistakes import read_all, written
from autograde.model.moments import STAND_IN, Zone, in_words


@dataclass(frozen=True)
class _Grading:
    """The table [grading]."""

    anonymous: Switch = False


@dataclass(frozen=True)
class _Place:
    """What has to be known before moments can be read."""

    timezone: Zone | None = None


_KEYS = {each.name for each in fields(Course)} - {"anonymous", "file", "tables"} | {"grading"}
_TOP = ("name", "repository", "tag", "group_size", "students", "timezone", "notebooks")
_STAND_INS = {"name": "?", "repository": "owner/name", "tag": "tag", "group_size": sys.maxsize}
_course = TypeAdapter(Course)
_grading = TypeAdapter(Annotated[_Grading, record(_Grading, "grading")])
_place = TypeAdapter(_Place)


def read_course(start: Path | str | None = None) -> Course:
    """Read the nearest ``course.toml``: in ``start`` (default: here) or a folder above it.

    Parameters
    ----------
    start
        A folder, any file below the course's folder, or the ``course.toml`` itself.

    Raises
    ------
    CourseError
        If there is none, or a key is missing, unknown or of the wrong kind, or one part of the file
        disagrees with another: a line for each mistake.
    """
    file = _find(Path.cwd() if start is None else Path(start))
    data = _toml(file)
    mistakes = list(_unknown(data))
    known = {key: value for key, value in data.items() if key in _KEYS}
    place, said = read_all(_place, {k: v for k, v in known.items() if k == "timezone"})
    zone = place.timezone if place else None
    mistakes += said
    grading, said = read_all(_grading, _table(known.pop("grading", {})), ["grading"], top=_TOP)
    mistakes += said
    if "grading" in data and not isinstance(data["grading"], dict):
        mistakes.append("grading should be a table.")
    facts = {
        **known,
        "timezone": zone,
        "anonymous": bool(grading and grading.anonymous),
        "file": file,
        "tables": {
            key: value
            for key, value in data.items()
            if key not in _KEYS and isinstance(value, dict)
        },
    }
    # Without the zone, every time without an offset would be said to be a mistake, too.
    context = {"zone": zone or (STAND_IN if "timezone" in data else None)}
    course: Course | None
    course, said = read_all(_course, facts, (), context, _STAND_INS, _TOP)
    mistakes += said
    if course is not None:
        mistakes += _disagreements(course, _table(data.get("assignments", {})))
    if course is None or mistakes:
        raise CourseError.of(file, mistakes)
    return course


def _toml(file: Path) -> dict[str, Any]:
    """Read the file, of which nothing is known."""
    content = file.read_bytes()
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CourseError(f"{file} is not UTF-8 in line {line}; please save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise CourseError(f"{file} is not valid TOML: {error}.") from None


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _find(start: Path) -> Path:
    """Return the nearest ``course.toml``."""
    start = start.absolute()
    if start.name == FILE and start.is_file():
        return start
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise CourseError(f"There is no {FILE} in {start} or above; run this in the course's folder.")


def _unknown(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for every key at the top that nothing can use.

    A further table may be there for a notebook's checks, unless its name is nearly one of ours:
    what an instructor wrote under a misspelt name would have no effect.
    """
    for key, value in data.items():
        if key in _KEYS:
            continue
        if not isinstance(value, dict):
            yield f"{written([key])} is not a key that the course knows{meant(key, _KEYS)}"
        elif nearest(key, _KEYS):
            yield f"[{written([key])}] is not a table that the course knows{meant(key, _KEYS)}"


def _disagreements(course: Course, assignments: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence wherever one part of the file disagrees with another.

    ``assignments`` are as the file has them, mistaken ones included.
    """
    if same := alike(course.students):
        yield f"students names somebody twice ({same}); please keep one."
    yield from _grouped(course)
    if course.students:
        yield from _strangers(course)
    for who, granted in course.extensions.items():
        for name, moment in granted.items():
            key = written(("extensions", who, name))
            if name not in assignments:
                yield f"{key} names no assignment of this file{meant(name, assignments)}"
            elif (due := course.assignment(name).deadline) is not None and moment < due:
                yield (
                    f"{key} ends on {in_words(moment)}, before the assignment's own deadline, "
                    f"{in_words(due)}; an extension ends later."
                )


def _grouped(course: Course) -> Iterator[str]:
    """Yield a sentence for every group that cannot be one."""
    group_of: dict[str, str] = {}
    for group, members in course.groups.items():
        key = written(("groups", group))
        if same := alike(members):
            yield f"{key} names somebody twice ({same}); please keep one."
        if not 1 <= len(members) <= course.group_size:
            yield (
                f"{key} should be a list of 1 to {course.group_size} names (group_size)."
                + (
                    f" If {group} is meant for the course, put it above the first [table] of the "
                    "file."
                    if group in _TOP
                    else ""
                )
            )
        if group in course.students and members != (group,):
            yield f"{key} has the name of a student; please give the group another name."
        for member in dict.fromkeys(members):
            if member in group_of:
                other = written(("groups", group_of[member]))
                yield f"{member} is in {key} and in {other}; please keep one."
            group_of[member] = group


def _strangers(course: Course) -> Iterator[str]:
    """Yield a sentence for everybody whom the class list does not know.

    A misspelt name would take away what was granted, without a word.
    """
    for group, members in course.groups.items():
        for member in members:
            if member not in course.students:
                yield (
                    f"{written(('groups', group))} names {member}, who is not in the class list"
                    f"{meant(member, course.students)}"
                )
    for table in ("extensions", "accommodations"):
        for who in getattr(course, table):
            if who not in course.people:
                yield (
                    f"{written((table, who))} names nobody of the class list or groups"
                    f"{meant(who, course.people)}"
                )

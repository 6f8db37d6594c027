"""The course's own facts, read from ``course.toml``: names, deadlines, groups, weights, software.

What each key must be stands beside the fields of :class:`autograde.model.course.Course`; pydantic
checks it. Here an error becomes one sentence, and names are compared with each other.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from autograde.model.course import FILE, Course, CourseError
from autograde.model.kinds import UNKNOWN, Switch, meant, nearest, record


@dataclass(frozen=True)
class _Grading:
    """The table [grading]."""

    anonymous: Switch = False


_KEYS = {each.name for each in fields(Course)} - {"anonymous", "file", "tables"} | {"grading"}
_OF_PEOPLE = ("accommodations", "extensions", "groups")
_course = TypeAdapter(Course)
_grading = TypeAdapter(Annotated[_Grading, record(_Grading, "grading")])


def read_course(start: Path | str | None = None) -> Course:
    """Read the nearest ``course.toml``: in ``start`` (default: here) or a folder above it.

    Parameters
    ----------
    start
        A folder, any file below the course's folder, or the ``course.toml`` itself.

    Raises
    ------
    CourseError
        If there is none, or a key is missing, unknown or of the wrong kind.
    """
    file = _find(Path.cwd() if start is None else Path(start))
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError(f"{file} is not valid TOML: {error}.") from None
    for sentence in _unknown(data):
        raise CourseError(f"{file}: {sentence}")
    known = {key: value for key, value in data.items() if key in _KEYS}
    further = {key: value for key, value in data.items() if key not in _KEYS}
    try:
        grading = _grading.validate_python(known.pop("grading", {}))
    except ValidationError as error:
        raise CourseError(f"{file}: {_sentence(error, 'grading')}") from None
    facts = {**known, "anonymous": grading.anonymous, "file": file, "tables": further}
    try:
        course = _course.validate_python(facts)
    except ValidationError as error:
        raise CourseError(f"{file}: {_sentence(error)}") from None
    for sentence in _disagreements(course):
        raise CourseError(f"{file}: {sentence}")
    return course


def _find(start: Path) -> Path:
    """Return the nearest ``course.toml``."""
    if start.name == FILE and start.is_file():
        return start
    start = start.absolute()
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
            yield f"{_written([key])} is not a key that the course knows{meant(key, _KEYS)}"
        elif nearest(key, _KEYS):
            yield f"[{_written([key])}] is not a table that the course knows{meant(key, _KEYS)}"


def _sentence(error: ValidationError, *above: str) -> str:
    """Say in our words what is wrong first."""
    first: ErrorDetails = error.errors(include_url=False)[0]
    place = (*above, *(part for part in first["loc"] if part != "[key]"))
    key = _written(place)
    if first["type"] == UNKNOWN:
        return f"{key}.{' '.join(first['msg'].split())}"
    if first["type"] == "missing":
        return f"{key} is missing; please add that line."
    return f"{key} {first['msg']}."


def _written(place: Sequence[int | str]) -> str:
    """Return a key as it is written in the file."""
    return ".".join(
        json.dumps(part, ensure_ascii=False)
        if (i == 1 and place[0] in _OF_PEOPLE) or not re.fullmatch(r"[\w-]+", str(part))
        else str(part)
        for i, part in enumerate(place)
    )


def _disagreements(course: Course) -> Iterator[str]:
    """Yield a sentence wherever one part of the file names what another part does not know."""
    group_of: dict[str, str] = {}
    for group, members in course.groups.items():
        key = _written(("groups", group))
        if not 1 <= len(members) <= course.group_size:
            yield f"{key} should be a list of 1 to {course.group_size} names (group_size)."
        for member in members:
            if member in group_of:
                other = _written(("groups", group_of[member]))
                yield f"{member} is in {key} and in {other}; please keep one."
            group_of[member] = group
    if course.students:
        yield from _strangers(course)
    for who, granted in course.extensions.items():
        for name in granted:
            if name not in course.assignments:
                yield (
                    f"{_written(('extensions', who, name))} names no assignment of this file"
                    f"{meant(name, course.assignments)}"
                )


def _strangers(course: Course) -> Iterator[str]:
    """Yield a sentence for everybody whom the class list does not know.

    A misspelt name would take away what was granted, without a word.
    """
    for group, members in course.groups.items():
        for member in members:
            if member not in course.students:
                yield (
                    f"{_written(('groups', group))} names {member}, who is not in the class list"
                    f"{meant(member, course.students)}"
                )
    for table in ("extensions", "accommodations"):
        for who in getattr(course, table):
            if who not in course.people:
                yield (
                    f"{_written((table, who))} names nobody of the class list or groups"
                    f"{meant(who, course.people)}"
                )

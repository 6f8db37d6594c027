"""The course's own facts, read from ``course.toml``: names, deadlines, groups, weights, secret."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from autograde.model.course import FILE, Accommodation, Course, CourseError, Late, Terms

_TABLES = ("accommodations", "assignments", "extensions", "grading", "groups", "late")


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
    return _Reader(file).course(data)


def _find(start: Path) -> Path:
    """Return the nearest ``course.toml``."""
    if start.name == FILE and start.is_file():
        return start
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise CourseError(f"There is no {FILE} in {start} or above; run this in the course's folder.")


class _Reader:
    """Turns parsed TOML into a Course, key by key, so that every error names its key."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def fail(self, key: str, wanted: str) -> CourseError:
        return CourseError(f"{self.file}: {key} should be {wanted}.")

    def course(self, data: dict[str, Any]) -> Course:
        known = {"name", "repository", "branch", "group_size", "students", *_TABLES}
        for key, value in data.items():
            if key not in known and not isinstance(value, dict):
                raise CourseError(f"{self.file}: {key} is not a key that the course knows.")
        repository = self.text(data, "repository")
        if repository.count("/") != 1 or not all(
            part and all(c.isalnum() or c in "-_." for c in part) for part in repository.split("/")
        ):
            raise self.fail("repository", 'OWNER/NAME on GitHub, such as "xaikit/xaikit"')
        group_size = data.get("group_size", 1)
        if isinstance(group_size, bool) or not isinstance(group_size, int) or group_size < 1:
            raise self.fail("group_size", "a whole number from 1 on")
        assignments = self.assignments(data)
        students = self.people(data.get("students", []), "students")
        groups = self.groups(data, group_size)
        return Course(
            name=self.text(data, "name"),
            repository=repository,
            branch=self.text(data, "branch", "main"),
            group_size=group_size,
            students=students,
            assignments=assignments,
            extensions=self.extensions(data, assignments),
            accommodations=self.accommodations(data, students, groups),
            groups=groups,
            late=self.late(data),
            anonymous=self.anonymous(data),
            file=self.file,
            tables={key: value for key, value in data.items() if key not in known},
        )

    def text(self, data: dict[str, Any], key: str, default: str | None = None) -> str:
        value = data.get(key, default)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise self.fail(key, "a line of text")
        return value.strip()

    def table(self, data: dict[str, Any], key: str) -> dict[str, Any]:
        value = data.get(key, {})
        if not isinstance(value, dict):
            raise self.fail(key, "a table")
        return value

    def moment(self, value: Any, key: str) -> datetime:
        wanted = 'a time with its offset, such as "2027-04-30T23:59:00+02:00"'
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise self.fail(key, wanted) from None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.fail(key, wanted)
        return value

    def people(self, value: Any, key: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(
            isinstance(name, str) and name.strip() and name.isprintable() for name in value
        ):
            raise self.fail(key, "a list of names")
        names = tuple(name.strip() for name in value)
        if len(set(names)) < len(names):
            raise self.fail(key, "a list that names nobody twice")
        return names

    def assignments(self, data: dict[str, Any]) -> Mapping[str, Terms]:
        found = {}
        for name in self.table(data, "assignments"):
            entry = self.table(data["assignments"], name)
            key = f"assignments.{name}"
            for inner in entry:
                if inner not in ("deadline", "weight"):
                    raise CourseError(
                        f"{self.file}: {key}.{inner} is not a key that an assignment knows "
                        "(deadline, weight)."
                    )
            deadline = entry.get("deadline")
            weight = entry.get("weight", 1.0)
            number = isinstance(weight, int | float) and not isinstance(weight, bool)
            if not number or not 0 <= weight < float("inf"):
                raise self.fail(f"{key}.weight", "a number from 0 on")
            found[name] = Terms(
                None if deadline is None else self.moment(deadline, f"{key}.deadline"),
                float(weight),
            )
        return found

    def late(self, data: dict[str, Any]) -> Late:
        table = self.table(data, "late")
        limits = {"percent_per_day": 100.0, "grace_hours": float("inf"), "max_percent": 100.0}
        for key, value in table.items():
            if key not in limits:
                raise CourseError(
                    f"{self.file}: late.{key} is not a key that the rule for late submissions "
                    f"knows ({', '.join(limits)})."
                )
            self.number(value, f"late.{key}", limits[key])
        return Late(**{key: float(value) for key, value in table.items()})

    def number(self, value: Any, key: str, most: float = float("inf")) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= most or value == float("inf"):
            raise self.fail(
                key, f"a number from 0 {'on' if most == float('inf') else f'to {most:.0f}'}"
            )
        return float(value)

    def anonymous(self, data: dict[str, Any]) -> bool:
        table = self.table(data, "grading")
        for key, value in table.items():
            if key != "anonymous":
                raise CourseError(
                    f"{self.file}: grading.{key} is not a key that grading knows (anonymous)."
                )
            if not isinstance(value, bool):
                raise self.fail("grading.anonymous", "true or false")
        return bool(table.get("anonymous", False))

    def accommodations(
        self,
        data: dict[str, Any],
        students: tuple[str, ...],
        groups: Mapping[str, tuple[str, ...]],
    ) -> Mapping[str, Accommodation]:
        known = {*students, *groups, *(member for names in groups.values() for member in names)}
        found = {}
        for who, entry in self.table(data, "accommodations").items():
            key = f'accommodations."{who}"'
            if students and who.strip() not in known:
                # A slip of the pen would take away in silence what was granted.
                raise CourseError(f"{self.file}: {key} names nobody of the class list or groups.")
            if not isinstance(entry, dict):
                raise self.fail(key, "a table such as { extra_days = 3 }")
            for inner in entry:
                if inner not in ("extra_days", "grace_hours", "late_penalty"):
                    raise CourseError(
                        f"{self.file}: {key}.{inner} is not a key that an accommodation knows "
                        "(extra_days, grace_hours, late_penalty)."
                    )
            penalty = entry.get("late_penalty", True)
            if not isinstance(penalty, bool):
                raise self.fail(f"{key}.late_penalty", "true or false")
            found[who.strip()] = Accommodation(
                self.number(entry.get("extra_days", 0), f"{key}.extra_days", 1000.0),
                self.number(entry.get("grace_hours", 0), f"{key}.grace_hours"),
                penalty,
            )
        return found

    def extensions(
        self, data: dict[str, Any], assignments: Mapping[str, Terms]
    ) -> Mapping[str, Mapping[str, datetime]]:
        found = {}
        for who in self.table(data, "extensions"):
            entry = self.table(data["extensions"], who)
            for name in entry:
                if name not in assignments:
                    raise CourseError(
                        f'{self.file}: extensions."{who}".{name} names no assignment of this file.'
                    )
            found[who.strip()] = {
                name: self.moment(value, f'extensions."{who}".{name}')
                for name, value in entry.items()
            }
        return found

    def groups(self, data: dict[str, Any], group_size: int) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        seen: dict[str, str] = {}
        for name, value in self.table(data, "groups").items():
            key = f'groups."{name}"'
            members = self.people(value, key)
            if not 1 <= len(members) <= group_size:
                raise self.fail(key, f"a list of 1 to {group_size} names (group_size)")
            for member in members:
                if member in seen:
                    raise CourseError(
                        f'{self.file}: {member} is in {key} and in groups."{seen[member]}"; '
                        "please keep one."
                    )
                seen[member] = name
            found[name.strip()] = members
        return found

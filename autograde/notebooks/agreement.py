"""Whether ``course.toml`` and ``solutions/`` name the same notebooks and tables."""

from __future__ import annotations

import re
from collections.abc import Collection

from autograde.model.course import Course, CourseError
from autograde.model.kinds import meant, meant_or_there, nearest
from autograde.notebooks.source import course_assignments, sources

_ASKED = re.compile(r"""\bsettings(?:_as)?\(\s*(?:table\s*=\s*)?["']([^"'\n]+)["']""")


def agree(course: Course, notebooks: Collection[str]) -> None:
    """Raise where the course file names a notebook, or a checks' table, that nobody else knows.

    Parameters
    ----------
    course
        The course.
    notebooks
        The names of the notebooks that it has.

    Raises
    ------
    CourseError
        If an assignment is no notebook or has no task, or if no notebook's checks ask for a further
        table but for one of nearly that name.
    """
    every = {*notebooks, *sources(course.folder / "solutions")}
    mistakes = [
        f"{key} is no notebook in {course.folder / 'solutions'}"
        f"{meant_or_there(name, every, sorted(every))}"
        for key, name in (
            *((f"assignments.{name}", name) for name in course.assignments),
            *((f"notebooks: {name}", name) for name in course.notebooks),
        )
        if name not in every
    ]
    marked = course_assignments(course)
    mistakes += [
        f"assignments.{name} is a notebook without a task, so nobody hands it in: delete this "
        f"table, or write a task into {course.folder / 'solutions' / name}"
        for name in course.assignments
        if name in notebooks and name not in marked
    ]
    asked = _asked(course)
    mistakes += [
        f"no notebook's checks ask for the table [{table}]{meant(table, asked)}"
        for table in course.tables
        if table not in asked and nearest(table, asked)
    ]
    if mistakes:
        raise CourseError.of(course.file, mistakes)


def undated(course: Course) -> list[str]:
    """Return a sentence for every assignment without a deadline."""
    return [
        f"{course.file.name} gives no deadline to {name}, so nobody is late; if that is not meant, "
        f"write deadline = … below [assignments.{name}]."
        for name in course_assignments(course)
        if course.assignment(name).deadline is None
    ]


def unread(course: Course) -> list[str]:
    """Return a sentence for every further table that no notebook's checks ask for."""
    return [
        f"{course.file.name} has a table [{table}], but no notebook's checks ask for it."
        for table in sorted(set(course.tables) - _asked(course))
    ]


def _asked(course: Course) -> set[str]:
    """Return the tables that Python files in ``solutions/`` ask for by ``settings("NAME")``."""
    if not course.tables:
        return set()
    files = sorted((course.folder / "solutions").rglob("*.py"))
    texts = (file.read_text(encoding="utf-8", errors="replace") for file in files)
    return {name for text in texts for name in _ASKED.findall(text)}

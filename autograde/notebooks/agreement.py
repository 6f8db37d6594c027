"""Whether ``course.toml`` and ``solutions/`` speak of the same notebooks and tables."""

from __future__ import annotations

import re
from collections.abc import Collection

from autograde.model.course import Course, CourseError
from autograde.model.kinds import meant, nearest

_ASKED = re.compile(r"""\bsettings\(\s*(?:table\s*=\s*)?["']([^"'\n]+)["']""")


def agree(course: Course, notebooks: Collection[str]) -> list[str]:
    """Raise where the course file means something else than it says; say what counts for nothing.

    Parameters
    ----------
    course
        The course.
    notebooks
        The names of the notebooks in its ``solutions/``.

    Returns
    -------
    list of str
        A sentence for every further table that no file in ``solutions/`` asks for by
        ``settings("NAME")``: nobody reads it.

    Raises
    ------
    CourseError
        If an assignment is no notebook, or such a table's name is nearly one that is asked for.
    """
    for name in course.assignments:
        if name not in notebooks:
            raise CourseError(
                f"{course.file}: assignments.{name} is no notebook of {course.folder / 'solutions'}"
                f"{meant(name, notebooks)}"
            )
    if not course.tables:
        return []
    asked = {
        name
        for file in sorted((course.folder / "solutions").rglob("*.py"))
        for name in _ASKED.findall(file.read_text(encoding="utf-8", errors="replace"))
    }
    idle = [table for table in course.tables if table not in asked]
    for table in idle:
        if nearest(table, asked):
            raise CourseError(
                f"{course.file}: no notebook's checks ask for the table [{table}]"
                f"{meant(table, asked)}"
            )
    return [f"{course.file}: no notebook's checks ask for the table [{table}]." for table in idle]

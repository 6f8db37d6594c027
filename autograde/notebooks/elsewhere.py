"""The course's other notebooks, as a text names them.

``notebook {{ notebook.NAME }}`` is one's number, and a condition says whether the course has it,
``{{ if notebook.NAME }}``, and a section or task of it, ``{{ if notebook.NAME.ID }}``. NAME is the
folder's name without the number, ID the file's name without the number or the task's id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from autograde.model.course import Course
from autograde.model.kinds import meant
from autograde.notebooks.cells import SourceError
from autograde.notebooks.choice import chosen_sections
from autograde.notebooks.layout import find_layout
from autograde.notebooks.outline import Outline, outline
from autograde.notebooks.scripts import read_scripts

_WRITTEN_OUT = re.compile(r"\b[Nn]otebooks? \d+")
_NUMBERED = re.compile(r"(\d+[a-z]?)_(.+)")


class Elsewhere:
    """Says of all notebooks whether the course has them, their sections and tasks.

    Parameters
    ----------
    course
        It chooses.
    there
        The sources of all notebooks, by their names.
    """

    def __init__(self, course: Course, there: Mapping[str, Path]) -> None:
        self._course = course
        self._paths: dict[str, Path] = {}
        self.numbers: dict[str, str] = {}
        """The number of each notebook that the course has, by its name without the number."""
        for name, path in there.items():
            number, short = split(name)
            self._paths.setdefault(short, path)
            if not course.notebooks or name in course.notebooks:
                self.numbers.setdefault(short, number or name)

    @property
    def gone(self) -> frozenset[str]:
        """The templates that name a notebook which the course leaves out."""
        return frozenset(f"notebook.{name}" for name in self._paths.keys() - self.numbers.keys())

    def __call__(self, key: str) -> bool:
        """Whether the course has what ``notebook.NAME`` or ``notebook.NAME.ID`` names.

        Raises
        ------
        LookupError
            If ``solutions/`` never had it: a sentence.
        """
        name, _, part = key.removeprefix("notebook.").partition(".")
        if name not in self._paths:
            raise LookupError(f"there is no notebook {name!r}{meant(name, self._paths)}")
        if not part:
            return name in self.numbers
        path = self._paths[name]
        whole = _outline(path, max(file.stat().st_mtime_ns for file in find_layout(path).files))
        home = whole.names.get(part) or whole.homes.get(part)
        if not home:
            near = meant(part, {*whole.names, *whole.homes})
            raise LookupError(f"the notebook {name!r} has no section or task {part!r}{near}")
        if name not in self.numbers:
            return False
        terms = self._course.assignment(path.name.removesuffix(".py"))
        chosen, _ = chosen_sections(whole, terms, "")  # its own release says what is wrong there
        return home in chosen and part not in terms.skip


@cache
def _outline(path: Path, changed: int) -> Outline:
    """Return the parts of a notebook whose files changed last at this time."""
    scripts = read_scripts(find_layout(path))
    return outline(scripts.nodes, scripts.files, scripts.headers)


def split(name: str) -> tuple[str, str]:
    """Return a notebook's number, empty if it has none, and its name without it."""
    match = _NUMBERED.fullmatch(name)
    return (match[1], match[2]) if match else ("", name)


def refuse_written_out(texts: Iterable[tuple[str, str]]) -> None:
    """Raise where a text names a notebook by a number, which stays if the course leaves it out.

    Parameters
    ----------
    texts
        What names the text in a message, and the text as its author wrote it.

    Raises
    ------
    SourceError
        A sentence for each such text.
    """
    if found := [*_written_out(texts)]:
        raise SourceError(*found)


def _written_out(texts: Iterable[tuple[str, str]]) -> Iterator[str]:
    for where, text in texts:
        if match := _WRITTEN_OUT.search(text):
            yield (
                f"{where}: {match[0]!r}: write 'notebook {{{{ notebook.NAME }}}}', between "
                "{{ if notebook.NAME }} and {{ end }}: a course may leave that notebook out."
            )

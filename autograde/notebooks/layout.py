"""Where the files of a notebook stand in ``solutions/``.

A notebook is one file with two beside it, or a folder with a file for each section::

    NAME.py           NAME/01_first.py          NAME/02_second.py           cells with solutions
    NAME_checks.py    NAME/checks/01_first.py   NAME/checks/02_second.py    hidden checks
    NAME_answers.py   NAME/answers/01_first.py  NAME/answers/02_second.py   other answers

Sections are sorted by their numbers; one in two files is ``08a_…`` and ``08b_…``. What the checks
of several sections share is a module without a number, ``NAME/checks/networks.py``. What those of
several notebooks share stands in a folder that is no notebook, ``shared/networks.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from autograde.notebooks.cells import SourceError

_CHECKS, _ANSWERS = "_checks", "_answers"
_NUMBERED = re.compile(r"(\d+)([a-z]?)_.+")


@dataclass(frozen=True)
class Section:
    """The files of one section; without checks it has no automatic task."""

    script: Path
    checks: Path
    answers: Path


@dataclass(frozen=True)
class Layout:
    """The files of one notebook.

    Attributes
    ----------
    path
        ``solutions/NAME.py`` or the folder ``solutions/NAME``.
    sections
        In their order; a notebook in one file has one.
    """

    name: str
    path: Path
    sections: tuple[Section, ...]

    @property
    def files(self) -> list[Path]:
        """Every file on which the notebook's marks depend, code shared by notebooks included."""
        solutions = self.path.parent
        shared = [
            path
            for path in solutions.iterdir()
            if (path.is_dir() and not is_source(path)) or _is_draft(path)
        ]
        return sorted(
            file
            for path in {*solutions.glob(f"{self.name}*"), *shared}
            for file in (path.rglob("*") if path.is_dir() else [path])
            if file.is_file() and not _is_made(file.relative_to(solutions))
        )


def find_layout(path: Path) -> Layout:
    """Return the files of the notebook whose source is this file or folder.

    Raises
    ------
    SourceError
        If it is not there, or a file of a folder belongs to no section.
    """
    if not path.is_dir():
        beside = (path.with_name(f"{path.stem}{suffix}.py") for suffix in (_CHECKS, _ANSWERS))
        return Layout(path.stem, path, (Section(path, *beside),))
    scripts = [file for file in path.glob("*.py") if file.name[0] not in "_."]
    numbers: dict[tuple[int, str], Path] = {}
    for file in sorted(scripts):
        numbered = _NUMBERED.fullmatch(file.stem)
        if not numbered:
            raise SourceError(f"{file}: the name of a section begins with a number, such as 01_.")
        other = numbers.setdefault((int(numbered[1]), numbered[2]), file)
        if other is not file:
            raise SourceError(f"{file}: {other.name} has the same number; change one.")
    ordered = [numbers[number] for number in sorted(numbers)]
    if not ordered:
        raise SourceError(f"{path}: there is no section; add a file such as 01_first.py.")
    for kind in ("checks", "answers"):
        for file in sorted((path / kind).glob("*.py")):
            if _NUMBERED.fullmatch(file.stem) and path / file.name not in ordered:
                raise SourceError(f"{file}: there is no section {file.name} in {path}.")
    return Layout(
        path.name,
        path,
        tuple(Section(s, path / "checks" / s.name, path / "answers" / s.name) for s in ordered),
    )


def cells_in(script: Path) -> list[tuple[int, list[str]]]:
    """Return for each cell of a script the line in which it begins, from 1 on, and its lines.

    A cell that begins in another way than by ``# %%`` is not told from the one above it.
    """
    lines = script.read_text(encoding="utf-8-sig").split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    return [(start + 1, lines[start:end]) for start, end in pairwise([*starts, len(lines)])]


def is_source(path: Path) -> bool:
    """Whether a file or folder in ``solutions/`` is a notebook's source."""
    if path.name[0] in "_.":
        return False
    if path.is_dir():
        return any(_NUMBERED.fullmatch(file.stem) for file in path.glob("*.py"))
    return path.suffix == ".py" and not path.stem.endswith((_CHECKS, _ANSWERS))


def _is_draft(path: Path) -> bool:
    """Whether it is a module that is no notebook's, which checks may import."""
    return path.suffix == ".py" and path.name.startswith("_")


def _is_made(path: Path) -> bool:
    """Whether Python or an editor has made the file."""
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)

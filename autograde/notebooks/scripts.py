"""Reads a notebook's scripts: their cells with completed metadata, and what is wrong with a header.

The cell headers carry nbgrader's metadata in short. Completed, every cell has an id that is the
same on every run.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode

from autograde.model.kinds import nearest
from autograde.notebooks.cells import HAND_IN, REPORT, SourceError, node
from autograde.notebooks.figures import TAG
from autograde.notebooks.layout import Layout

_KEYS = ("nbgrader", "tags", "name", "minutes", "core")
_TAGS = (TAG, HAND_IN, REPORT)
_CONFLICT = re.compile(r"^(?:# ?)?(<{7}|>{7})(?: |$)", re.MULTILINE)
_GRADE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,57}")  # with "-test" still a legal cell id


@dataclass
class Scripts:
    """The cells of a notebook's scripts.

    Attributes
    ----------
    cells
        With completed metadata, as their author wrote them.
    files
        For each cell the script in which it stands.
    headers
        For each cell what its header says.
    faulty
        The positions of cells whose header is wrong.
    mistakes
        A sentence for everything to be corrected.
    """

    cells: list[dict[str, Any]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    headers: list[dict[str, Any]] = field(default_factory=list)
    faulty: set[int] = field(default_factory=set)
    mistakes: list[str] = field(default_factory=list)

    @property
    def nodes(self) -> list[NotebookNode]:
        """The cells as nbformat has them."""
        return [node(cell) for cell in self.cells]

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """For each cell its place among those of its script, and how many the script has."""
        return _places(self.files)


def read_scripts(layout: Layout) -> Scripts:
    """Read the scripts of a notebook; what cannot be read is a sentence among the mistakes."""
    found = Scripts()
    for section in layout.sections:
        try:
            script = read_script(section.script)
        except SourceError as error:
            found.mistakes += error.mistakes
            continue
        for position, cell in enumerate(script.cells, start=1):
            if slip := _slip(cell):
                found.mistakes.append(f"{section.script}: cell {position}: {slip}")
                found.faulty.add(len(found.cells))
            found.cells.append(_complete(cell, layout.name, len(found.cells) + 1))
            found.files.append(section.script)
            found.headers.append(cell.metadata)
    return found


def read_script(file: Path) -> NotebookNode:
    """Read a Jupytext percent script.

    Raises
    ------
    SourceError
        If the file is not there or not readable as such.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        notebook: NotebookNode = jupytext.reads(text, fmt="py:percent")
    except FileNotFoundError:
        raise SourceError(f"There is no {file}.") from None
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        raise SourceError(f"{file}:{line}: it is not UTF-8; please save it as UTF-8.") from None
    except Exception as error:  # jupytext raises its parsers' errors
        why = " ".join(str(error).split())
        raise SourceError(f"{file} is not a Jupytext percent script: {why}") from None
    if conflict := _CONFLICT.search(text):
        line = text[: conflict.start()].count("\n") + 1
        raise SourceError(
            f"{file}:{line}: a merge left its mark there ({conflict[1]}); choose what stays."
        )
    return notebook


def _places(files: Sequence[Path]) -> tuple[tuple[int, int], ...]:
    """Return for each cell its place among those of its script, and how many the script has."""
    count = Counter(files)
    before: Counter[Path] = Counter()
    found = []
    for file in files:
        found.append((before[file], count[file]))
        before[file] += 1
    return tuple(found)


def _slip(cell: NotebookNode) -> str:
    """Return what is wrong with the nbgrader metadata in a cell's header."""
    short = cell.metadata.get("nbgrader", {})
    if (unread := cell.metadata.get("incorrectly_encoded_metadata")) is not None:
        return (
            f"its header cannot be read from {unread!r} on: after each = stands JSON, as in true."
        )
    if slip := _near(cell.metadata, _KEYS, "its header says {0}; do you mean {1}?"):
        return slip
    tags = cell.metadata.get("tags", [])
    if slip := _near(tags, _TAGS, "it is tagged {0!r}; do you mean {1!r}?"):
        return slip
    if not isinstance(short, dict):
        return "nbgrader should be a dictionary."
    if unknown := set(short) - {"grade_id", "solution", "grade", "points"}:
        return f"nbgrader has an unknown key {sorted(unknown)[0]!r}."
    if short and not _GRADE_ID.fullmatch(str(short.get("grade_id", ""))):
        return (
            "its grade_id should be up to 58 letters, digits, '-' and '_', "
            f"not {short.get('grade_id')!r}."
        )
    return ""


def _near(words: Iterable[str], known: Sequence[str], sentence: str) -> str:
    """Return a sentence about the first word that is nearly a known one; empty if none is."""
    for word in words:
        if word not in known and (meant := nearest(word, known)):
            return sentence.format(word, meant)
    return ""


def _complete(cell: NotebookNode, name: str, position: int) -> dict[str, Any]:
    """Return the cell with complete nbgrader metadata and a cell id that depends on nothing else.

    Every cell that is not an answer is locked, so that nbgrader's own tools restore it. The
    position counts over all files of the notebook. Of a faulty header what can be read counts.
    """
    short = cell.metadata.get("nbgrader", {})
    if not isinstance(short, dict):
        short = {}
    key = short.get("grade_id", position)
    identity = hashlib.sha256(f"{name}/{key}".encode()).hexdigest()[:12]
    meta = {
        "cell_type": cell.cell_type,
        "grade": bool(short.get("grade", False)),
        "grade_id": short.get("grade_id", f"cell-{identity}"),
        "locked": not short.get("solution", False),
        "schema_version": 3,
        "solution": bool(short.get("solution", False)),
        "task": False,
    }
    if "points" in short:
        meta["points"] = short["points"]
    metadata: dict[str, Any] = {"nbgrader": meta}
    if cell.metadata.get("tags"):
        metadata["tags"] = list(cell.metadata["tags"])
    clean = {
        "id": identity,
        "cell_type": cell.cell_type,
        "metadata": metadata,
        "source": cell.source.strip("\n"),
    }
    if cell.cell_type == "code":
        clean |= {"execution_count": None, "outputs": []}
    return clean

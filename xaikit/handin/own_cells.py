"""What of an upload's other code grading runs: the student's own cells, and what they added.

One reading for both sides, as in :mod:`xaikit.handin.uploads`: grading rebuilds a submission by it,
and students are told of what it leaves out before they hand in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from xaikit.handin.additions import added, lost
from xaikit.handin.markers import digest
from xaikit.handin.released import ReleasedCell
from xaikit.handin.uploads import ParsedCell, ParsedUpload

OWN_LIMIT = 1_000_000
"""The largest number of characters of own code that is run."""

AT_END = ""


@dataclass(frozen=True)
class OwnCell:
    """A code cell of the student's own; ``task`` is the one whose answer it may go on with."""

    source: str
    task: str


@dataclass(frozen=True)
class Changed:
    """A given cell that an upload holds with another text.

    Attributes
    ----------
    cell
        The cell as it was released, which is what grading runs.
    kept
        What the student added to it, which runs as a cell of its own.
    lost
        What else they wrote there, a line for each statement; grading does without it.
    """

    cell: ReleasedCell
    kept: str
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Own:
    """The code of an upload that is no answer.

    Attributes
    ----------
    before
        The student's own cells, by the task whose answer follows them, or :data:`AT_END`.
    changed
        Given cells that were changed.
    copies
        Copies of given cells: each given cell runs once.
    too_much
        Whether there is more than :data:`OWN_LIMIT`; the rest is left out.
    """

    before: dict[str, list[OwnCell]]
    changed: tuple[Changed, ...]
    copies: tuple[ReleasedCell, ...]
    too_much: bool


def own_cells(upload: ParsedUpload, released: Sequence[ReleasedCell]) -> Own:
    """Find the student's own code in an upload.

    Parameters
    ----------
    upload
        What was read.
    released
        All cells of the notebook as students got it.
    """
    given = {cell.grade_id: cell for cell in released if cell.role != "answer"}
    by_id = {cell.cell_id: cell.grade_id for cell in given.values()}
    texts = {cell.text: cell for cell in released}
    there = Counter(cell.text for cell in released)
    kept = {name for name, cell in given.items() if _is_kept(upload.cells, cell)}
    defined = [cell.source for cell in given.values() if cell.role != "text"]
    following: dict[int, str] = {}
    for task, position in upload.chosen.items():
        following.setdefault(position, task)
    before: dict[str, list[OwnCell]] = {}
    waiting: list[OwnCell] = []
    changed: list[Changed] = []
    copies: list[ReleasedCell] = []
    size = 0
    current = ""  # the answer whose test has not come yet
    for i, cell in enumerate(upload.cells):
        if i in following:
            current = following[i]
            before[current], waiting = waiting, []
        if i in upload.claimed or cell.kind != "code" or not cell.squeezed:
            continue
        name = cell.grade_id if cell.grade_id in given else by_id.get(cell.cell_id, "")
        text = digest(cell.squeezed)
        same = texts.get(text)
        if current and f"{current}-test" in (name, same.grade_id if same else ""):
            current = ""
        if same:
            there[text] -= 1
            if there[text] < 0 and same.role == "given":
                copies.append(same)
            continue
        source = cell.source
        # A copy of a given cell, written over, is the student's own; the given cell itself is not.
        if name and (name not in kept or given[name].role == "test"):
            original = given[name].source
            source = added(original, cell.source, defined)
            changed.append(Changed(given[name], source, lost(original, cell.source, source)))
            if not source:
                continue
        size += len(source)
        if size <= OWN_LIMIT:
            waiting.append(OwnCell(source, current))
    before[AT_END] = waiting
    return Own(before, tuple(changed), tuple(copies), size > OWN_LIMIT)


def _is_kept(cells: Sequence[ParsedCell], given: ReleasedCell) -> bool:
    """Whether the upload still holds a given cell as it was."""
    return any(
        digest(cell.squeezed) == given.text
        for cell in cells
        if cell.grade_id == given.grade_id or cell.cell_id == given.cell_id
    )

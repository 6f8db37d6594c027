"""What of an upload's other code grading runs: the student's own cells, and what they added.

One reading for both sides, as in :mod:`xaikit.handin.uploads`: grading rebuilds a submission by it,
and students are told of what it leaves out before they hand in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from xaikit.handin.additions import added, lost
from xaikit.handin.read_cells import ParsedCell
from xaikit.handin.released import ReleasedCell
from xaikit.handin.uploads import ParsedUpload
from xaikit.handin.whole import Whole

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
    longer
        Whether the upload holds cells of the whole notebook that the course leaves out.
    unmarked
        The tasks among these that it answers.
    """

    before: dict[str, list[OwnCell]]
    changed: tuple[Changed, ...]
    copies: tuple[ReleasedCell, ...]
    too_much: bool
    longer: bool = False
    unmarked: tuple[str, ...] = ()


def own_cells(
    upload: ParsedUpload, released: Sequence[ReleasedCell], others: Sequence[ReleasedCell] = ()
) -> Own:
    """Find the student's own code in an upload.

    Parameters
    ----------
    upload
        What was read.
    released
        All cells of the notebook as students got it.
    others
        The cells of the whole notebook that are not among these, or have another text there.
    """
    whole = Whole(others, released, upload.cells)
    ids = {cell.grade_id for cell in released}
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
    aside: list[OwnCell] = []
    longer, unmarked = False, list[str]()
    current = ""  # the answer whose test has not come yet
    for i, cell in enumerate(upload.cells):
        if i in following:
            current = following[i]
            before[current], waiting = waiting, []
        if i in upload.claimed or not cell.squeezed:
            continue
        if (other := whole.find(cell)) is not None:
            if other.grade_id == f"{current}-test":
                current = ""
            gone = other.grade_id not in ids
            longer |= gone
            if gone and other.role == "answer" and not cell.among({other.text}):
                unmarked.append(other.grade_id)
            if other.role in ("given", "answer") and cell.kind == "code":
                aside.append(OwnCell(cell.source, current))
                waiting.append(aside[-1])
            continue
        if cell.kind != "code":
            continue
        name = cell.grade_id if cell.grade_id in given else by_id.get(cell.cell_id, "")
        same = next((texts[text] for text in cell.known_by if text in texts), None)
        if current and f"{current}-test" in (name, same.grade_id if same else ""):
            current = ""
        if same:
            there[same.text] -= 1
            if there[same.text] < 0 and same.role == "given":
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
        waiting.append(OwnCell(source, current))
    before[AT_END] = waiting
    before = _without_the_rest(before, aside, upload, whole)
    before, too_much = _limited(before)
    return Own(
        before, tuple(changed), tuple(copies), too_much, longer, tuple(dict.fromkeys(unmarked))
    )


def _without_the_rest(
    before: dict[str, list[OwnCell]], aside: list[OwnCell], upload: ParsedUpload, whole: Whole
) -> dict[str, list[OwnCell]]:
    """Return the code without those cells of the whole notebook whose names nobody needs."""
    if not aside:
        return before
    apart = {id(cell) for cell in aside}
    code = [cell.source for cells in before.values() for cell in cells if id(cell) not in apart]
    answers = [upload.cells[i] for task, i in upload.chosen.items() if task not in upload.untouched]
    code += [answer.source for answer in answers if answer.kind == "code"]
    running = whole.running([cell.source for cell in aside], code)
    return {
        task: [cell for cell in cells if id(cell) not in apart or cell.source in running]
        for task, cells in before.items()
    }


def _limited(before: dict[str, list[OwnCell]]) -> tuple[dict[str, list[OwnCell]], bool]:
    """Return the code up to :data:`OWN_LIMIT`, and whether there was more."""
    size = 0
    kept: dict[str, list[OwnCell]] = {}
    for task, cells in before.items():
        kept[task] = []
        for cell in cells:
            size += len(cell.source)
            if size <= OWN_LIMIT:
                kept[task].append(cell)
    return kept, size > OWN_LIMIT


def _is_kept(cells: Sequence[ParsedCell], given: ReleasedCell) -> bool:
    """Whether the upload still holds a given cell as it was."""
    return any(
        cell.among({given.text})
        for cell in cells
        if cell.grade_id == given.grade_id or cell.cell_id == given.cell_id
    )

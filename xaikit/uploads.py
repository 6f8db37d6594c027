"""Find the answers in an uploaded notebook that any program saved.

One reading for both sides: students look at their file with it before they hand it in
(:func:`xaikit.checks.upload`), and grading takes their answers by it, so that what a student is
told is what will be found. Answers are recognised by grade id, else by the marker that begins every
answer cell (``# answer: ID``), else by cell id, so that a notebook saved by any front end can be
read. Nothing here knows what is right.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xaikit.notebook_json import BrokenUploadError, parsed

SIZE_LIMIT = 32 << 20
"""The largest file that is read, in bytes."""

CELL_LIMIT = 2000
SOURCE_LIMIT = 200_000


_MARKER = re.compile(r"^\s*(?:#+\s*answer\s*:\s*([\w-]+)|<!--\s*answer\s*:\s*([\w-]+)\s*-->)\s*$")


_STUB_LINE = re.compile(r"^\s*(?:# YOUR CODE HERE|pass|\.\.\.|YOUR ANSWER HERE)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class ParsedCell:
    """What is taken from one cell of an upload."""

    kind: str
    source: str
    grade_id: str
    cell_id: str
    markers: frozenset[str]
    pasted: bool
    squeezed: str


@dataclass(frozen=True)
class Stub:
    """An answer cell as it was released.

    Attributes
    ----------
    marker
        The first line of the cell.
    cell_id
        The id of the cell in the release.
    blank
        Digests of what counts as not answered: the stub, and the stub without its place-holders.
    """

    marker: str
    cell_id: str
    blank: frozenset[str]

    @classmethod
    def of(cls, marker: str, cell_id: str, source: str) -> Stub:
        """Return the stub of a released answer cell."""
        blank = {squeezed(source), squeezed(_STUB_LINE.sub("", source)), ""}
        return cls(marker, cell_id, frozenset(_digest(text) for text in blank))


@dataclass(frozen=True)
class ParsedUpload:
    """What was found in an uploaded notebook.

    Attributes
    ----------
    cells
        Its cells, answers that had been split joined again.
    chosen
        For each task that was found, which cell holds its answer.
    claimed
        All cells that may have been meant as an answer: copies, too.
    untouched
        Tasks whose answer is still as it was released, or empty.
    notices
        What was unusual, a sentence each, for student and instructor.
    """

    cells: list[ParsedCell]
    chosen: dict[str, int]
    claimed: frozenset[int]
    untouched: frozenset[str]
    notices: list[str]


def read_upload(content: bytes, stubs: Mapping[str, Stub]) -> ParsedUpload:
    """Find the answers to these tasks in uploaded bytes, about which nothing is taken for granted.

    Raises
    ------
    BrokenUploadError
        If no notebook can be read from the bytes.
    """
    notices: list[str] = []
    cells = _joined(_read(content, notices), set(stubs), notices)
    chosen: dict[str, int] = {}
    claimed: set[int] = set()
    for task, stub in stubs.items():
        candidates = _candidates(cells, task, stubs)
        if not candidates:
            notices.append(
                f"The answer cell {task!r} is not in the upload, or its first line "
                f"{stub.marker!r} was removed: this task could not be graded as you may have "
                "meant it."
            )
            continue
        changed = [i for i in candidates if not _is_untouched(cells[i], stub)]
        chosen[task] = (changed or candidates)[-1]
        claimed.update(candidates)
        if len(candidates) > 1:
            notices.append(
                f"The answer cell {task!r} was found {len(candidates)} times; the last one that "
                "differs from the original counts."
            )
        if cells[chosen[task]].pasted:
            notices.append(
                f"Images pasted into the answer {task!r} were left out; a person who marks it "
                "finds them in the upload."
            )
    untouched = {task for task, i in chosen.items() if _is_untouched(cells[i], stubs[task])}
    return ParsedUpload(cells, chosen, frozenset(claimed), frozenset(untouched), notices)


def markers(source: str) -> frozenset[str]:
    """Return the tasks whose markers stand in a cell's source."""
    found = (_MARKER.match(line) for line in source.split("\n") if "answer" in line)
    return frozenset(match[1] or match[2] for match in found if match)


def _read(content: bytes, notices: list[str]) -> list[ParsedCell]:
    """Read the cells of a notebook of format 3 or 4 from untrusted bytes."""
    data = parsed(content, notices)
    raw = _raw_cells(data)
    if raw is None:
        raise BrokenUploadError(
            "The uploaded file is JSON but not a notebook: it has no list of cells; please upload "
            "the .ipynb file itself."
        )
    if len(raw) > CELL_LIMIT:
        notices.append(f"The upload has {len(raw)} cells; the first {CELL_LIMIT} were read.")
    cells = [_cell(value) for value in raw[:CELL_LIMIT] if isinstance(value, dict)]
    if len(cells) < min(len(raw), CELL_LIMIT):
        notices.append("Some cells of the upload are malformed and were left out.")
    long = [cell for cell in cells if len(cell.source) > SOURCE_LIMIT]
    if long:
        notices.append(
            f"{len(long)} cells of the upload hold more than {SOURCE_LIMIT} characters each and "
            "were left out."
        )
    return [cell for cell in cells if len(cell.source) <= SOURCE_LIMIT]


def _raw_cells(data: Any) -> list[Any] | None:
    """Return the list of cells: format 3 keeps them in worksheets."""
    if not isinstance(data, dict):
        return None
    if isinstance(data.get("cells"), list):
        return list(data["cells"])
    sheets = data.get("worksheets")
    if not isinstance(sheets, list):
        return None
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    return [cell for cells in lists if isinstance(cells, list) for cell in cells]


def _cell(value: dict[str, Any]) -> ParsedCell:
    """Read one cell, which may be damaged in any way."""
    source = _text(value.get("source", value.get("input", "")))
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    meta = metadata.get("nbgrader")
    grade_id = meta.get("grade_id") if isinstance(meta, dict) else None
    cell_id = value.get("id", metadata.get("id"))  # Colab keeps ids among the metadata
    kind = value.get("cell_type")
    return ParsedCell(
        kind=kind if isinstance(kind, str) else "",
        source=source,
        grade_id=grade_id if isinstance(grade_id, str) else "",
        cell_id=cell_id if isinstance(cell_id, str) else "",
        markers=markers(source),
        pasted=bool(value.get("attachments")),
        squeezed=squeezed(source),
    )


def _text(value: Any) -> str:
    """Return a source as one text with plain line ends, without what UTF-8 cannot hold."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str):
        return ""
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text.encode("utf-8", errors="replace").decode("utf-8").removeprefix("\ufeff")


def _joined(cells: list[ParsedCell], tasks: set[str], notices: list[str]) -> list[ParsedCell]:
    """Join answer cells that were split: the parts keep the grade id, the first the marker."""
    joined: list[ParsedCell] = []
    for cell in cells:
        last = joined[-1] if joined else None
        if (
            last is not None
            and cell.grade_id in tasks & last.markers
            and cell.grade_id == last.grade_id
            and not cell.markers
            and len(last.source) <= SOURCE_LIMIT
        ):
            source = f"{last.source}\n{cell.source}"
            joined[-1] = replace(last, source=source, squeezed=squeezed(source))
            notices.append(f"The answer cell {cell.grade_id!r} was split; its parts were joined.")
        else:
            joined.append(cell)
    return joined


def _candidates(cells: list[ParsedCell], task: str, stubs: Mapping[str, Stub]) -> list[int]:
    """Return which cells may hold the task's answer.

    A cell with the grade id of another answer is that answer's, even if this one's marker was
    copied into it, unless nothing else holds this answer: two cells may have been merged. A copy
    that kept the grade id but not the marker is the student's own cell if the answer is elsewhere.
    """
    marked: list[int] = []
    unmarked: list[int] = []
    merged: list[int] = []
    by_id: list[int] = []
    for i, cell in enumerate(cells):
        if task in cell.markers:
            (merged if cell.grade_id in stubs and cell.grade_id != task else marked).append(i)
        elif cell.grade_id == task:
            unmarked.append(i)
        elif (
            cell.cell_id == stubs[task].cell_id and cell.grade_id not in stubs and not cell.markers
        ):
            by_id.append(i)
    for candidates in (marked, sorted(marked + unmarked), merged):
        if any(not _is_untouched(cells[i], stubs[task]) for i in candidates):
            return candidates
    return sorted(marked + unmarked) or by_id


def _is_untouched(cell: ParsedCell, stub: Stub) -> bool:
    """Whether an answer is the stub, white space aside, or what is left of it says nothing."""
    return _digest(cell.squeezed) in stub.blank


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def squeezed(source: str) -> str:
    """Return the text without markers and white space, to compare by."""
    lines = (line for line in source.split("\n") if not _MARKER.match(line))
    return "".join("".join(lines).split())

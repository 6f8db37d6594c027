"""Rebuild a submission from the trusted release: only its answers are taken from the student.

Everything else, metadata, tags, attachments, outputs, given cells and tests, comes from the
release. Answers are recognised by grade id, else by the marker that begins every answer cell
(``# answer: ID``), else by cell id, so that a notebook saved by any front end can be read. The
student's own code cells stay, as untrusted source, before the answer that follows them.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from nbformat import NotebookNode

from autograde.source import Answer, answers, grading, is_test, marker, node

CELL_LIMIT = 2000
SOURCE_LIMIT = 200_000
EXTRA_LIMIT = 1_000_000

_MARKER = re.compile(r"^\s*(?:#+\s*answer\s*:\s*([\w-]+)|<!--\s*answer\s*:\s*([\w-]+)\s*-->)\s*$")
_STUB_LINE = re.compile(r"^\s*(?:# YOUR CODE HERE|pass|\.\.\.|YOUR ANSWER HERE)\s*$", re.MULTILINE)


class BrokenUploadError(Exception):
    """The upload cannot be read as a notebook: a sentence or two for its author."""


@dataclass(frozen=True)
class Rebuilt:
    """A submission on the trusted release.

    Attributes
    ----------
    notebook
        The release with the student's answers in place and their own code cells between.
    untouched
        Tasks whose answer is still the stub, or empty.
    absent
        Tasks whose answer cell is not in the upload; their cells hold the stub. They are never
        silently zero: student and instructor are told, and the status is ``partial``.
    extras
        The ids of the student's own cells.
    notices
        What was unusual, a sentence each, for student and instructor.
    task_notices
        What the instructor should know about one answer, by task.
    """

    notebook: NotebookNode
    untouched: frozenset[str]
    absent: frozenset[str]
    extras: tuple[str, ...]
    notices: tuple[str, ...]
    task_notices: dict[str, str]


@dataclass(frozen=True)
class _Cell:
    """What is taken from one cell of an upload."""

    kind: str
    source: str
    grade_id: str
    cell_id: str
    markers: frozenset[str]
    pasted: bool
    squeezed: str


def rebuild(content: bytes, released: NotebookNode) -> Rebuilt:
    """Put the answers of an upload into the release.

    Parameters
    ----------
    content
        The uploaded bytes; nothing about them is taken for granted.
    released
        The notebook as students got it.

    Raises
    ------
    BrokenUploadError
        If no notebook can be read from the bytes.
    """
    notices: list[str] = []
    parts = answers(released)
    stubs = {part.task: released.cells[part.cell] for part in parts}
    cells = _joined(_read(content, notices), set(stubs), notices)
    chosen: dict[str, int] = {}
    claimed: set[int] = set()
    for task, stub in stubs.items():
        candidates = _candidates(cells, task, stubs)
        if not candidates:
            notices.append(
                f"The answer cell {task!r} is not in the upload, or its first line "
                f"{marker(task, stub.cell_type)!r} was removed: this task could not be graded as "
                "you may have meant it."
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
    before = _extras(cells, chosen, claimed, released, notices)
    notebook, untouched, extras = _assemble(released, parts, chosen, cells, before)
    return Rebuilt(
        notebook,
        untouched=frozenset(untouched),
        absent=frozenset(stubs) - frozenset(chosen),
        extras=tuple(extras),
        task_notices=_recognised(cells, chosen, notices),
        notices=tuple(notices),
    )


def _read(content: bytes, notices: list[str]) -> list[_Cell]:
    """Read the cells of a notebook of format 3 or 4 from untrusted bytes."""
    if not content.strip():
        raise BrokenUploadError(
            "The uploaded file is empty; please save the notebook and upload again."
        )
    try:
        data = json.loads(content)
    except (RecursionError, MemoryError):
        raise BrokenUploadError(
            "The uploaded file is nested too deeply to be a notebook."
        ) from None
    except ValueError as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BrokenUploadError(
            f"The uploaded file is not valid JSON{where}, so it is no notebook that can be opened; "
            "please open it in JupyterLab or Colab, save it and upload again."
        ) from None
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


def _cell(value: dict[str, Any]) -> _Cell:
    """Read one cell, whatever is wrong with it."""
    source = _text(value.get("source", value.get("input", "")))
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    meta = metadata.get("nbgrader")
    grade_id = meta.get("grade_id") if isinstance(meta, dict) else None
    cell_id = value.get("id", metadata.get("id"))  # Colab keeps ids among the metadata
    kind = value.get("cell_type")
    found = (_MARKER.match(line) for line in source.split("\n") if "answer" in line)
    return _Cell(
        kind=kind if isinstance(kind, str) else "",
        source=source,
        grade_id=grade_id if isinstance(grade_id, str) else "",
        cell_id=cell_id if isinstance(cell_id, str) else "",
        markers=frozenset(match[1] or match[2] for match in found if match),
        pasted=bool(value.get("attachments")),
        squeezed=_squeezed(source),
    )


def _text(value: Any) -> str:
    """Return a source as one text with plain line ends, without what UTF-8 cannot hold."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str):
        return ""
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text.encode("utf-8", errors="replace").decode("utf-8").removeprefix("\ufeff")


def _joined(cells: list[_Cell], tasks: set[str], notices: list[str]) -> list[_Cell]:
    """Join answer cells that were split: the parts keep the grade id, the first the marker."""
    joined: list[_Cell] = []
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
            joined[-1] = replace(last, source=source, squeezed=_squeezed(source))
            notices.append(f"The answer cell {cell.grade_id!r} was split; its parts were joined.")
        else:
            joined.append(cell)
    return joined


def _candidates(cells: list[_Cell], task: str, stubs: dict[str, NotebookNode]) -> list[int]:
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
        elif cell.cell_id == stubs[task].id and cell.grade_id not in stubs and not cell.markers:
            by_id.append(i)
    for candidates in (marked, sorted(marked + unmarked), merged):
        if any(not _is_untouched(cells[i], stubs[task]) for i in candidates):
            return candidates
    return sorted(marked + unmarked) or by_id


def _recognised(cells: list[_Cell], chosen: dict[str, int], notices: list[str]) -> dict[str, str]:
    """Return what the instructor should know about how each answer was recognised."""
    doubtful = {task: cells[i] for task, i in chosen.items() if cells[i].grade_id != task}
    if doubtful and len(doubtful) == len(chosen):
        notices.append(
            "The upload holds no nbgrader metadata (as when saved by another program); its "
            "answers were recognised by their first lines."
        )
        return {}
    return {
        task: "The answer was recognised by its "
        + ("first line alone." if task in cell.markers else "cell id alone.")
        for task, cell in doubtful.items()
    }


def _is_untouched(cell: _Cell, stub: NotebookNode) -> bool:
    """Whether an answer is the stub, white space aside, or what is left of it says nothing."""
    emptied = _STUB_LINE.sub("", stub.source)
    return cell.squeezed in ("", _squeezed(stub.source), _squeezed(emptied))


def _squeezed(source: str) -> str:
    """Return the text without markers and white space, to compare by."""
    lines = (line for line in source.split("\n") if not _MARKER.match(line))
    return "".join("".join(lines).split())


def _extras(
    cells: list[_Cell],
    chosen: dict[str, int],
    claimed: set[int],
    released: NotebookNode,
    notices: list[str],
) -> dict[str, list[str]]:
    """Return the student's own code cells by the task whose answer follows them in the upload."""
    given = {grading(c)["grade_id"]: c for c in released.cells if not grading(c)["solution"]}
    by_id = {cell.id: grade_id for grade_id, cell in given.items()}
    known = {_squeezed(cell.source) for cell in released.cells}
    kept = {name for name, cell in given.items() if _is_kept(cells, name, cell)}
    following: dict[int, str] = {}
    for task, position in chosen.items():
        following.setdefault(position, task)
    before: dict[str, list[str]] = {}
    waiting: list[str] = []
    changed: list[str] = []
    size = 0
    for i, cell in enumerate(cells):
        if i in following:
            before[following[i]], waiting = waiting, []
        if i in claimed or cell.kind != "code":
            continue
        if not cell.squeezed or cell.squeezed in known:
            continue
        name = cell.grade_id if cell.grade_id in given else by_id.get(cell.cell_id, "")
        # A copy of a given cell, written over, is the student's own; the given cell itself is not.
        if name and (name not in kept or is_test(grading(given[name]))):
            changed.append(name)
            continue
        size += len(cell.source)
        if size <= EXTRA_LIMIT:
            waiting.append(cell.source)
    if changed:
        names = ", ".join(repr(name) for name in dict.fromkeys(changed))
        notices.append(f"Given cells were changed ({names}); grading used the originals.")
    if size > EXTRA_LIMIT:
        notices.append(
            f"The cells that you added hold more than {EXTRA_LIMIT} characters; the rest was left "
            "out."
        )
    if waiting:
        notices.append("Code after the last answer was not run: no answer depends on it.")
    return before


def _is_kept(cells: list[_Cell], grade_id: str, given: NotebookNode) -> bool:
    """Whether the upload still holds a given cell as it was."""
    original = _squeezed(given.source)
    return any(
        (cell.grade_id == grade_id or cell.cell_id == given.id) and cell.squeezed == original
        for cell in cells
    )


def _assemble(
    released: NotebookNode,
    parts: list[Answer],
    chosen: dict[str, int],
    cells: list[_Cell],
    before: dict[str, list[str]],
) -> tuple[NotebookNode, list[str], list[str]]:
    """Return the rebuilt notebook, the untouched tasks and the ids of the student's own cells."""
    notebook: NotebookNode = deepcopy(released)
    tasks = {part.cell: part.task for part in parts}
    rebuilt: list[NotebookNode] = []
    untouched: list[str] = []
    extras: list[str] = []
    for position, cell in enumerate(notebook.cells):
        task = tasks.get(position, "")
        if task in chosen:
            for source in before.get(task, []):
                extras.append(f"extra-{len(extras) + 1}")
                rebuilt.append(_code_cell(extras[-1], source))
            answer = cells[chosen[task]]
            if _is_untouched(answer, cell):
                untouched.append(task)
            else:
                cell.source = _with_marker(answer.source, task, cell.cell_type)
        rebuilt.append(cell)
    notebook.cells = rebuilt
    return notebook, untouched, extras


def _with_marker(source: str, task: str, cell_type: str) -> str:
    """Return an answer that begins with its marker, once."""
    lines = source.strip("\n").split("\n")
    kept = [line for line in lines if not (m := _MARKER.match(line)) or task not in m.groups()]
    return "\n".join([marker(task, cell_type), *kept])


def _code_cell(cell_id: str, source: str) -> NotebookNode:
    return node(
        {
            "id": cell_id,
            "cell_type": "code",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
    )

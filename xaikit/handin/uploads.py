"""Find the answers in an uploaded notebook that any program saved.

One reading for both sides: students look at their file with it before they hand it in
(:func:`xaikit.checks.upload`), and grading takes their answers by it, so that what a student is
told is what will be found. Answers are recognised by grade id, else by the marker that begins every
answer cell (``# answer: ID``, see :mod:`xaikit.handin.markers`), else by cell id, so that a
notebook saved by any front end can be read. Nothing here knows what is right.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from xaikit.handin.markers import Typed, digest, squeezed
from xaikit.handin.read_cells import SOURCE_LIMIT, ParsedCell, read_cells

SIZE_LIMIT = 32 << 20
"""The largest file that is read, in bytes."""

_STUB_LINE = re.compile(r"^\s*(?:# YOUR CODE HERE|pass|\.\.\.|YOUR ANSWER HERE)\s*$", re.MULTILINE)


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
    report
        Whether the answer is a file beside the notebook, the report.
    """

    marker: str
    cell_id: str
    blank: frozenset[str]
    report: bool = False

    @classmethod
    def of(cls, marker: str, cell_id: str, source: str, report: bool = False) -> Stub:
        """Return the stub of a released answer cell."""
        blank = {squeezed(source), squeezed(_STUB_LINE.sub("", source)), ""}
        return cls(marker, cell_id, frozenset(digest(text) for text in blank), report)

    @property
    def is_text(self) -> bool:
        """Whether the answer is a text, which a person marks."""
        return self.marker.startswith("<!--")


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
    beside
        Texts that are not in their answer's cell, though cells of the student's own are beside it
        which may hold them: a person decides.
    too_long
        Tasks whose cell holds more code than is read.
    several
        Tasks whose answer was found in several cells, and in how many.
    origin
        From which release it was made, if the program that saved it kept that.
    """

    cells: list[ParsedCell]
    chosen: dict[str, int]
    claimed: frozenset[int]
    untouched: frozenset[str]
    notices: list[str]
    beside: frozenset[str] = frozenset()
    too_long: frozenset[str] = frozenset()
    several: Mapping[str, int] = field(default_factory=dict)
    origin: str = ""


def read_upload(
    content: bytes, stubs: Mapping[str, Stub], given: Collection[str] = ()
) -> ParsedUpload:
    """Find the answers to these tasks in uploaded bytes, about which nothing is taken for granted.

    Parameters
    ----------
    content
        The file's bytes.
    stubs
        The answer cells as they were released.
    given
        Digests of the other cells' text, as :func:`xaikit.handin.markers.digest` makes them: what
        else stands in the upload is the student's own.

    Raises
    ------
    BrokenUploadError
        If no notebook can be read from the bytes.
    """
    notices: list[str] = []
    read, origin = read_cells(content, notices, Typed(stubs))
    cells = _joined(read, set(stubs), notices)
    chosen: dict[str, int] = {}
    claimed: set[int] = set()
    too_long: set[str] = set()
    several: dict[str, int] = {}
    for task, stub in stubs.items():
        candidates = _candidates(cells, task, stubs)
        if any(cells[i].too_long for i in candidates):
            too_long.add(task)
            notices.append(
                f"The answer cell {task!r} holds more than {SOURCE_LIMIT} characters and was left "
                "out."
            )
            candidates = [i for i in candidates if not cells[i].too_long]
            if all(_is_untouched(cells[i], stub) for i in candidates):
                claimed.update(candidates)
                continue
        if not candidates:
            continue
        changed = [i for i in candidates if not _is_untouched(cells[i], stub)]
        chosen[task] = (changed or candidates)[-1]
        claimed.update(candidates)
        if len(candidates) > 1:
            several[task] = count = len(candidates)
            notices.append(
                f"The answer cell {task!r} was found {count} times; the last one that differs from "
                "the original counts."
            )
        if cells[chosen[task]].pasted:
            notices.append(
                f"Images pasted into the answer {task!r} were left out; a person who marks it "
                "finds them in the upload."
            )
    if missing := [task for task in stubs if task not in chosen and task not in too_long]:
        notices.append(_absent(missing, stubs))
    untouched = {task for task, i in chosen.items() if _is_untouched(cells[i], stubs[task])}
    known = {*given, *(text for stub in stubs.values() for text in stub.blank)}
    beside: set[str] = set()
    if given:
        own = [
            i not in claimed and bool(cell.squeezed) and not cell.among(known)
            for i, cell in enumerate(cells)
        ]
        beside = _take_texts_beside(cells, own, chosen, untouched, stubs, notices)
        untouched -= beside
        absent = {t for t, s in stubs.items() if s.is_text and t not in chosen}
        if any(mine and cells[i].kind != "code" for i, mine in enumerate(own)):
            beside |= absent
    beside |= {t for t in untouched if stubs[t].is_text and cells[chosen[t]].pasted}
    return ParsedUpload(
        cells,
        chosen,
        frozenset(claimed),
        frozenset(untouched - beside),
        notices,
        frozenset(beside),
        frozenset(too_long),
        several,
        origin,
    )


def _absent(tasks: Sequence[str], stubs: Mapping[str, Stub]) -> str:
    """Say of which tasks the answer cells were not found."""
    if len(tasks) == 1:
        return (
            f"The answer cell {tasks[0]!r} is not in the upload, or its first line "
            f"{stubs[tasks[0]].marker!r} was removed: this task could not be graded as you may "
            "have meant it."
        )
    return (
        f"{len(tasks)} answer cells are not in the upload, or their first lines, such as "
        f"{stubs[tasks[0]].marker!r}, were removed: these tasks could not be graded as you may "
        f"have meant them: {', '.join(tasks)}."
    )


def _take_texts_beside(
    cells: list[ParsedCell],
    own: list[bool],
    chosen: Mapping[str, int],
    untouched: Collection[str],
    stubs: Mapping[str, Stub],
    notices: list[str],
) -> set[str]:
    """Put the text of own cells beside an untouched text answer into it, and return these tasks.

    Those below it, or else directly above. Where the cells below hold code, a person looks, too.
    ``own`` says which cells are the student's; those that are taken no longer count.
    """
    found: set[str] = set()
    places = set(chosen.values())
    waiting = sorted((chosen[t], t) for t in untouched if stubs[t].is_text)
    for step in (1, -1):
        for position, task in waiting:
            around = []
            i = position + step
            while 0 <= i < len(cells) and (own[i] or (i not in places and not cells[i].squeezed)):
                around.append(i)
                i += step
            texts = [i for i in sorted(around) if own[i] and cells[i].kind != "code"]
            code = [i for i in around if own[i] and cells[i].kind == "code"]
            if task in found or not (texts or (code and step == 1)):
                continue
            found.add(task)
            if not texts:
                notices.append(
                    f"The answer cell {task!r} is as it was handed out, but code of your own "
                    "follows it: a person decides whether that is the answer."
                )
                continue
            text = "\n\n".join(cells[i].source for i in texts)
            source = f"{stubs[task].marker}\n{text[:SOURCE_LIMIT]}"
            cells[position] = replace(cells[position], source=source, squeezed=squeezed(source))
            for i in texts:
                own[i] = False
            notices.append(
                f"The answer cell {task!r} is as it was handed out; the text in your own cells "
                "beside it was taken as the answer, and a person decides."
            )
    return found


def _joined(cells: list[ParsedCell], tasks: set[str], notices: list[str]) -> list[ParsedCell]:
    """Join answer cells that were split: the parts keep the grade id, the first the marker."""
    groups: list[list[ParsedCell]] = []
    size = 0  # of the last group, in characters
    for cell in cells:
        first = groups[-1][0] if groups else None
        if (
            first is not None
            and cell.grade_id in tasks & first.markers
            and cell.grade_id == first.grade_id
            and not cell.markers
            and size <= SOURCE_LIMIT
        ):
            groups[-1].append(cell)
            size += 1 + len(cell.source)
        else:
            groups.append([cell])
            size = len(cell.source)
    return [_one(parts, notices) if len(parts) > 1 else parts[0] for parts in groups]


def _one(parts: list[ParsedCell], notices: list[str]) -> ParsedCell:
    """Return the one answer cell that these parts were."""
    source = "\n".join(part.source for part in parts)
    notices.append(f"The answer cell {parts[0].grade_id!r} was split; its parts were joined.")
    return replace(parts[0], source=source, squeezed=squeezed(source))


def _candidates(cells: list[ParsedCell], task: str, stubs: Mapping[str, Stub]) -> list[int]:
    """Return which cells may hold the task's answer.

    A cell with the grade id of another answer is that answer's, even if this one's marker was
    copied into it, unless nothing else holds this answer: two cells may have been merged. A copy
    that kept the grade id but not the marker is the student's own cell if the answer is elsewhere,
    and so is a cell that holds the marker further down, in a string perhaps.
    """
    marked: list[int] = []
    unmarked: list[int] = []
    inside: list[int] = []
    merged: list[int] = []
    by_id: list[int] = []
    for i, cell in enumerate(cells):
        if task in cell.markers:
            if cell.grade_id in stubs and cell.grade_id != task:
                merged.append(i)
            else:
                (marked if task in cell.on_top or cell.grade_id == task else inside).append(i)
        elif cell.grade_id == task:
            unmarked.append(i)
        elif (
            cell.cell_id == stubs[task].cell_id and cell.grade_id not in stubs and not cell.markers
        ):
            by_id.append(i)
    named = sorted(marked + unmarked)
    for candidates in (marked, named, sorted(named + inside), merged):
        if any(not _is_untouched(cells[i], stubs[task]) for i in candidates):
            return candidates
    return sorted(named + inside) or by_id


def _is_untouched(cell: ParsedCell, stub: Stub) -> bool:
    """Whether an answer is the stub, white space aside, or what is left of it says nothing."""
    return not cell.too_long and digest(cell.squeezed) in stub.blank

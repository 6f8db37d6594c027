"""What ``course.toml`` chooses of a notebook: sections, tasks, points.

The choice is made from the whole notebook, before anything is counted: numbers, points, time and
texts follow it. A choice that takes away what the rest needs is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from autograde.model.course import Course, Terms
from autograde.model.kinds import meant, meant_or_there
from autograde.model.records import points
from autograde.notebooks.cells import SourceError, called, grading, is_test
from autograde.notebooks.conditions import resolved
from autograde.notebooks.outline import Outline
from autograde.notebooks.times import durations, section_times
from xaikit.handin.names import defined, needed

_SCHEME = re.compile(r"=== BEGIN MARK SCHEME ===")
_RANGE = re.compile(r"(\d+)\s*[-–]\s*(\d+)")


@dataclass(frozen=True)
class Chosen:
    """A notebook's source as the course wants it.

    Attributes
    ----------
    cells, files
        The cells that are left, and for each the script in which it stands.
    positions
        Where each stands in the whole notebook.
    left_out
        The tasks that are left out.
    gone
        The templates that name a task or section which is left out: ``task.ID`` and the like.
    values
        What fills the templates that depend on the choice.
    times
        What fills ``{{ time }}`` in each of the chosen sections, in their order; empty if a section
        says no time.
    holds
        Says whether a condition of a text holds.
    """

    cells: list[NotebookNode]
    files: tuple[Path, ...]
    positions: tuple[int, ...]
    left_out: frozenset[str]
    gone: frozenset[str]
    values: Mapping[str, str]
    times: tuple[str, ...]
    holds: Callable[[str], bool]


def choose(
    whole: Outline,
    course: Course,
    name: str,
    needs: Mapping[str, Collection[str]],
    elsewhere: Callable[[str], bool],
) -> Chosen:
    """Return what the course chooses of a notebook.

    Parameters
    ----------
    whole
        The whole notebook.
    name
        The notebook's.
    needs
        For each task the grade ids of the given cells that its hidden calls need.
    elsewhere
        Says of other notebooks and their sections whether the course has them.

    Raises
    ------
    SourceError
        If it chooses what the notebook does not have, or leaves out what the rest needs; if a text
        has a condition that cannot be read.
    """
    terms = course.assignment(name)
    where = f"{course.file}: assignments.{name}"
    sections, mistakes = chosen_sections(whole, terms, where)
    mistakes += _unknown_tasks(whole, terms, sections, where)
    if mistakes:
        raise SourceError(*mistakes)
    tasks = {t for t, home in whole.homes.items() if home in sections} - {*terms.skip}
    if whole.homes and not tasks:
        raise SourceError(f"{where} leaves no task; choose one, or leave the notebook out.")
    kept, mistakes = _kept(whole, sections, tasks, needs, where)
    gone = {
        *(f"{kind}.{task}" for task in whole.homes.keys() - tasks for kind in _OF_A_TASK),
        *(f"section.{key}" for key, number in whole.names.items() if number not in sections),
    }
    holds = _Holds(whole, gone, elsewhere)
    cells, positions = [], []
    for position, source in kept.items():
        cell = deepcopy(whole.cells[position])
        here = f"{whole.files[position]}: {called(cell)}"
        try:
            cell.source = resolved(source, holds, here)
        except SourceError as error:
            mistakes += error.mistakes
        if cell.source.strip() or not source.strip():
            task = grading(cell)["grade_id"].removesuffix("-test")
            if task in terms.points and grading(cell)["grade"]:
                _give(cell, terms.points[task])
            cells.append(cell)
            positions.append(position)
    if mistakes:
        raise SourceError(*mistakes)
    return Chosen(
        cells,
        tuple(whole.files[position] for position in positions),
        tuple(positions),
        frozenset(whole.homes.keys() - tasks),
        frozenset(gone),
        durations(whole, sections, tasks, cells),
        section_times(whole, sections, tasks),
        holds,
    )


def _give(cell: NotebookNode, worth: float) -> None:
    """Let the graded cell of a task be worth this; a mark scheme says how to count then."""
    written = grading(cell).get("points")
    grading(cell)["points"] = worth
    if isinstance(written, int | float) and written > 0 and worth != written:
        mark = "#" if cell.cell_type == "code" else ""  # a scheme in code is a comment
        said = (
            f"Count as below, of {points(written)} points, and multiply by "
            f"{points(worth / written)}: here the answer is worth {points(worth)}."
        )
        lines = f"{mark} {said}".strip() + f"\n{mark}"
        cell.source = _SCHEME.sub(lambda begin: f"{begin[0]}\n{lines}", cell.source)


_OF_A_TASK = ("task", "points", "section")
"""The templates that name a task."""


class _Holds:
    """Whether a condition of a text holds."""

    def __init__(
        self, whole: Outline, gone: Collection[str], elsewhere: Callable[[str], bool]
    ) -> None:
        self._elsewhere = elsewhere
        tasks = (f"{kind}.{task}" for task in whole.homes for kind in _OF_A_TASK)
        self._known = {"whole", *tasks, *(f"section.{key}" for key in whole.names)}
        self._gone = {*gone, "whole"} if gone else gone

    def __call__(self, name: str) -> bool:
        if name.startswith("notebook."):
            return self._elsewhere(name)
        if name not in self._known:
            raise LookupError(
                "a condition is whole, task.ID, section.NAME or notebook.NAME, and this notebook "
                f"has no {name!r}{meant(name, self._known)}"
            )
        return name not in self._gone


def chosen_sections(whole: Outline, terms: Terms, where: str) -> tuple[set[int], list[str]]:
    """Return the numbers of the chosen sections, 0 for what is outside, and what is wrong."""
    every = {0, *(section.number for section in whole.sections)}
    core = {section.number for section in whole.sections if section.core}
    if terms.core and terms.sections is not None:
        return every, [f"{where} has sections and core = true; please keep one of the two."]
    if terms.core and not core:
        return every, [f"{where}.core: this notebook names no core path; choose its sections."]
    if terms.core:
        return {0, *core}, []
    if terms.sections is None:
        return every, []
    found, mistakes = {0}, []
    for entry in terms.sections:
        numbers = {*_numbers(whole, entry)}
        # What is no section, such as a summary, has a name as well: it is always there.
        if not numbers or not numbers <= (every if entry in whole.names else every - {0}):
            mistakes.append(f"{where}.sections: there is no section {entry!r}{_near(whole, entry)}")
        found |= numbers
    return found, mistakes


def _numbers(whole: Outline, entry: str) -> Iterator[int]:
    """Yield the sections that an entry of the list names: a number, a range or a name."""
    if entry.isdecimal():
        yield int(entry)
    elif match := _RANGE.fullmatch(entry):
        first, last = int(match[1]), int(match[2])
        yield from range(first, min(last, len(whole.sections) + 1) + 1)
    elif entry in whole.names:
        yield whole.names[entry]


def _near(whole: Outline, entry: str) -> str:
    """Return the end of a sentence about a section that there is not."""
    names = [name for name, number in whole.names.items() if number]
    near = meant(entry, names)
    count = len(whole.sections)
    if near != "." or not count:
        return near
    return f"; there are 1 to {count}, or by name {', '.join(names)}."


def _unknown_tasks(
    whole: Outline, terms: Terms, sections: Collection[int], where: str
) -> Iterator[str]:
    """Yield what is wrong with the tasks that the course names."""
    there = [task for task, home in whole.homes.items() if home in sections]
    for key, named in (("skip", terms.skip), ("points", terms.points)):
        for task in named:
            if task not in whole.homes:
                end = meant_or_there(task, whole.homes, there)
                yield f"{where}.{key}: there is no task {task!r}{end}"
            elif whole.homes[task] not in sections:
                yield (
                    f"{where}.{key} names the task {task!r}, which is left out with "
                    f"{whole.titled(whole.homes[task])}; please take it away."
                )
    for task in terms.points:
        if task in terms.skip:
            yield f"{where} skips the task {task!r} and gives it points; please keep one."


def _kept(
    whole: Outline,
    sections: Collection[int],
    tasks: Collection[str],
    needs: Mapping[str, Collection[str]],
    where: str,
) -> tuple[dict[int, str], list[str]]:
    """Return the cells that are left with what is left of them, and what is missing then."""
    kept: dict[int, str] = {}
    spared: set[int] = set()  # given cells among those of a task that is left out
    for part in whole.parts:
        if part.section not in sections:
            continue
        if part.task in whole.homes and part.task not in tasks:
            if _is_given(whole.cells[part.cell]):
                spared.add(part.cell)
            continue
        before = f"{kept[part.cell]}\n" if part.cell in kept else ""
        kept[part.cell] = before + part.text
    while True:
        missing = [*_missing(whole, kept, tasks, needs)]
        again = {provider for provider, _, _ in missing} & spared - kept.keys()
        if not again:
            break
        for position in again:
            kept[position] = whole.cells[position].source
    homes = {part.cell: part.section for part in whole.parts}
    said: dict[tuple[int, int], str] = {}  # a sentence for two sections, of the first such name
    for provider, position, what in missing:
        cell, needing = whole.cells[provider], whole.cells[position]
        home = whole.titled(homes[position]) if homes[position] else "the rest"
        said.setdefault(
            (homes[provider], homes[position]),
            f"{where} leaves out {whole.titled(homes[provider])}, whose {called(cell)} defines "
            f"{what}; {home} needs that in {called(needing)}: choose section {homes[provider]}, "
            f"too{_or_leave(homes[position])}.",
        )
    return dict(sorted(kept.items())), list(said.values())


def _or_leave(section: int) -> str:
    return f", or leave out section {section}" if section else ""


def _missing(
    whole: Outline,
    kept: Collection[int],
    tasks: Collection[str],
    needs: Mapping[str, Collection[str]],
) -> Iterator[tuple[int, int, str]]:
    """Yield the given cell that is left out, the cell that needs it, and what it needs of it."""
    latest: dict[str, int] = {}
    ids = {grading(cell)["grade_id"]: at for at, cell in enumerate(whole.cells)}
    for position, cell in enumerate(whole.cells):
        if cell.cell_type != "code":
            continue
        meta = grading(cell)
        own = _defined(whole.cells[position - 1].source) if is_test(meta) else frozenset()
        if position in kept:
            for name in sorted((needed(cell.source) or frozenset()) - own):
                if name in latest and latest[name] not in kept:
                    yield latest[name], position, f"`{name}`"
            if meta["grade_id"] in tasks:
                for need in needs.get(meta["grade_id"], ()):
                    if need in ids and ids[need] not in kept:
                        yield ids[need], position, f"what its hidden check calls it with ({need})"
        if _is_given(cell):
            latest |= dict.fromkeys(_defined(cell.source), position)


def _is_given(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and not (grading(cell)["solution"] or grading(cell)["grade"])


def _defined(source: str) -> frozenset[str]:
    try:
        return defined(source)
    except SyntaxError:  # it has a magic, or release says what is wrong
        return frozenset()


def described(terms: Terms, left_out: Collection[str]) -> str:
    """Return in words what the course changes about a notebook; empty if it changes nothing."""
    said = []
    if terms.core:
        said.append("the core path")
    elif terms.sections is not None:
        said.append(f"sections {', '.join(terms.sections)}")
    if left_out:
        said.append(f"{len(left_out)} task{'' if len(left_out) == 1 else 's'} left out")
    worth = [f"{task} {points(value)}" for task, value in terms.points.items()]
    if worth:
        said.append(f"points of its own for {', '.join(worth)}")
    return "; ".join(said)

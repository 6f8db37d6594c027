"""Marks written into a platform's sheet, and what has to be said about them before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from autograde.lms.numbers import Numbers
from autograde.lms.sheets import ExportError, Sheet
from autograde.model.records import Mark
from autograde.safety.sanitize import clean_line

_NO_MARK = frozenset({"", "-", "–", "—"})


@dataclass(frozen=True)
class Slot:
    """The cell of one mark.

    Attributes
    ----------
    mark
        What is to stand there.
    row, column
        Where that is.
    maximum
        What the platform gives at most, as its file says; empty if it does not say.
    kept
        Why the cell stays as it is, as a clause; empty if it is to be filled.
    """

    mark: Mark
    row: int
    column: int
    maximum: str
    kept: str = ""


@dataclass(frozen=True)
class Filled:
    """A sheet with marks in it, and a sentence about each thing that deserves one."""

    sheet: Sheet
    notes: tuple[str, ...] = ()


def maximum_of(cell: str, numbers: Numbers, sheet: Sheet, column: int) -> float | None:
    """Return a platform's maximum; None if the cell is no number.

    Raises
    ------
    ExportError
        If the cell may mean two numbers.
    """
    found = numbers.readings(cell)
    if len(found) > 1:
        raise ExportError(
            f"The maximum {cell.strip()!r} in the column {sheet.header[column]!r} of {sheet.file} "
            f"may be {found[0]:g} or {found[1]:g}: download the file again, or write the maximum "
            "with two decimals."
        )
    return found[0] if found else None


def fill(sheet: Sheet, slots: Sequence[Slot], numbers: Numbers) -> Filled:
    """Return the sheet with marks in their cells, scaled to what the platform gives at most.

    A cell that holds the same number already stays as it is. A mark that was there before is
    replaced; the notes count these, and name those that become lower.

    Raises
    ------
    ExportError
        If a maximum may mean two numbers.
    """
    cells: dict[tuple[int, int], str] = {}
    kept: dict[str, list[str]] = defaultdict(list)
    replaced, lower, above = 0, [], []
    for slot in slots:
        mark, name = slot.mark, clean_line(slot.mark.student)
        if slot.kept:
            kept[slot.kept].append(name)
            continue
        most = maximum_of(slot.maximum, numbers, sheet, slot.column)
        share = mark.score / mark.max_score if mark.max_score > 0 else 0.0
        text = numbers.written(share * most if most and mark.max_score > 0 else mark.score)
        old = sheet.rows[slot.row][slot.column].strip()
        readings, (new,) = numbers.readings(old), numbers.readings(text)[:1]
        if readings == (new,):
            continue
        if old not in _NO_MARK:
            replaced += 1
            if len(readings) != 1 or new < readings[0]:
                lower.append(f"{name} ({clean_line(old)} by {text})")
        if most and new > most:
            above.append(f"{name} ({text} of {slot.maximum.strip()})")
        cells[slot.row, slot.column] = text
    notes = [f"left as it is, for {why}: {_listed(names)}" for why, names in kept.items()]
    if replaced:
        count = (
            "1 mark that was there is" if replaced == 1 else f"{replaced} marks that were there are"
        )
        worse = (
            f", {len(lower)} of them by one that is not higher: {_listed(lower)}" if lower else ""
        )
        notes.append(f"{count} replaced{worse}")
    if above:
        notes.append(f"above the maximum, which the platform may refuse: {_listed(above)}")
    return Filled(sheet.filled(cells), tuple(notes))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(dict.fromkeys(names)))

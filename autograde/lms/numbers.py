"""Numbers as a learning platform's file writes them: with decimal commas, with thousands apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from autograde.model.records import points

# What may divide thousands besides point and comma: blanks of several widths, apostrophes.
_GAPS = " '’\u00a0\u2009\u202f"
# India writes 1,00,000: only the last group has three digits everywhere.
_GROUPED = re.compile(rf"[1-9]\d{{0,2}}(?:(?P<gap>[.,{_GAPS}])\d{{2,3}}(?:(?P=gap)\d{{2,3}})*)")
_LAST_GROUP = re.compile(r"(?<!\d)\d{3}$")
_OTHER = {".": ",", ",": "."}


class Numbers:
    """How one file writes numbers: with which decimal mark.

    Parameters
    ----------
    cells
        Groups of cells, the most telling first. The first group in which a number shows its decimal
        mark beyond doubt (``12,5`` or ``1.000,00``, unlike ``1.000``) decides.
    """

    def __init__(self, *cells: Iterable[str]) -> None:
        self.decimal: str | None = None
        for group in cells:
            marks = {mark for cell in group if (mark := _shown_mark(cell))}
            if marks:
                self.decimal = marks.pop() if len(marks) == 1 else None
                break

    def readings(self, cell: str) -> tuple[float, ...]:
        """Return what number a cell may mean: none, one, or two (``1.000``) if that is open."""
        found = list(_readings(cell))
        fitting = [value for value, mark in found if mark in (None, self.decimal)]
        return tuple(fitting or (value for value, _ in found))

    def written(self, value: float) -> str:
        """Return a number as the file writes it: at most two decimals, which platforms show."""
        text = points(round(value, 2))
        return text.replace(".", ",") if self.decimal == "," else text


def _readings(cell: str) -> Iterator[tuple[float, str | None]]:
    """Yield each number that a cell may mean, and the decimal mark that this supposes."""
    text = cell.strip()
    sign, text = (-1.0 if text.startswith("-") else 1.0), text.lstrip("+-")
    for mark in (".", ","):
        whole, _, part = text.partition(mark)
        if part.isdecimal() and (whole.isdecimal() or _gap(whole) not in (None, mark)):
            yield sign * float(f"{_digits(whole)}.{part}"), mark
    if text.isdecimal():
        yield sign * float(text), None
    elif gap := _gap(text):
        yield sign * float(_digits(text)), _OTHER.get(gap)


def _gap(text: str) -> str | None:
    """Return what divides the thousands of a number without decimals; None if it is none such."""
    match = _GROUPED.fullmatch(text)
    return match["gap"] if match and _LAST_GROUP.search(text) else None


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdecimal())


def _shown_mark(cell: str) -> str | None:
    found = list(_readings(cell))
    return found[0][1] if len(found) == 1 else None

"""Canvas: its archive of submissions, and its gradebook's CSV file, filled in.

The archive is that of ``lib/content_zipper.rb``: ``NAME[_LATE]_USER_FILE_ORIGINAL``, where NAME is
the sortable name ("Lovelace, Ada") in lower case without anything but letters, and ``anon_CODE``
takes the place of name and user in anonymous grading. ORIGINAL ends in ``-1``, ``-2``, … where the
student handed in a file of the same name before.

The gradebook's shape is that of ``lib/gradebook_exporter.rb``, read back by
``lib/gradebook_importer.rb``: a header of who the student is up to ``Section``, own columns, a
column ``TITLE (NUMBER)`` for each assignment, and totals; perhaps a row that says which are posted
by hand; a row ``Points Possible``; then the students. The importer matches them by ``ID`` and
takes columns that are missing for unchanged, so only the columns that are filled in are written:
nobody's other marks are touched. Header and row titles are English in every language, and the
importer takes no others; numbers, the separator and ``(read only)`` are in the user's language.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from autograde.lms.filling import Filled, Slot, fill
from autograde.lms.names import Pairs, Person, letters, pair
from autograde.lms.numbers import Numbers
from autograde.lms.platform import Entry, Handed, packed
from autograde.lms.sheets import ExportError, Sheet
from autograde.model.records import Mark

_WHERE = "the gradebook that Canvas lets you export, whose header is English in every language"
_ABOUT = (
    "Student",
    "LastName",
    "FirstName",
    "ID",
    "SIS User ID",
    "SIS Login ID",
    "Integration ID",
    "Root Account",
    "Section",
)
_TOTAL = re.compile(r"\b(Current|Final|Override) (Score|Points|Grade|Status)\b")
_TITLE_NUMBER = re.compile(r" \(\d+\)$")
_PACKED = re.compile(
    r"(?:(?:(?P<anonymous_late>LATE)_)?anon_(?P<code>[A-Za-z0-9]{5})"
    r"|(?P<name>\w+?)(?:_(?P<late>LATE))?_(?P<user>\d+))"
    r"_(?P<file>\d{1,18})_(?P<original>.+)"
)
_AGAIN = re.compile(r"-\d+$")
_FORMULA_NAME = re.compile(r'="(.*)"')  # what Canvas makes of a name that begins with "="
_KEPT = {
    "EX": "Canvas excuses the student",
    "N/A": "Canvas gives the assignment to others, or hides whose work it is",
}


class Canvas:
    """Canvas: its archive of submissions and its gradebook."""

    name = "canvas"
    title = "Canvas"
    worksheet = "the gradebook (Grades, Export, Export entire gradebook)"
    lateness = "late is what Canvas calls late, by an unknown time."
    one_assignment = False
    takes_feedback = False

    def entries(self, found: Sequence[Entry]) -> list[Entry] | None:
        """Return the archive's files if Canvas packed them, else None."""
        return packed(found, _PACKED.fullmatch)

    def handed_in(self, entry: Entry, assignments: Sequence[str]) -> Handed | None:
        """Return what a file is by the name that Canvas gave it, or None."""
        match = _PACKED.fullmatch(entry.parts[0])
        if match is None:
            return None
        original = Path(match["original"])
        if original.stem not in assignments:
            original = original.with_name(_AGAIN.sub("", original.stem) + original.suffix)
        return Handed(
            entry.index,
            match["name"] or f"anon {match['code']}",
            match["user"] or "",
            # Of an archive that was unpacked by hand, the archives in it may be folders.
            "/".join((original.name, *entry.parts[1:])),
            late=bool(match["late"] or match["anonymous_late"]),
            order=int(match["file"]),  # Canvas counts files upwards
        )

    def pairs(self, sheet: Sheet, students: Collection[str]) -> Pairs:
        """Return whose row is which.

        Raises
        ------
        ExportError
            If the sheet is no gradebook.
        """
        identity = sheet.column("ID", _WHERE)
        sheet.column("Section", _WHERE)
        return pair(students, [_person(sheet, row, identity) for row in sheet.rows])

    def filled(
        self, sheet: Sheet, pairs: Pairs, marks: Sequence[Mark], column: str | None
    ) -> Filled:
        """Return what Canvas can import: who the students are, and these marks.

        Excused students (``EX``) stay so. The title in Canvas may come with or without its
        number; by default it is the one that is called like the notebook.

        Raises
        ------
        ExportError
            If the sheet has no column for an assignment, or Canvas lets nobody change it.
        """
        about = [i for i in map(sheet.find, _ABOUT) if i is not None]
        maxima = _points_possible(sheet)
        beside = range(max(about) + 1, len(sheet.header))
        numbers = Numbers(maxima, (row[i] for row in sheet.rows for i in beside))
        assignments = sorted({mark.assignment for mark in marks})
        read_only = [i for i in beside if maxima[i].strip() and not numbers.readings(maxima[i])]
        places = {name: _column(name, column, sheet, beside, read_only) for name in assignments}
        slots = [
            Slot(
                mark,
                row,
                place,
                maxima[place],
                _KEPT.get(sheet.rows[row][place].strip().upper(), ""),
            )
            for mark in marks
            for row in pairs.rows.get(mark.student, ())
            for place in (places[mark.assignment],)
        ]
        filled = fill(sheet, slots, numbers)
        return Filled(filled.sheet.only([*about, *places.values()]), filled.notes)

    def write(
        self,
        filled: Sheet,
        pairs: Pairs,
        pages: Mapping[int, Mapping[str, Path]],
        assignments: Sequence[str],
        folder: Path,
    ) -> list[Path]:
        """Write the gradebook; Canvas takes no archive of feedback."""
        filled.write(folder / "canvas.csv")
        return [folder / "canvas.csv"]


def _person(sheet: Sheet, row: Sequence[str], identity: int) -> Person:
    number = row[identity].strip()
    if not number:  # a row above the students
        return Person("")
    at: Mapping[str, int] = {name: i for name in _ABOUT[:-1] if (i := sheet.find(name)) is not None}
    name = row[at["Student"]] if "Student" in at else ""
    if "LastName" in at and "FirstName" in at:
        name = f"{row[at['LastName']]}, {row[at['FirstName']]}"
    others = [row[at[n]].strip() for n in ("SIS User ID", "SIS Login ID") if n in at]
    return Person(_FORMULA_NAME.sub(r"\1", name.strip()), number, (number, *others))


def _points_possible(sheet: Sheet) -> Sequence[str]:
    """Return the row of the maxima; empty cells if there is none.

    It is the one that Canvas calls so; translated by somebody, it is the last one with a title
    and without a student.
    """
    above = [row for row in sheet.rows if row[0].strip() and not row[sheet.column("ID", _WHERE)]]
    called = [row for row in above if row[0].strip() == "Points Possible"]
    return (called or above or [[""] * len(sheet.header)])[-1]


def _column(
    assignment: str,
    wanted: str | None,
    sheet: Sheet,
    beside: Sequence[int],
    read_only: Collection[int],
) -> int:
    """Return which column is the assignment's."""
    titles = {
        i: title
        for i, title in enumerate(sheet.header)
        if i in beside and title.strip() and not _TOTAL.search(title)
    }
    # 01_theory may well be called "Theory" there.
    names = {letters(wanted or assignment)}
    if wanted is None:
        names.add(letters(re.sub(r"^\d+", "", assignment)))
    found = [
        i
        for i, title in titles.items()
        if title == wanted or letters(_TITLE_NUMBER.sub("", title)) in names
    ]
    found = [i for i in found if i not in read_only] or found
    if wanted is None:  # an own column has no number
        found = [i for i in found if _TITLE_NUMBER.search(titles[i])] or found
    exact = [i for i in found if titles[i] == wanted]
    if len(exact or found) != 1:
        raise ExportError(
            f"{sheet.file} has {'several columns' if found else 'no column'} for "
            f"{wanted or assignment}: say which one is meant with --assignment {assignment} "
            f"--column TITLE, one of {', '.join(titles.values()) or 'none at all'}."
        )
    (place,) = exact or found
    if place in read_only:
        raise ExportError(
            f"Canvas lets nobody change the column {titles[place]!r} of {sheet.file}: say which "
            f"other one is meant with --assignment {assignment} --column TITLE."
        )
    return place

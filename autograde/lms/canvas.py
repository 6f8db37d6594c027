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
nobody's other marks are touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from autograde.lms.names import Pairs, Person, letters, pair
from autograde.lms.platform import Entry, Handed, packed
from autograde.lms.sheets import ExportError, Sheet, scaled
from autograde.model.records import Mark

_WHERE = "the gradebook that Canvas, set to English, lets you export"
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


class Canvas:
    """Canvas: its archive of submissions and its gradebook."""

    name = "canvas"
    title = "Canvas"
    worksheet = "the gradebook (Grades, Export, Export entire gradebook)"
    lateness = "late is what Canvas calls late, by an unknown time."
    one_assignment = False

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

    def filled(
        self, sheet: Sheet, marks: Sequence[Mark], column: str | None
    ) -> tuple[Sheet, Pairs]:
        """Return what Canvas can import: who the students are, and these marks.

        Excused students (``EX``) stay so. The title in Canvas may come with or without its
        number; by default it is the one that is called like the notebook.

        Raises
        ------
        ExportError
            If the sheet is no gradebook, or has no column for an assignment.
        """
        identity = sheet.column("ID", _WHERE)
        sheet.column("Section", _WHERE)
        about = [i for i in map(sheet.find, _ABOUT) if i is not None]
        assignments = sorted({mark.assignment for mark in marks})
        places = {name: _column(name, column, sheet, about) for name in assignments}
        students = [i for i, row in enumerate(sheet.rows) if row[identity].strip()]
        maxima = next((row for row in sheet.rows if row[0].strip() == "Points Possible"), None)
        people = [_person(sheet, sheet.rows[i], identity) for i in students]
        pairs = pair(dict.fromkeys(mark.student for mark in marks), people)
        rows = [list(row) for row in sheet.rows]
        for mark in marks:
            if mark.student not in pairs.rows:
                continue
            row, place = rows[students[pairs.rows[mark.student]]], places[mark.assignment]
            if row[place].strip().upper() != "EX":
                row[place] = scaled(mark.score, mark.max_score, maxima[place] if maxima else "")
        return replace(sheet, rows=rows).only([*about, *places.values()]), pairs

    def write(
        self,
        sheet: Sheet,
        pairs: Pairs,
        marks: Sequence[Mark],
        page_of: Callable[[Mark], Path],
        assignments: Sequence[str],
        folder: Path,
    ) -> list[Path]:
        """Write the gradebook; Canvas takes no archive of feedback."""
        sheet.write(folder / "canvas.csv")
        return [folder / "canvas.csv"]


def _person(sheet: Sheet, row: Sequence[str], identity: int) -> Person:
    at: Mapping[str, int] = {name: i for name in _ABOUT[:-1] if (i := sheet.find(name)) is not None}
    name = row[at["Student"]] if "Student" in at else ""
    if "LastName" in at and "FirstName" in at:
        name = f"{row[at['LastName']]}, {row[at['FirstName']]}"
    others = [row[at[n]].strip() for n in ("SIS User ID", "SIS Login ID") if n in at]
    number = row[identity].strip()
    return Person(name.strip(), number, (number, *others))


def _column(assignment: str, wanted: str | None, sheet: Sheet, about: Sequence[int]) -> int:
    """Return which column is the assignment's."""
    titles = {
        i: title
        for i, title in enumerate(sheet.header)
        if i > max(about) and title.strip() and not _TOTAL.search(title)
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
    exact = [i for i in found if titles[i] == wanted]
    if len(exact or found) != 1:
        raise ExportError(
            f"{sheet.file} has {'several columns' if found else 'no column'} for "
            f"{wanted or assignment}: say which one is meant with --assignment {assignment} "
            f"--column TITLE, one of {', '.join(titles.values()) or 'none at all'}."
        )
    return (exact or found)[0]

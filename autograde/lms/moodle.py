"""Moodle's assignment: its archive of submissions, the grading worksheet, the archive of feedback.

The archive of submissions is that of ``mod/assign/classes/downloader.php`` (before 4.1 in
``mod/assign/locallib.php``): a prefix ``NAME_NUMBER`` in which blanks stand for the underscores of
the name, then ``_assignsubmission_file``; with "Download submissions in folders" that is a folder
(until 4.0 with one more underscore at its end), else the file's name follows after an underscore.
Blind marking writes ``Participant`` for the name, team submissions the group's name and number.

Marks and feedback have the shapes that Moodle writes and reads. The worksheet's columns are those
of ``gradingtable.php``, of which ``feedback/offline/importgradeslib.php`` reads the identifier,
the grade and the time of the last change; a mark above the maximum or of somebody whose grade is
locked is passed over. A feedback file is found by its folder, ``NAME_NUMBER_TYPE_PLUGIN_``, of
which ``feedback/file/importziplib.php`` reads the number (the one that ends the worksheet's
identifier) and then takes the rest of the path as the file's name.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from autograde.lms.filling import Filled, Slot, fill, maximum_of
from autograde.lms.names import Pairs, Person, letters, pair
from autograde.lms.numbers import Numbers
from autograde.lms.platform import Entry, Handed, packed
from autograde.lms.sheets import ExportError, Sheet
from autograde.lms.worksheet import Columns, find_columns, locked, on_a_scale
from autograde.model.records import Mark
from autograde.safety.files import replacing
from autograde.safety.sanitize import safe_name

_IDENTIFIER = re.compile(r"(.*?)\s*(\d+)\s*", re.DOTALL)
_PACKED = re.compile(
    r"(?P<name>[^_]+)(?:_(?P<number>\d+))?_assignsubmission_(?P<kind>[a-z0-9]+)(?:_(?P<rest>.*))?"
)


class Moodle:
    """Moodle's assignment: its archive of submissions, its worksheet, its archive of feedback."""

    name = "moodle"
    title = "Moodle"
    worksheet = "the grading worksheet (in the assignment: Submissions, Download grading worksheet)"
    lateness = "nothing counts as late; let Moodle itself deal with late submissions."
    one_assignment = True
    takes_feedback = True

    def entries(self, found: Sequence[Entry]) -> list[Entry] | None:
        """Return the archive's files if Moodle packed them, else None."""
        return packed(found, _PACKED.fullmatch)

    def handed_in(self, entry: Entry, assignments: Sequence[str]) -> Handed | None:
        """Return what a file is by the name that Moodle gave it, or None."""
        match = _PACKED.fullmatch(entry.parts[0])
        if match is None or match["kind"] != "file":
            return None
        inner = [part for part in (match["rest"], *entry.parts[1:]) if part]
        if not inner:
            return None
        return Handed(entry.index, match["name"].strip(), match["number"] or "", "/".join(inner))

    def pairs(self, sheet: Sheet, students: Collection[str]) -> Pairs:
        """Return whose row is which; a team has the rows of all its members.

        Raises
        ------
        ExportError
            If the sheet is no grading worksheet, or leaves open which column is which.
        """
        columns = find_columns(sheet, students)
        people = _people(sheet, columns)
        pairs = pair(students, people)
        for student in [*pairs.without]:
            if rows := _team(student, sheet, columns, people):
                pairs.rows[student] = rows
                pairs.without.remove(student)
        claims = Counter(row for rows in pairs.rows.values() for row in rows)
        for student, rows in [*pairs.rows.items()]:
            own = tuple(row for row in rows if claims[row] == 1)
            if own != rows:  # handed in twice: with a team, and alone
                pairs.unclear.append(student)
                pairs.rows[student] = own
        return pairs

    def filled(
        self, sheet: Sheet, pairs: Pairs, marks: Sequence[Mark], column: str | None
    ) -> Filled:
        """Return the grading worksheet with these marks in its column of grades.

        The marks are of one assignment. Other cells, and the rows that Moodle would not change,
        stay as they are.

        Raises
        ------
        ExportError
            If the worksheet takes no points.
        """
        columns = find_columns(sheet, {*pairs.rows, *pairs.without, *pairs.unclear})
        grade, maximum, changeable = columns.grade, columns.maximum, columns.changeable
        maxima = ["" if maximum is None else row[maximum] for row in sheet.rows]
        numbers = Numbers(maxima, (row[grade] for row in sheet.rows))
        slots = []
        for mark in marks:
            for row in pairs.rows.get(mark.student, ()):
                fixed = changeable is not None and locked(sheet.rows[row][changeable])
                why = "Moodle does not let it be changed" if fixed else ""
                # The maximum is the assignment's, so that of any row is that of all.
                most = next((cell for cell in (maxima[row], *maxima) if cell.strip()), "")
                if maximum is not None and not maximum_of(most, numbers, sheet, maximum):
                    raise on_a_scale(sheet, maximum)
                slots.append(Slot(mark, row, grade, most, why))
        filled = fill(sheet, slots, numbers)
        return replace(filled, notes=(*_remarks(sheet, columns), *filled.notes))

    def write(
        self,
        filled: Sheet,
        pairs: Pairs,
        pages: Mapping[int, Mapping[str, Path]],
        assignments: Sequence[str],
        folder: Path,
    ) -> list[Path]:
        """Write the worksheet and, if there are pages, Moodle's archive of feedback files."""
        (assignment,) = assignments
        table = folder / f"moodle-{assignment}.csv"
        archive = folder / f"moodle-{assignment}-feedback.zip"
        if not pages:
            filled.write(table)
            archive.unlink(missing_ok=True)  # of an earlier export
            return [table]
        files = {
            f"{_folder(pairs.people[row])}/{name}.html": page
            for row, own in pages.items()
            for name, page in own.items()
        }
        with replacing(archive) as file:
            _pack(files, file)
            filled.write(table)
        return [table, archive]


def _pack(files: Mapping[str, Path], target: BinaryIO) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, page in sorted(files.items()):
            # Without a time, so that the same feedback is the same archive.
            info = zipfile.ZipInfo(member)
            info.external_attr = 0o644 << 16
            archive.writestr(info, page.read_bytes(), zipfile.ZIP_DEFLATED)


def _remarks(sheet: Sheet, columns: Columns) -> list[str]:
    remarks = []
    if columns.guessed:
        listed = ", ".join(columns.guessed)
        remarks.append(f"columns with unknown titles, taken by what they hold: {listed}")
    if columns.maximum is None:
        remarks.append(f"{sheet.file} has no column of the maximum, so marks are not scaled to it")
    if sheet.encoding != "utf-8":
        remarks.append(f"{sheet.file} is in UTF-16: choose this encoding when you upload it")
    return remarks


def _people(sheet: Sheet, columns: Columns) -> list[Person]:
    def person(row: Sequence[str]) -> Person:
        identifier = row[columns.identifier].strip()
        word, number = _divided(identifier)
        # Blind marking calls everybody by the word of the identifiers, "Participant".
        name = word if columns.name is None else row[columns.name].strip()
        others = (row[i].strip() for i in columns.others)
        return Person(name, number, (identifier, *others))

    return [person(row) for row in sheet.rows]


def _team(
    student: str, sheet: Sheet, columns: Columns, people: Sequence[Person]
) -> tuple[int, ...]:
    """Return the rows of a team, or of one whom Moodle before 4.1 calls "TEAM-NAME"."""
    between = range(columns.identifier + 1, columns.grade)
    places = [columns.team] if columns.team is not None else between
    found = [
        rows
        for place in places
        if (rows := _rows_with(student, sheet, place)) and place != columns.name
    ]
    if len(found) == 1:
        return found[0]
    for i, character in enumerate(student):
        if character == "-" and (one := pair([student[i + 1 :].strip()], people).rows):
            rows = next(iter(one.values()))
            if columns.team is None or rows == tuple(
                row for row in _rows_with(student[:i], sheet, columns.team) if row in rows
            ):
                return rows
    return ()


def _rows_with(team: str, sheet: Sheet, column: int) -> tuple[int, ...]:
    """Return the rows of a team; Moodle drops some characters of its name from file names."""
    rows = enumerate(sheet.rows)
    return tuple(i for i, row in rows if letters(row[column]) == letters(team) != "")


def _divided(identifier: str) -> tuple[str, str]:
    """Return the word and the number of an identifier such as ``Participant 2001``."""
    match = _IDENTIFIER.fullmatch(identifier)
    return (match[1], match[2]) if match else ("", "")


def _folder(person: Person) -> str:
    if not person.number:
        raise ExportError(f"{person.others[0]!r} is no identifier of Moodle: it ends in a number.")
    # Underscores divide the parts; the last one is what Moodle before 4.1 needs.
    shown = safe_name(person.name.replace("/", "")).replace("_", " ")
    return f"{shown}_{person.number}_assignsubmission_file_"

"""Moodle's assignment: its archive of submissions, the grading worksheet, the archive of feedback.

The archive of submissions is that of ``mod/assign/classes/downloader.php`` (before 4.1 in
``mod/assign/locallib.php``): a prefix ``NAME_NUMBER`` in which blanks stand for the underscores of
the name, then ``_assignsubmission_file``; with "Download submissions in folders" that is a folder
(until 4.0 with one more underscore at its end), else the file's name follows after an underscore.
Blind marking writes ``Participant`` for the name, team submissions the group's name and number.

Marks and feedback have the shapes that Moodle writes and reads: the worksheet's columns
are those of ``gradingtable.php``, of which ``feedback/offline/importgradeslib.php`` reads
``Identifier``, ``Grade`` and the time of the last change; a feedback file is found by its folder,
``NAME_NUMBER_TYPE_PLUGIN_``, of which ``feedback/file/importziplib.php`` reads the number (the
one that ends the worksheet's identifier) and then takes the rest of the path as the file's name.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from autograde.lms.names import Pairs, Person, pair
from autograde.lms.platform import Entry, Handed, packed
from autograde.lms.sheets import ExportError, Sheet, scaled
from autograde.model.records import Mark
from autograde.safety.sanitize import safe_name

_WHERE = "the grading worksheet that Moodle, set to English, lets you download"
_OTHERS = ("Identifier", "ID number", "Username", "Email address")


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

    def filled(
        self, sheet: Sheet, marks: Sequence[Mark], column: str | None
    ) -> tuple[Sheet, Pairs]:
        """Return the grading worksheet with these marks in its column ``Grade``.

        The marks are of one assignment; a team's may stand under the team's name. Other cells
        stay as they are.

        Raises
        ------
        ExportError
            If the sheet is no grading worksheet.
        """
        identifier = sheet.column("Identifier", _WHERE)
        grade = sheet.column("Grade", _WHERE)
        maximum, team = sheet.find("Maximum grade"), sheet.find("Group")
        pairs = pair([mark.student for mark in marks], _people(sheet, identifier))
        rows = [list(row) for row in sheet.rows]
        for mark in marks:
            places = [pairs.rows[mark.student]] if mark.student in pairs.rows else []
            if mark.student in pairs.without and team is not None:
                places = [i for i, row in enumerate(rows) if row[team].strip() == mark.student]
                if places:
                    pairs.without.remove(mark.student)
            for i in places:
                most = "" if maximum is None else rows[i][maximum]
                rows[i][grade] = scaled(mark.score, mark.max_score, most)
        return replace(sheet, rows=rows), pairs

    def write(
        self,
        sheet: Sheet,
        pairs: Pairs,
        marks: Sequence[Mark],
        page_of: Callable[[Mark], Path],
        assignments: Sequence[str],
        folder: Path,
    ) -> list[Path]:
        """Write the worksheet and Moodle's archive of feedback files."""
        (assignment,) = assignments
        table = folder / f"moodle-{assignment}.csv"
        archive = folder / f"moodle-{assignment}-feedback.zip"
        sheet.write(table)
        _write_feedback(sheet, pairs, marks, page_of, archive)
        return [table, archive]


def _write_feedback(
    sheet: Sheet,
    pairs: Pairs,
    marks: Sequence[Mark],
    page_of: Callable[[Mark], Path],
    path: Path,
) -> None:
    identifier, name = sheet.column("Identifier", _WHERE), sheet.find("Full name")
    files: Mapping[str, Path] = {
        f"{_prefix(sheet.rows[pairs.rows[m.student]], identifier, name)}/{m.assignment}.html": page
        for m in marks
        if m.student in pairs.rows and (page := page_of(m)).is_file()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, page in sorted(files.items()):
            # Without a time, so that the same feedback is the same archive.
            info = zipfile.ZipInfo(member)
            info.external_attr = 0o644 << 16
            archive.writestr(info, page.read_bytes(), zipfile.ZIP_DEFLATED)
    part.replace(path)


def _people(sheet: Sheet, identifier: int) -> list[Person]:
    name = sheet.find("Full name")
    others = [i for i in map(sheet.find, _OTHERS) if i is not None]
    return [
        Person(
            name="Participant" if name is None else row[name].strip(),
            number=_number(row[identifier]),
            others=tuple(row[i].strip() for i in others),
        )
        for row in sheet.rows
    ]


def _number(identifier: str) -> str:
    match = re.search(r"(\d+)\s*$", identifier)
    return match[1] if match else ""


def _prefix(row: Sequence[str], identifier: int, name: int | None) -> str:
    number = _number(row[identifier])
    if not number:
        raise ExportError(f"{row[identifier]!r} is no identifier of Moodle: it ends in a number.")
    shown = "Participant" if name is None else safe_name(row[name])
    # Underscores divide the parts; the last one is what Moodle before 4.1 needs.
    return f"{shown.replace('_', ' ')}_{number}_assignsubmission_file_"

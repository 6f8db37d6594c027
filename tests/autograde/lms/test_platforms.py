"""A learning management system is one module and one line of the registry."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest

from autograde.commands.export import export, formats
from autograde.intake.submissions import find
from autograde.lms import registry
from autograde.lms.filling import Filled, Slot, fill
from autograde.lms.names import Pairs, Person, pair
from autograde.lms.numbers import Numbers
from autograde.lms.platform import Entry, Handed
from autograde.lms.sheets import ExportError, Sheet
from autograde.model.course import Course
from autograde.model.records import Mark

OWN = Path(registry.__file__).parents[1]


class Ilias:
    """A third one, made up for this test: ``TEAM@NUMBER/FILE`` and a table with two columns."""

    name = "ilias"
    title = "ILIAS"
    worksheet = "the list of members"
    lateness = "nothing counts as late."
    one_assignment = True
    takes_feedback = False

    def entries(self, found: Sequence[Entry]) -> list[Entry] | None:
        return list(found) if all("@" in entry.parts[0] for entry in found) else None

    def handed_in(self, entry: Entry, assignments: Sequence[str]) -> Handed | None:
        student, _, number = entry.parts[0].partition("@")
        return Handed(entry.index, student, number, entry.parts[-1])

    def pairs(self, sheet: Sheet, students: Collection[str]) -> Pairs:
        return pair(students, [Person(row[0]) for row in sheet.rows])

    def filled(
        self, sheet: Sheet, pairs: Pairs, marks: Sequence[Mark], column: str | None
    ) -> Filled:
        slots = [Slot(m, row, 1, "10") for m in marks for row in pairs.rows[m.student]]
        return fill(sheet, slots, Numbers())

    def write(
        self,
        filled: Sheet,
        pairs: Pairs,
        pages: Mapping[int, Mapping[str, Path]],
        assignments: Sequence[str],
        folder: Path,
    ) -> list[Path]:
        filled.write(folder / "ilias.csv")
        return [folder / "ilias.csv"]


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PLATFORMS", (*registry.PLATFORMS, Ilias()))


def test_its_archive_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr("Ada Lovelace@7/01_theory.ipynb", "{}")
    found = find(tmp_path / "class.zip", Course("c", "a/b", "v1"), {"01_theory": {}})
    (upload,) = found.uploads
    assert upload.student == "Ada Lovelace" and upload.read() == b"{}"
    assert any("download from ILIAS" in notice for notice in found.notices)


def test_its_table_is_filled_in(tmp_path: Path) -> None:
    (tmp_path / "grades.csv").write_text(
        "student,group,assignment,score,max_score,status\nAda Lovelace,,01_theory,3,4,graded\n"
    )
    (tmp_path / "tasks.csv").write_text("student,assignment,task,score,max_score,message\n")
    (tmp_path / "members.csv").write_text("name,mark\nLovelace Ada,\n")
    (written,) = export(
        tmp_path, Course("c", "a/b", "v1"), "ilias", worksheet=tmp_path / "members.csv", say=print
    )
    assert written.read_text().split() == ["name,mark", "Lovelace", "Ada,7.5"]


def test_an_unknown_one_is_one_sentence_with_all_that_there_are(tmp_path: Path) -> None:
    assert formats() == ("moodle", "canvas", "ilias", "csv")
    with pytest.raises(ExportError, match=r"moodle, canvas, ilias, csv\.$"):
        export(tmp_path, Course("c", "a/b", "v1"), "moodel", say=print)


@pytest.mark.parametrize("name", ["moodle", "canvas"])
def test_no_other_module_names_one_in_its_code(name: str) -> None:
    """Docstrings and help may; a module's code that did would have to be touched for a third."""
    naming = re.compile(rf"[\"'.]{name}[\"'.]|\b{name.title()}\(|lms\.{name}|lms import .*{name}")
    found = {
        file.relative_to(OWN).as_posix()
        for file in OWN.rglob("*.py")
        if naming.search(file.read_text(encoding="utf-8"))
    }
    assert found == {f"lms/{name}.py", "lms/registry.py"}

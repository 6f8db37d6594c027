"""Released notebooks state deadline, weight and late rule, and no mark depends on that line."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
from small_course import COURSE, SOURCE, write_course

from autograde.grading.mark import load_assignment
from autograde.intake.rebuild import rebuild
from autograde.model.course_file import read_course
from autograde.notebooks.release import manifest, release, to_json

LATE = "[late]\npercent_per_day = 10\nmax_percent = 50\n"
WITH_TERMS = SOURCE.replace("# A small notebook\n", "# A small notebook\n#\n# {{ course.terms }}\n")


def made(folder: Path, deadline: str, late: str = LATE) -> nbformat.NotebookNode:
    write_course(folder, WITH_TERMS)
    text = COURSE.replace("group_size", 'timezone = "Europe/Vienna"\ngroup_size')
    text = text.replace('"2027-04-30T23:59:00+02:00"', deadline) + late
    (folder / "course.toml").write_text(text)
    [path] = release([], read_course(folder), lambda line: None)
    return nbformat.read(path, as_version=4)


def test_a_change_of_the_deadline_changes_one_line_and_no_result(tmp_path: Path) -> None:
    before = made(tmp_path / "a", '"2027-04-30T23:59"')
    after = made(tmp_path / "b", '"2027-05-03T12:00"', "")
    ours, theirs = (to_json(each).splitlines() for each in (before, after))
    # nbgrader's checksum of that cell follows its text.
    differ = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b and "checksum" not in a]
    assert [json.loads(a.rstrip(",")) for line in differ for a in line] == [
        "**Deadline:** Friday, 30 April 2027, 23:59 CEST; a later one that was granted to you "
        "counts. **Worth:** 9 points, which count for 100 % of the course. Every day begun after "
        "the deadline takes 10 % off the points earned, at most 50 %. <!-- from course.toml -->\n",
        "**Deadline:** Monday, 3 May 2027, 12:00 CEST; a later one that was granted to you counts. "
        "**Worth:** 9 points, which count for 100 % of the course. Handing in late takes no points "
        "off. <!-- from course.toml -->\n",
    ]
    assert manifest(before, {}) == manifest(after, {})
    old, new = (load_assignment("01_small", tmp_path / f / "course.toml") for f in "ab")
    assert (old.version, to_json(old.released)) == (new.version, to_json(new.released))
    # A copy with the old line, one answer cell deleted: the line is no text of the student's own.
    before.cells = [cell for cell in before.cells if cell.metadata.nbgrader.grade_id != "why"]
    rebuilt = rebuild(to_json(before).encode(), new.released)
    assert (rebuilt.absent, rebuilt.beside) == ({"why"}, frozenset())


def test_without_deadline_or_entry_the_line_says_so(tmp_path: Path) -> None:
    course = write_course(tmp_path, WITH_TERMS)
    text = COURSE.partition("[assignments")[0]
    course.file.write_text(text)
    [path] = release([], read_course(tmp_path), lambda line: None)
    first = nbformat.read(path, as_version=4).cells[0].source
    assert "**Deadline:** none. **Worth:** 9 points. <!--" in first

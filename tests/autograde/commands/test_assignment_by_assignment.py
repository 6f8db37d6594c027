"""A class graded one assignment at a time into one folder: what was graded before stays there."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from graded_class import NAME, Class, small_class
from marks import mark_by_hand
from one_process import one_process

from autograde.commands.delete import delete
from autograde.commands.results import write_results
from autograde.grading.mark import load_assignment
from autograde.grading.store import Store

OTHER = "02_other"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Class]:
    small = small_class(tmp_path / "course")
    for file in (small.course.folder / "solutions").glob(f"{NAME}*.py"):
        (file.parent / file.name.replace(NAME, OTHER)).write_text(file.read_text())
    load_assignment.cache_clear()
    yield small
    load_assignment.cache_clear()


def graded(small: Class, assignment: str, out: Path, *students: str) -> list[str]:
    """Write the results of one assignment; return what was said."""
    store, said = Store(out), []
    results = [small.result(who, assignment=assignment, key=f"{who} k") for who in students]
    for result in results:
        store.save(result)
    trusted = {assignment: load_assignment(assignment, small.course.file)}
    bare = [replace(result, notebook=None) for result in results]
    write_results(bare, small.course, trusted, "none", store, out, said.append)
    return said


def rows(out: Path) -> dict[tuple[str, str], str]:
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {(row["student"], row["assignment"]): row["score"] for row in csv.DictReader(file)}


def test_what_was_graded_before_stays_with_what_persons_gave_since(small: Class, tmp_path: Path):
    out = tmp_path / "graded"
    assert not any("graded before" in line for line in graded(small, NAME, out, "Kurt", "Grace"))
    mark_by_hand(out / "gradebook.db", "why", 4.0, student="Kurt")
    said = graded(small, OTHER, out, "Kurt")
    assert "They hold what was graded before, too: 01_small" in said
    waits = rows(out)["Grace", NAME]
    marked = str(int(waits) + 4)
    assert rows(out) == {("Kurt", NAME): marked, ("Grace", NAME): waits, ("Kurt", OTHER): waits}
    report = (out / "report.html").read_text("utf-8")
    assert NAME in report and OTHER in report
    # The first once more: it takes the place of what it was, the second stays.
    graded(small, NAME, out, "Grace")
    assert set(rows(out)) == {("Grace", NAME), ("Kurt", OTHER)}


def test_deleting_a_student_takes_the_pages_of_every_assignment(small: Class, tmp_path: Path):
    out = tmp_path / "graded"
    graded(small, NAME, out, "Kurt", "Grace")
    graded(small, OTHER, out, "Kurt", "Grace")
    assert len([*(out / "feedback").rglob("*.html")]) == 4
    with one_process():
        delete("Kurt", small.course, out, lambda line: None)
    assert set(rows(out)) == {("Grace", NAME), ("Grace", OTHER)}
    assert not [path for path in out.rglob("*") if path.is_file() and b"Kurt" in path.read_bytes()]

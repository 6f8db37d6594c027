"""Markers see pseudonyms; marks come back under the names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from graded_class import NAME, Class
from marks import STUDENT, content, fill, mark_by_hand

from autograde.gradebook.nbgrader_db import (
    manual_scores,
    remove_student,
    with_manual_marks,
)
from autograde.gradebook.pseudonyms import nbgrader_ids, read_pseudonyms
from autograde.gradebook.stored import GradebookError


def anonymous(small: Class, wanted: bool = True) -> Class:
    """Return the class with or without pseudonyms for markers."""
    return replace(small, course=replace(small.course, anonymous=wanted))


def bytes_for_markers(out: Path) -> bytes:
    """Return all that markers are given, names of files and folders included."""
    found = [out / "gradebook.db", *(out / "autograded").rglob("*")]
    return b"\n".join(
        str(p.relative_to(out)).encode() + (p.read_bytes() if p.is_file() else b"") for p in found
    )


def test_markers_see_no_names_and_marks_come_back(small: Class, tmp_path: Path) -> None:
    """Marks given under a pseudonym reach the right student, and only them."""
    results = [small.result(), small.result("Group 1"), small.unreadable("Max Mustermann")]
    db = fill(anonymous(small), tmp_path, *results)
    seen = bytes_for_markers(tmp_path)
    for name in (b"Grace", b"Hopper", b"Group 1", b"Ada", b"Mustermann"):
        assert name not in seen
    ids = nbgrader_ids(tmp_path)
    assert len({ids(r.student) for r in results}) == 3
    mark_by_hand(db, "why", 3.0, "Well argued.", student=ids("Group 1"))
    fill(anonymous(small), tmp_path, *results)
    grace, group, _ = with_manual_marks(results, db)
    assert (grace.tasks[2].score, group.tasks[2].score) == (None, 3.0)
    assert group.tasks[2].message == "Well argued."
    assert set(read_pseudonyms(tmp_path).values()) == {r.student for r in results}


def test_another_secret_is_another_pseudonym(
    small: Class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can compute them from a class list; after a new secret marks are still there."""
    monkeypatch.setenv("AUTOGRADE_SECRET", "one" * 10)
    db = fill(anonymous(small), tmp_path, small.result())
    first = nbgrader_ids(tmp_path)(STUDENT)
    mark_by_hand(db, "why", 3.0, student=first)
    monkeypatch.setenv("AUTOGRADE_SECRET", "two" * 10)
    fill(anonymous(small), tmp_path, small.result())
    second = nbgrader_ids(tmp_path)(STUDENT)
    assert first != second
    assert manual_scores(db) == {(second, NAME, "why"): 3.0}


@pytest.mark.parametrize("begin", [False, True])
def test_switching_pseudonyms_keeps_marks(small: Class, tmp_path: Path, begin: bool) -> None:
    """Those too of students who are not in the second run; no name is left behind."""
    both = [small.result(), small.result("Ada Lovelace")]
    db = fill(anonymous(small, begin), tmp_path, *both)
    for student, score in ((STUDENT, 3.0), ("Ada Lovelace", 2.0)):
        mark_by_hand(db, "why", score, "Said.", student=nbgrader_ids(tmp_path)(student))
    fill(anonymous(small, not begin), tmp_path, both[0])
    assert [r.tasks[2].score for r in with_manual_marks(both, db)] == [3.0, 2.0]
    folders = {p.name for p in (tmp_path / "autograded").iterdir()}
    assert folders == {nbgrader_ids(tmp_path)(r.student) for r in both}
    if begin:
        assert folders == {STUDENT, "Ada Lovelace"} and not read_pseudonyms(tmp_path)
    else:
        assert not [n for n in (b"Grace", b"Lovelace") if n in bytes_for_markers(tmp_path)]
    fill(anonymous(small, begin), tmp_path, *both)
    assert [r.tasks[2].score for r in with_manual_marks(both, db)] == [3.0, 2.0]


def test_a_pseudonym_that_nothing_explains_is_one_sentence(small: Class, tmp_path: Path) -> None:
    """Without the list of pseudonyms, whoever is graded is found; others would lose marks."""
    db = fill(anonymous(small), tmp_path, small.result(), small.result("Ada Lovelace"))
    mark_by_hand(db, "why", 3.0, student=nbgrader_ids(tmp_path)(STUDENT))
    (tmp_path / "pseudonyms.csv").unlink()
    before = content(db)
    with pytest.raises(GradebookError, match="nothing tells whose that is"):
        fill(small, tmp_path, small.result())
    assert content(db) == before
    fill(small, tmp_path, small.result(), small.result("Ada Lovelace"))
    assert manual_scores(db) == {(STUDENT, NAME, "why"): 3.0}


def test_a_student_under_a_pseudonym_is_removed(small: Class, tmp_path: Path) -> None:
    """By name: the gradebook knows another one."""
    db = fill(anonymous(small), tmp_path, small.result(), small.result("Ada Lovelace"))
    identity = nbgrader_ids(tmp_path)(STUDENT)
    assert remove_student(STUDENT, db) == 1
    assert identity.encode() not in db.read_bytes()

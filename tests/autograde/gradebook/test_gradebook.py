"""The oracle is nbgrader itself: its database interface, its preprocessors and its commands."""

from __future__ import annotations

import os
import sqlite3
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from graded_class import NAME, Class, mark_output, small_class
from marks import STUDENT, content, fill, mark_by_hand, marked, opened
from nbformat.v4 import new_output
from nbgrader import api
from nbgrader.preprocessors import SaveAutoGrades
from small_course import ANSWERS, CHECKS, SOURCE

from autograde.gradebook.nbgrader_db import (
    manual_scores,
    with_manual_marks,
)
from autograde.gradebook.stored import GradebookError
from autograde.notebooks.cells import answers


def test_marks_are_what_nbgrader_reads(small: Class, tmp_path: Path) -> None:
    """Scores, points, times and extensions come out of nbgrader as they went in."""
    others = [small.result("Ada Lovelace", {"double": 0.0, "total": 1.25, "why": 0.0})]
    db = fill(small, tmp_path, small.result(), *others)
    assert marked(db) == {
        "double-test": (2.0, None, 2.0, False),
        "total-test": (3.0, None, 3.0, False),
        "why": (None, None, 0.0, True),
    }
    with opened(db) as gradebook:
        assert gradebook.find_submission(NAME, "Ada Lovelace").score == 1.25
        assert gradebook.find_assignment(NAME).max_score == 9.0
        assert gradebook.find_assignment(NAME).duedate == datetime(2027, 4, 30, 21, 59)
        grace = gradebook.find_submission(NAME, STUDENT)
        assert grace.timestamp == datetime(2027, 4, 29, 10, 0)
        assert grace.extension == timedelta(days=7)
        assert grace.total_seconds_late == 0
        assert gradebook.find_submission(NAME, "Ada Lovelace").extension is None


def test_nbgraders_own_autograding_step_agrees(small: Class, tmp_path: Path) -> None:
    """SaveAutoGrades, run on our notebooks and database, changes no automatic mark."""
    result = small.result(scores={"double": 0.0, "total": 1.5})
    db = fill(small, tmp_path, result)
    before = marked(db)
    path = tmp_path / "autograded" / STUDENT / NAME / f"{NAME}.ipynb"
    where = {
        "notebook": NAME,
        "assignment": NAME,
        "student": STUDENT,
        "db_url": f"sqlite:///{db}",
    }
    SaveAutoGrades().preprocess(nbformat.read(path, as_version=4), {"nbgrader": where})
    assert marked(db) == before


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [mark_output("nan")],
        [mark_output(-1.0)],
        [mark_output("'two'")],
        [mark_output(5.0)],
        [mark_output("")],
        [new_output("stream", text="0.5")],
        [new_output("execute_result", {"text/plain": ["0", "5"]})],
    ],
    ids=["none", "nan", "negative", "text", "too much", "empty", "printed", "list"],
)
def test_a_mark_that_nbgrader_reads_otherwise_is_refused(
    small: Class, tmp_path: Path, outputs: list[Any]
) -> None:
    """Where nbgrader fails open, the mark is not written; those of others are."""
    wrong = small.result(scores={"double": 0.5})
    for part in answers(wrong.notebook):
        if part.task == "double":
            wrong.notebook.cells[part.test].outputs = outputs
    with pytest.raises(GradebookError, match=r"double of Grace Hopper .* the score is 0\.5"):
        fill(small, tmp_path, wrong, small.result("Ada Lovelace"))
    assert marked(tmp_path / "gradebook.db")["double-test"][0] is None
    assert marked(tmp_path / "gradebook.db", "Ada Lovelace")["double-test"][0] == 2.0


def test_a_mark_changed_behind_our_back_is_noticed(small: Class, tmp_path: Path) -> None:
    """Marks are read back by a fresh connection after all were written."""
    db = fill(small, tmp_path, small.result())
    with sqlite3.connect(db) as connection:
        connection.execute(
            "CREATE TRIGGER t AFTER UPDATE OF auto_score ON grade WHEN NEW.auto_score = 1.5 "
            "BEGIN UPDATE grade SET auto_score = 3.0 WHERE id = NEW.id; END"
        )
    with pytest.raises(GradebookError, match=r"nbgrader reads 3 for total .* the score is 1\.5"):
        fill(small, tmp_path, small.result(scores={"total": 1.5}))


def test_filling_again_changes_nothing(small: Class, tmp_path: Path) -> None:
    """The same results leave the same database, ids included."""
    results = [small.result(), small.unreadable("Max"), small.result("Group 1", {"why": 0.0})]
    db = fill(small, tmp_path, *results)
    before = content(db)
    assert content(fill(small, tmp_path, *results)) == before


def test_marks_given_by_hand_stay_and_come_back(small: Class, tmp_path: Path) -> None:
    """Manual marks, extra credit and comments survive a second run and reach the records."""
    db = fill(small, tmp_path, small.result())
    mark_by_hand(db, "why", 3.0, "Well argued.", extra=0.5)
    mark_by_hand(db, "total-test", 1.0)
    fill(small, tmp_path, small.result())
    assert marked(db)["why"] == (None, 3.0, 3.5, False)
    assert marked(db)["total-test"] == (3.0, 1.0, 1.0, False)
    assert manual_scores(db) == {(STUDENT, NAME, "why"): 3.5, (STUDENT, NAME, "total"): 1.0}

    original = small.result()
    merged = with_manual_marks([original], db)[0]
    assert {t.task: t.score for t in merged.tasks} == {"double": 2.0, "total": 1.0, "why": 3.5}
    assert [t.message for t in merged.tasks[1:]] == ["Marked by a person.", "Well argued."]
    assert merged.status == "graded"
    assert not any(t.notice for t in merged.tasks)
    with opened(db) as gradebook:
        assert gradebook.find_submission(NAME, STUDENT).score == merged.score
    assert (original.status, original.tasks[2].score) == ("manual_pending", None)


def test_a_changed_answer_has_to_be_looked_at_again(small: Class, tmp_path: Path) -> None:
    """A new answer keeps the mark of the old one, but is put before a person again."""
    db = fill(small, tmp_path, small.result())
    mark_by_hand(db, "why", 3.0)
    resubmitted = small.result()
    for part in answers(resubmitted.notebook):
        if part.manual:
            resubmitted.notebook.cells[part.cell].source += "\nOn second thoughts, no."
    fill(small, tmp_path, resubmitted)
    assert marked(db)["why"] == (None, 3.0, 3.0, True)
    assert "changed since" in with_manual_marks([resubmitted], db)[0].tasks[2].notice
    fill(small, tmp_path, resubmitted)  # a regrade does not forget that
    assert marked(db)["why"][-1] is True


def test_without_a_gradebook_records_stay_as_they_are(small: Class, tmp_path: Path) -> None:
    """Before the first run there is nothing to bring back."""
    assert with_manual_marks([small.result()], tmp_path / "gradebook.db") == [small.result()]
    with pytest.raises(GradebookError, match="run autograde grade first"):
        manual_scores(tmp_path / "gradebook.db")


def test_a_new_release_keeps_marks_of_tasks_that_stay(small: Class, tmp_path: Path) -> None:
    """Cells may come and go between two runs, although nbgrader itself refuses that."""
    db = fill(small, tmp_path, small.result(), small.result("Ada Lovelace"))
    mark_by_hand(db, "why", 3.0, "Well argued.")
    source, checks, answers = (
        text.replace("double", "twice").replace("given-imports", "given-helpers")
        for text in (SOURCE.replace('"points": 3', '"points": 5'), CHECKS, ANSWERS)
    )
    changed = small_class(tmp_path / "changed", source, checks, answers)
    fill(changed, tmp_path, changed.result(scores={"total": 4.0}))
    assert marked(db) == {
        "twice-test": (2.0, None, 2.0, False),
        "total-test": (4.0, None, 4.0, False),
        "why": (None, 3.0, 3.0, False),
    }
    assert marked(db, "Ada Lovelace")["twice-test"] == (None, None, 0.0, True)
    with opened(db) as gradebook:
        stored = gradebook.find_notebook(NAME, NAME)
        names = {cell.name: cell.source for cell in stored.source_cells}
        wanted = {c.metadata.nbgrader.grade_id: c.source for c in changed.releases[NAME].cells}
        assert names == wanted
        assert gradebook.find_comment("why", NAME, NAME, STUDENT).comment == "Well argued."


def test_unreadable_and_missing_submissions(small: Class, tmp_path: Path) -> None:
    """What could not be read is worth nothing; what is missing is no submission."""
    missing = small.result("Mia", dict.fromkeys(("double", "total", "why"), 0.0), status="missing")
    missing.notebook = None
    db = fill(small, tmp_path, small.unreadable("Max"), missing)
    assert set(marked(db, "Max").values()) == {(0.0, None, 0.0, False)}
    with opened(db) as gradebook:
        assert {s.id for s in gradebook.students} == {"Max", "Mia"}
        with pytest.raises(api.MissingEntry):
            gradebook.find_submission(NAME, "Mia")
    assert not (tmp_path / "autograded" / "Max" / NAME / f"{NAME}.ipynb").exists()


def test_a_notebook_that_became_unreadable_is_not_shown(small: Class, tmp_path: Path) -> None:
    """A broken resubmission takes the old notebook and its automatic marks with it."""
    fill(small, tmp_path, small.result())
    db = fill(small, tmp_path, small.unreadable(STUDENT))
    assert not (tmp_path / "autograded" / STUDENT / NAME / f"{NAME}.ipynb").exists()
    assert marked(db)["double-test"] == (0.0, None, 0.0, False)


def test_a_new_gradebook_needs_no_program_and_says_nothing(
    small: Class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What nbgrader asks the program alembic, we know without it."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    wanted = api.get_alembic_version()
    capfd.readouterr()
    monkeypatch.setenv("PATH", "")
    db = fill(small, tmp_path, small.result())
    assert capfd.readouterr() == ("", "")
    with sqlite3.connect(db) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (wanted,)
        ]


@pytest.mark.parametrize(
    ("damage", "cure"),
    [
        (lambda db: db.write_bytes(b"no database " * 100), "move it away"),
        (
            lambda db: sqlite3.connect(db).executescript("ALTER TABLE grade DROP extra_credit"),
            "nbgrader db upgrade",
        ),
    ],
    ids=["not a database", "of an older nbgrader"],
)
def test_a_gradebook_that_cannot_be_used(
    small: Class, tmp_path: Path, damage: Any, cure: str
) -> None:
    """One sentence says which file, why and what to do."""
    db = fill(small, tmp_path, small.result())
    damage(db)
    with pytest.raises(GradebookError, match=cure) as caught:
        fill(small, tmp_path, small.result())
    assert str(db) in str(caught.value)
    assert "\n" not in str(caught.value)

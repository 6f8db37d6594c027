"""The oracle is nbgrader itself: its database interface, its preprocessors and its commands."""

from __future__ import annotations

import csv
import os
import sqlite3
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from graded_class import NAME, Class, mark_output, small_class
from inert import elements, text
from nbformat.v4 import new_output
from nbgrader import api
from nbgrader.apps import (
    AutogradeApp,
    ExportApp,
    GenerateAssignmentApp,
    GenerateFeedbackApp,
    GenerateSolutionApp,
    ValidateApp,
    ZipCollectApp,
)
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import SaveAutoGrades
from small_course import CHECKS, SOURCE

from autograde.gradebook.nbgrader_db import (
    fill_gradebook,
    manual_scores,
    remove_student,
    with_manual_marks,
)
from autograde.gradebook.pseudonyms import nbgrader_ids, read_pseudonyms
from autograde.gradebook.stored import GradebookError
from autograde.model.records import SubmissionResult
from autograde.notebooks.cells import answers
from autograde.safety.sanitize import safe_name

STUDENT = "Grace Hopper"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Class:
    """Return the small class."""
    return small_class(tmp_path_factory.mktemp("course"))


def fill(small: Class, out: Path, *results: SubmissionResult) -> Path:
    """Fill the gradebook in ``out`` with these results."""
    return fill_gradebook(results, small.sources, small.releases, small.course, out)


@contextmanager
def opened(db: Path) -> Iterator[Any]:
    """Open the gradebook by nbgrader."""
    with api.Gradebook(f"sqlite:///{db}") as gradebook:
        yield gradebook


def marked(db: Path, student: str = STUDENT) -> dict[str, tuple[Any, ...]]:
    """Return what nbgrader says of a submission: grade cell → automatic, manual, score, review."""
    with opened(db) as gradebook:
        notebook = gradebook.find_submission_notebook(NAME, NAME, safe_name(student))
        return {
            g.name: (g.auto_score, g.manual_score, g.score, g.needs_manual_grade)
            for g in notebook.grades
        }


def mark_by_hand(
    db: Path, task: str, score: float, comment: str = "", extra: Any = None, student: str = STUDENT
) -> None:
    """Do what formgrader does when a person types a mark and a comment."""
    with opened(db) as gradebook:
        grade = gradebook.find_grade(task, NAME, NAME, student)
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = score, extra, False
        said = gradebook.find_comment(task.removesuffix("-test"), NAME, NAME, student)
        said.manual_comment = comment or None
        gradebook.db.commit()


def content(db: Path) -> list[str]:
    """Return everything in the database."""
    with sqlite3.connect(db) as connection:
        return sorted(connection.iterdump())


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
    source, checks = (
        text.replace("double", "twice").replace("given-imports", "given-helpers")
        for text in (SOURCE.replace('"points": 3', '"points": 5'), CHECKS)
    )
    changed = small_class(tmp_path / "changed", source, checks)
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


@pytest.fixture
def course_folder(small: Class, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Enter a filled course folder, away from the user's own Jupyter configuration."""
    out = tmp_path / "out"
    out.mkdir()
    said = {"double": "Just right.", "total": "See <img src=x onerror=alert(1)>."}
    results = [small.result(messages=said), small.result("Group 1")]
    fill(small, out, *results, small.unreadable("Max"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "")
    monkeypatch.chdir(out)
    yield out


def test_nbgrader_export(course_folder: Path) -> None:
    """``nbgrader export`` finds the folder by its configuration and writes our scores."""
    app = ExportApp()
    app.initialize(["--to", "exported.csv"])
    app.start()
    with (course_folder / "exported.csv").open(encoding="utf-8") as file:
        found = {r["student_id"]: (r["score"], r["max_score"]) for r in csv.DictReader(file)}
    assert found == {STUDENT: ("5.0", "9.0"), "Group 1": ("5.0", "9.0"), "Max": ("0.0", "9.0")}


def test_nbgrader_export_does_not_replace_our_table(course_folder: Path) -> None:
    """Without a file's name, nbgrader would write over ``grades.csv``."""
    (course_folder / "grades.csv").write_text("ours")
    app = ExportApp()
    app.initialize([])
    app.start()
    assert (course_folder / "grades.csv").read_text() == "ours"
    assert STUDENT in (course_folder / "nbgrader_grades.csv").read_text(encoding="utf-8")


def trapped(course_folder: Path) -> tuple[Path, Path]:
    """Return a submission that writes a file if it is run, and that file."""
    ran = course_folder.parent / "ran"
    submission = course_folder / "autograded" / STUDENT / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(submission, as_version=4)
    for part in answers(notebook):
        if not part.manual:
            notebook.cells[part.cell].source += f"\nopen({str(ran)!r}, 'w').close()"
    nbformat.write(notebook, submission)
    return submission, ran


@pytest.mark.parametrize(
    ("app", "arguments"),
    [
        (AutogradeApp, [NAME, "--force"]),
        (AutogradeApp, [NAME, "--no-execute"]),
        (GenerateAssignmentApp, [NAME, "--force"]),
        (GenerateSolutionApp, [NAME, "--force"]),
        (ValidateApp, [f"autograded/{STUDENT}/{NAME}/{NAME}.ipynb"]),
    ],
    ids=["autograde", "without running", "assignment", "solution", "validate"],
)
def test_nbgraders_own_commands_run_and_change_nothing(
    course_folder: Path, app: Any, arguments: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever command is given in our folder, a submission does not run, nor do marks change."""
    _, ran = trapped(course_folder)
    files = {p: p.read_bytes() for p in course_folder.rglob("*") if p.is_file()}
    command = app()
    command.initialize(arguments)
    command.log.propagate = True
    with pytest.raises(SystemExit) as stopped:
        command.start()
    assert stopped.value.code == 1
    assert "sandbox of `autograde grade`" in caplog.text or "`autograde release`" in caplog.text
    assert not ran.exists()
    assert {p: p.read_bytes() for p in course_folder.rglob("*") if p.is_file()} == files


def test_without_our_configuration_nbgrader_runs_it(
    course_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The trap of the test before is one."""
    submission, ran = trapped(course_folder)
    (course_folder / "nbgrader_config.py").write_text("")
    notebook = nbformat.read(submission, as_version=4)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python"}
    nbformat.write(notebook, submission)
    command = ValidateApp()
    command.initialize([str(submission)])
    command.start()
    assert ran.exists()


@pytest.mark.parametrize("ours", [True, False], ids=["refused", "without our configuration"])
def test_nbgrader_unpacks_no_archive_here(
    course_folder: Path, ours: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Uploads come in by ``autograde grade``, which caps what an archive may hold."""
    downloaded = course_folder / "downloaded" / NAME / "archive"
    downloaded.mkdir(parents=True)
    with zipfile.ZipFile(downloaded / "class.zip", "w") as archive:
        archive.writestr(f"eve_{NAME}_attempt_2027-04-29-10-00-00_{NAME}.ipynb", "{}")
    if not ours:
        (course_folder / "nbgrader_config.py").write_text("")
    before = {p: p.read_bytes() for p in course_folder.rglob("*") if p.is_file()}
    command = ZipCollectApp()
    command.initialize([NAME, "--force"])
    command.log.propagate = True
    if ours:
        with pytest.raises(SystemExit) as stopped:
            command.start()
        assert stopped.value.code == 1
        assert "sandbox of `autograde grade`" in caplog.text
    else:
        command.start()
    after = {p: p.read_bytes() for p in course_folder.rglob("*") if p.is_file()}
    assert (after == before) == ours


def test_markers_see_the_scheme_and_students_do_not(course_folder: Path) -> None:
    """It stands above the answer that is marked by it, and not on nbgrader's feedback page."""
    shown = course_folder / "autograded" / STUDENT / NAME / f"{NAME}.ipynb"
    cells = nbformat.read(shown, as_version=4).cells
    position = next(i for i, c in enumerate(cells) if "answer: why" in c.source)
    assert "> Two points for the formula" in cells[position - 1].source
    app = GenerateFeedbackApp()
    app.initialize([NAME])
    app.start()
    page = (course_folder / "feedback" / STUDENT / NAME / f"{NAME}.html").read_text("utf-8")
    assert "Because the sum of the first n numbers" in page
    assert "Two points for" not in page


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


def test_nbgrader_generate_feedback(course_folder: Path) -> None:
    """``nbgrader generate_feedback`` shows the scores and our message as its comment."""
    app = GenerateFeedbackApp()
    app.initialize([NAME])
    app.start()
    page = course_folder / "feedback" / STUDENT / NAME / f"{NAME}.html"
    html = page.read_text(encoding="utf-8")
    assert "Score: 5.0 / 9.0" in html
    assert "Just right." in html
    # Not the page as a whole: nbgrader's own pages load MathJax.
    assert "alert(1)" in text(html)
    assert not [a for _, a in elements(html) if "alert(1)" in "".join(a.values())]


def test_formgrader_finds_what_is_to_be_marked(course_folder: Path) -> None:
    """What formgrader asks of the folder lists each notebook that waits for a person."""
    app = ExportApp()
    app.initialize([])
    interface = NbGraderAPI(CourseDirectory(parent=app), parent=app)
    assert interface.get_source_assignments() == {NAME}
    found = {s["student"]: s for s in interface.get_notebook_submissions(NAME, NAME)}
    assert set(found) == {STUDENT, "Group 1"}
    assert all(s["needs_manual_grade"] for s in found.values())


def test_source_and_release_are_the_two_versions(small: Class, course_folder: Path) -> None:
    """The instructor's version has the solutions, the released one has not."""
    texts = {
        kind: (course_folder / kind / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8")
        for kind in ("source", "release")
    }
    assert "twice_as_much" in texts["source"]
    assert "twice_as_much" not in texts["release"]
    assert nbformat.reads(texts["release"], as_version=4) == released_again(small)


def released_again(small: Class) -> Any:
    """Return the release as nbformat reads it back."""
    return nbformat.reads(nbformat.writes(small.releases[NAME]), as_version=4)


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

"""nbgrader's own commands and pages work on our gradebook, and run no submission."""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from graded_class import NAME, Class
from inert import elements, text
from marks import STUDENT, fill
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

from autograde.notebooks.cells import answers


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


def test_no_variable_of_nbgraders_is_left_behind() -> None:
    """A command of nbgrader that refuses leaves one: JupyterLab, started later, would heed it."""
    assert not [name for name in os.environ if name.startswith("NBGRADER")]

"""A folder of submissions through the whole grader, sandbox included."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from small_course import CHECKS, write_course

from autograde.__main__ import main
from autograde.commands.grade import grade
from autograde.grading import mark as marking
from autograde.grading.data import data_source
from autograde.grading.jobs import GradeError, Job, make_jobs, run_job
from autograde.grading.mark import Timing, load_assignment
from autograde.grading.store import Store, StoreError, only_grader
from autograde.intake.submissions import find
from autograde.intake.upload import Upload
from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.model.records import SubmissionResult, TaskResult
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.release import to_json
from xaikit.data import idx_sets, places

NAME = "01_small"


@pytest.fixture(autouse=True)
def fresh_cache():
    load_assignment.cache_clear()


def hand_in(course: Course, folder: Path, student: str, texts: dict[str, str]) -> None:
    notebook = submission(load_assignment(NAME, course.file).released, texts)
    (folder / student).mkdir(parents=True, exist_ok=True)
    (folder / student / f"{NAME}.ipynb").write_text(to_json(notebook), encoding="utf-8")


@pytest.fixture
def class_of_three(tmp_path: Path) -> tuple[Course, Path]:
    """A group that answers right, one student who is wrong in `double`, one broken upload."""
    course = write_course(tmp_path / "course")
    folder = tmp_path / "submissions"
    right = dict(load_assignment(NAME, course.file).solutions)
    others = load_answers(course.folder / "solutions" / f"{NAME}.py")
    hand_in(course, folder, "Group 1", right)
    hand_in(course, folder, "Grace Hopper", {**right, "double": others["double"]["wrong"]})
    (folder / "Kurt").mkdir()
    (folder / "Kurt" / f"{NAME}.ipynb").write_bytes(b'{"cells": [')
    return course, folder


def marks(results: list[SubmissionResult]) -> dict[str, tuple[float, str]]:
    return {r.student: (r.score, r.status) for r in results}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_everything_that_grading_promises_is_written(class_of_three, tmp_path: Path):
    course, folder = class_of_three
    out = tmp_path / "graded"
    lines: list[str] = []
    grade(folder, course, out, jobs=2, say=lines.append)

    grades = {row["student"]: row for row in rows(out / "grades.csv")}
    assert {s: (r["group"], r["score"], r["status"]) for s, r in grades.items()} == {
        "Ada Lovelace": ("Group 1", "5", "manual_pending"),
        "Alan Turing": ("Group 1", "5", "manual_pending"),
        "Grace Hopper": ("", "3", "manual_pending"),
        "Kurt": ("", "0", "broken"),
    }
    assert {row["max_score"] for row in grades.values()} == {"9"}
    tasks = {(row["student"], row["task"]): row for row in rows(out / "tasks.csv")}
    assert tasks["Grace Hopper", "double"]["score"] == "0"
    assert "Twice as much" in tasks["Grace Hopper", "double"]["message"]
    assert tasks["Grace Hopper", "why"]["score"] == ""
    for student in ("Group 1", "Grace Hopper", "Kurt"):
        assert (out / "feedback" / student / f"{NAME}.html").is_file()
    assert "Kurt" in (out / "report.html").read_text(encoding="utf-8")
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        scores = {s.student.id: s.score for s in gradebook.assignment_submissions(NAME)}
    assert scores["Group 1"] == 5
    assert scores["Grace Hopper"] == 3
    assert any("full marks" in line for line in lines)


def test_that_only_the_sample_is_there_is_said_once(class_of_three, tmp_path, monkeypatch, capfd):
    monkeypatch.delenv("XAIKIT_DATA", raising=False)
    monkeypatch.setenv("XAIKIT_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for cached in (data_source, places.download, idx_sets._announce_sample):
        cached.cache_clear()
    course, folder = class_of_three
    file = course.folder / "course.toml"
    file.write_text(f'{file.read_text()}\n[software]\ndata = "fashion_mnist"\n')
    load_assignment.cache_clear()
    results = grade(folder, read_course(course.folder), tmp_path / "graded", jobs=2)
    assert {r.score for r in results} == {5, 3, 0}
    from_the_sample = data_source("fashion_mnist") == "embedded sample"  # or Debian's package
    assert capfd.readouterr().err.count("using the embedded sample") == from_the_sample


@pytest.mark.slow
def test_unchanged_submissions_are_not_run_again(
    class_of_three, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    course, folder = class_of_three
    out = tmp_path / "graded"
    first = grade(folder, course, out, jobs=2)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing should run")

    with monkeypatch.context() as patch:
        patch.setattr("autograde.commands.grade._run_all", refuse)
        patch.setattr("autograde.commands.grade.mark", refuse)
        again = grade(folder, course, out, jobs=2)
    assert marks(again) == marks(first)

    # A resubmission runs, and only that; a changed check is asked about the recorded answers.
    hand_in(course, folder, "Grace Hopper", dict(load_assignment(NAME, course.file).solutions))
    ran: list[str] = []
    results = grade(folder, course, out, jobs=1, say=ran.append)
    assert [line for line in ran if line.startswith("[")] == [
        line for line in ran if "] Grace Hopper" in line
    ]
    assert {r.student: r.score for r in results}["Grace Hopper"] == 5
    checks = course.folder / "solutions" / f"{NAME}_checks.py"
    for text, scored in ((CHECKS + "\n# corrected\n", 0), (CHECKS.replace("0.5", "0.6"), 3)):
        checks.write_text(text)
        load_assignment.cache_clear()
        ran.clear()
        grade(folder, course, out, jobs=2, say=ran.append)
        assert sum(line.startswith("[") for line in ran) == scored
        assert sum("from recorded answers" in line for line in ran) == max(0, scored - 1)  # Kurt


@pytest.mark.slow
def test_a_copy_is_reported_and_notebooks_are_read_three_times_only(
    class_of_three, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """For the gradebook, for the feedback, and to compare: a class does not fit into memory."""
    course, folder = class_of_three
    out = tmp_path / "graded"
    right = dict(load_assignment(NAME, course.file).solutions)
    words = "<!-- answer: why -->\n" + " ".join(f"word{i} and so on" for i in range(30))
    for student in ("Eve", "Max"):
        hand_in(course, folder, student, {**right, "why": words})
    grade(folder, course, out, jobs=1)
    report = " ".join((out / "report.html").read_text(encoding="utf-8").split())
    alike = report[report.index('id="alike"') :]
    assert "Eve</a>" in alike and "Max</a>" in alike
    assert "Hopper" not in alike[: alike.index("</table>")]

    opened: list[str] = []
    whole = Store.with_notebooks

    def noted(store: Store, results: Iterable[SubmissionResult]) -> Iterator[SubmissionResult]:
        for result in whole(store, results):
            opened.append(result.student)
            yield result

    monkeypatch.setattr(Store, "with_notebooks", noted)
    (out / "report.html").unlink()
    grade(folder, course, out, jobs=1)
    assert sorted(opened) == sorted(3 * ["Eve", "Grace Hopper", "Group 1", "Kurt", "Max"])
    assert report == " ".join((out / "report.html").read_text(encoding="utf-8").split())


@pytest.mark.slow
def test_a_crash_loses_only_what_was_running(
    class_of_three, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    course, folder = class_of_three
    out = tmp_path / "graded"
    saved: list[str] = []
    save = Store.save

    def crash_at_the_second(self: Store, result) -> None:
        if saved:
            raise KeyboardInterrupt
        saved.append(result.student)
        save(self, result)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", crash_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            grade(folder, course, out, jobs=1)
    ran: list[str] = []
    results = grade(folder, course, out, jobs=1, say=ran.append)
    assert not any(f"] {saved[0]}," in line for line in ran)
    assert {r.student: r.score for r in results} == {"Group 1": 5, "Grace Hopper": 3, "Kurt": 0}
    with sqlite3.connect(out / "gradebook.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def job_of(upload: Upload, course: Course) -> Job:
    """Return the job that the grader sends to a worker."""
    trusted, timings = {NAME: load_assignment(NAME, course.file)}, {NAME: Timing()}
    (job,) = make_jobs([upload], course, trusted, timings, "bubblewrap", ())
    return job


def test_an_upload_that_the_grader_stumbles_over_stops_nobody(
    class_of_three, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    course, folder = class_of_three
    upload = find(folder, course, {NAME: {}}).uploads[0]
    job = job_of(upload, course)

    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("autograde.grading.jobs.mark", stumble)
    result = run_job(job)
    assert (result.status, result.key) == ("broken", "")  # no key: tried again next time
    assert "ZeroDivisionError" in result.notices[0]


def test_a_solution_that_loses_points_stops_grading(class_of_three, tmp_path: Path):
    course, folder = class_of_three
    wrong = CHECKS.replace("== 10", "== 11")
    (course.folder / "solutions" / f"{NAME}_checks.py").write_text(wrong)
    load_assignment.cache_clear()
    with pytest.raises(GradeError, match=r"solution of 01_small does not earn full marks.*total"):
        grade(folder, course, tmp_path / "graded")
    assert not (tmp_path / "graded" / "grades.csv").exists()


def test_hidden_inputs_differ_between_submissions_and_repeat_on_a_regrade(tmp_path: Path):
    course = write_course(tmp_path / "course")
    assignment = load_assignment(NAME, course.file)
    task = assignment.checks.tasks["double"]
    one, other = (marking.hidden_inputs(task, b"secret" * 4, digest) for digest in ("a", "b"))
    assert one != other
    assert one == marking.hidden_inputs(task, b"secret" * 4, "a")
    assert one != marking.hidden_inputs(task, b"another" * 4, "a")


def test_two_graders_do_not_share_a_folder(tmp_path: Path):
    Store(tmp_path)
    busy = pytest.raises(StoreError, match="Another autograde is grading")
    with only_grader(tmp_path), busy, only_grader(tmp_path):
        pass
    with only_grader(tmp_path):
        pass


def test_a_record_is_whole_or_not_there(tmp_path: Path):
    store = Store(tmp_path)
    result = SubmissionResult("ä/../x", NAME, "graded", [TaskResult("t", 1.0, 2.0, "m")], key="k")
    store.save(result)
    assert store.load("ä/../x", NAME, "k") == result
    assert store.load("ä/../x", NAME, "another key") is None
    (path,) = store.folder.iterdir()
    assert path.parent == tmp_path / "records"
    path.write_text(path.read_text()[:20])
    assert store.load("ä/../x", NAME, "k") is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["grade", "nowhere"], "There is no folder nowhere."),
        (["grade", ".", "--assignment", "09_none"], "There is no notebook '09_none'"),
        (["release", "09_none"], "09_none.py"),
    ],
)
def test_bad_input_gets_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
):
    course = write_course(tmp_path / "course")
    monkeypatch.chdir(course.folder)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1


def test_outside_of_a_course_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert main(["release"]) == 1
    assert "course.toml" in capsys.readouterr().err

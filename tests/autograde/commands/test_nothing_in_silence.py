"""What changes is said: by a regrade, by a person over an automatic mark, by a new answer."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from graded_class import NAME, Class, small_class
from marks import mark_by_hand, marked

from autograde.__main__ import main
from autograde.commands.export import export
from autograde.commands.results import write_results
from autograde.grading.mark import load_assignment
from autograde.grading.store import Store
from autograde.model.records import SubmissionResult
from autograde.reports import audit

GRACE, ADA = "Grace Hopper", "Kurt"


@dataclass
class Term:
    """A class of two, graded again and again; the records are made here, nothing runs."""

    small: Class
    out: Path

    def record(
        self, student: str, total: float = 3.0, said: str = "", check: str = "v1", why: str = "a"
    ) -> SubmissionResult:
        result = self.small.result(
            student, {"total": total}, {"total": said}, key=f"{total}{check}{why}"
        )
        result.submission_hash = f"upload of {why}"
        for task in result.tasks:
            task.check = check if task.task == "total" else "same" if task.task == "double" else ""
            task.key = f"{task.task} {task.check} {task.score} {why if task.task == 'why' else ''}"
            task.answer = why if task.task == "why" else "the same"
        return result

    def grade(self, *results: SubmissionResult) -> list[str]:
        """Write the results, and return what the screen says of changes."""
        store, lines = Store(self.out), []
        for result in results:
            store.save(result)
        load_assignment.cache_clear()
        trusted = {NAME: load_assignment(NAME, self.small.course.file)}
        bare = [replace(r, notebook=None, tasks=[replace(t) for t in r.tasks]) for r in results]
        write_results(bare, self.small.course, trusted, "none", store, self.out, lines.append)
        written = next(i for i, line in enumerate(lines) if line.startswith("Written in"))
        return lines[written + 1 :]

    def rows(self, name: str = "grades") -> list[dict[str, str]]:
        with (self.out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def report(self) -> str:
        return " ".join((self.out / "report.html").read_text("utf-8").split())

    def audit(self) -> list[dict[str, object]]:
        return [json.loads(x) for x in (self.out / audit.FILE).read_text("utf-8").splitlines()]


def typed_over(folder: Path) -> Term:
    """Return a class of two in which a person typed over an automatic mark."""
    made = Term(small_class(folder / "course"), folder / "graded")
    made.grade(made.record(GRACE), made.record(ADA))
    mark_by_hand(made.out / "gradebook.db", "total-test", 1.0, "Copied.")
    mark_by_hand(made.out / "gradebook.db", "why", 3.5, "Good.")
    made.grade(made.record(GRACE), made.record(ADA))
    return made


@pytest.fixture
def term(tmp_path: Path) -> Term:
    return Term(small_class(tmp_path / "course"), tmp_path / "graded")


def test_a_regrade_says_which_checks_changed_and_whose_marks_moved(term: Term) -> None:
    half = term.record(GRACE, 1.5, "Only half is right.")
    assert term.grade(half, term.record(ADA)) == []
    before = len(term.audit())
    assert term.grade(half, term.record(ADA)) == [], "the same again is no news"
    assert len(term.audit()) == before
    lines = term.grade(
        term.record(GRACE, 1.8, "More than half.", "v2"), term.record(ADA, check="v2")
    )
    assert lines == [
        "Checks or points that changed: 01_small total",
        "Marks that moved: 1, in 1 submission, +0.3 points in all; report.html has the old and the "
        "new message of each",
        "  Grace Hopper, 01_small, total: 1.5 before, 1.8 now (its check changed)",
    ]
    report = term.report()
    assert "Checks or points that changed: <code>total</code> of 01_small." in report
    assert "<b>Before:</b> Only half is right.</p><p><b>Now:</b> More than half." in report
    assert re.search(r'class="kicker">\w+day, \d+ \w+ 20\d\d, \d\d:\d\d (UTC|[A-Z]+T)</p>', report)
    # The next grading changes nothing, and the report still tells what the one before changed.
    assert term.grade(term.record(GRACE, 1.8, "More than half.", "v2"), term.record(ADA)) != []
    assert "More than half." in term.report()
    new = [line for line in term.audit()[before:] if line["student"] == GRACE]
    assert [(line["task"], line["score"], line["was"]) for line in new] == [
        ("total", 1.8, 1.5),
        ("", 3.8, 3.5),
    ]
    term.grade(term.record(GRACE, 1.2, "More than half.", "v3"), term.record(ADA))
    assert "−0.6 points in all" in term.report()
    assert "<b>Before and now:</b> More than half." in term.report()


def test_what_a_person_typed_over_is_counted_named_and_taken_back(
    term: Term, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    term.grade(term.record(GRACE), term.record(ADA))
    mark_by_hand(term.out / "gradebook.db", "total-test", 1.0, "Copied.")
    mark_by_hand(term.out / "gradebook.db", "why", 3.5, "Good.")
    lines = term.grade(term.record(GRACE), term.record(ADA))
    assert lines == [
        "Marks that persons gave or changed since the last grading: 2",
        "Marks that persons typed over automatic ones: 1 (to take them back: autograde restore "
        f"--out {term.out})",
        "  Grace Hopper, 01_small, total: 1 in place of 3",
    ]
    assert 'id="typed-over"' in term.report() and "Copied." in term.report()
    assert {row["student"]: row["score"] for row in term.rows()}[GRACE] == "6.5"

    monkeypatch.chdir(term.small.course.folder)
    assert main(["restore", "--out", str(term.out), "--task", "double"]) == 0
    assert "holds no such mark" in capsys.readouterr().out
    assert main(["restore", "--out", str(term.out), "Grace Hoper"]) == 1
    assert "do you mean Grace Hopper?" in capsys.readouterr().err
    assert main(["restore", "--out", str(term.out)]) == 0
    assert "Taken back: Grace Hopper, 01_small, total: 1 in place of 3" in capsys.readouterr().out
    assert {row["student"]: row["score"] for row in term.rows()}[GRACE] == "8.5"
    assert 'id="typed-over"' not in term.report()
    assert marked(term.out / "gradebook.db")["total-test"] == (3.0, None, 3.0, False)
    assert marked(term.out / "gradebook.db")["why"][1] == 3.5, "what only a person marks stays"
    page = (term.out / "feedback" / GRACE / f"{NAME}.html").read_text("utf-8")
    assert "Copied." not in page and "Good." in page
    last = [line for line in term.audit() if line["student"] == GRACE][-2:]
    assert [(x["task"], x["by"] if x["task"] else "", x["score"], x["was"]) for x in last] == [
        ("total", "grader", 3.0, 1.0),
        ("", "", 8.5, 6.5),
    ]
    assert term.grade(term.record(GRACE), term.record(ADA)) == []


def test_an_answer_that_changed_after_it_was_marked_waits_everywhere(term: Term) -> None:
    term.grade(term.record(GRACE), term.record(ADA))
    for student in (GRACE, ADA):
        mark_by_hand(term.out / "gradebook.db", "why", 3.5, "Good.", student=student)
    term.grade(term.record(GRACE), term.record(ADA))
    assert [row["status"] for row in term.rows()] == ["graded", "graded"]
    for _ in range(2):  # a second grading does not forget it
        term.grade(term.record(GRACE, why="b"), term.record(ADA))
        rows = {row["student"]: (row["score"], row["status"]) for row in term.rows()}
        assert rows == {GRACE: ("5", "manual_pending"), ADA: ("8.5", "graded")}
        tasks = {(r["student"], r["task"]): r["score"] for r in term.rows("tasks")}
        assert (tasks[GRACE, "why"], tasks[ADA, "why"]) == ("", "3.5")
        report = term.report()
        assert "1 answer that waits for a person" in report and "every answer has its" not in report
        assert "changed since it was marked by hand (3.5 of 4 then)" in report
        page = (term.out / "feedback" / GRACE / f"{NAME}.html").read_text("utf-8")
        assert "a person will read it again" in page and "Good." not in page
        assert marked(term.out / "gradebook.db")["why"][-1] is True, "formgrader shows it"
    # The answer that was marked is back, and so is its mark.
    term.grade(term.record(GRACE), term.record(ADA))
    assert {row["score"] for row in term.rows()} == {"8.5"}
    # Somebody marks the new one elsewhere, while a third is handed in and graded here.
    term.grade(term.record(GRACE, why="b"), term.record(ADA))
    given = (term.out / "gradebook.db").read_bytes()
    term.grade(term.record(GRACE, why="c"), term.record(ADA))
    (term.out / "gradebook.db").write_bytes(given)
    mark_by_hand(term.out / "gradebook.db", "why", 4.0, "Better.")
    term.grade(term.record(GRACE, why="c"), term.record(ADA))
    assert {r["student"]: r["status"] for r in term.rows()}[GRACE] == "manual_pending"
    mark_by_hand(term.out / "gradebook.db", "why", 2.0, "Worse.")
    term.grade(term.record(GRACE, why="c"), term.record(ADA))
    assert {r["student"]: (r["score"], r["status"]) for r in term.rows()}[GRACE] == ("7", "graded")


def test_deletion_and_restoration_write_the_report_that_grading_writes(
    term: Term, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(term.small.course.folder)
    half = term.record(GRACE, 1.5, "Only half is right.")
    others = [term.record(name) for name in (ADA, "Max")]
    term.grade(half, *others)
    full = term.record(GRACE, 1.8, "More than half.", "v2")
    others = [term.record(name, check="v2") for name in (ADA, "Max")]
    term.grade(full, *others)
    for student, task, score in ((GRACE, "total", 1.0), (GRACE, "double", 0.5), (ADA, "double", 1)):
        cell = f"{task}-test"
        mark_by_hand(term.out / "gradebook.db", cell, score, "Copied.", student=student)
    term.grade(full, *others)
    assert main(["delete", ADA, "--out", str(term.out)]) == 0
    deleted = term.report()
    assert 'id="typed-over"' in deleted and "1 in place of 3" not in deleted
    assert "More than half." in deleted and "Checks or points that changed" in deleted
    term.grade(full, others[-1])
    assert deleted == term.report(), "the same class, graded again"
    assert main(["restore", "--out", str(term.out), "--task", "double"]) == 0
    restored = term.report()
    assert 'id="typed-over"' in restored and "More than half." in restored
    term.grade(full, others[-1])
    assert restored == term.report()


def test_late_and_waiting_are_two_things(term: Term) -> None:
    late = term.record(GRACE)
    late.late, done = True, term.record(ADA)
    term.grade(late, done)
    rows = {row["student"]: (row["status"], row["late"]) for row in term.rows()}
    assert rows == {GRACE: ("manual_pending", "yes"), ADA: ("manual_pending", "no")}
    assert '<span class="chip late">late</span>' in term.report()
    mark_by_hand(term.out / "gradebook.db", "why", 3.5)
    term.grade(late, done)
    assert {r["student"]: (r["status"], r["late"]) for r in term.rows()}[GRACE] == ("late", "yes")


def test_an_export_names_whose_marks_are_others_by_now(term: Term, tmp_path: Path) -> None:
    term.grade(term.record(GRACE), term.record(ADA))

    def notes(out: Path) -> list[str]:
        said = list[str]()
        export(out, term.small.course, "csv", say=said.append)
        return [line for line in said if "by now" in line or "compared" in line]

    copied = tmp_path / "copied"  # a copy's times say nothing
    shutil.copytree(term.out, copied, copy_function=shutil.copyfile)
    os.utime(copied / "gradebook.db")
    assert notes(term.out) == notes(copied) == []
    mark_by_hand(term.out / "gradebook.db", "why", 3.5, "Good.")
    os.utime(term.out / "gradebook.db", (0, 0))  # a clock that goes backwards
    (line,) = notes(term.out)
    assert line.endswith(f"say something else by now; grade again to export that: {GRACE}.")
    term.grade(term.record(GRACE), term.record(ADA))
    assert notes(term.out) == []
    shutil.rmtree(copied / "records")
    (line,) = notes(copied)
    assert "is not compared" in line and (copied / "export" / "marks.csv").is_file()

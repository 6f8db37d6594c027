"""The audit record: a line for every mark, none lost, none changed; and the rerun for an appeal."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from graded_class import NAME, Class, small_class
from nbgrader import api
from one_process import one_process
from small_course import CHECKS, write_course

from autograde.__main__ import main
from autograde.commands.grade import grade
from autograde.commands.rerun import RerunError, rerun
from autograde.grading.mark import load_assignment
from autograde.grading.score import hidden_inputs
from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.release import to_json
from autograde.reports import audit
from autograde.reports.audit import AuditError, Origin, forget, last_lines, note
from autograde.safety.files import WriteError

ORIGIN = Origin({NAME: "checks 1"}, "software 1", "bubblewrap")


@pytest.fixture
def small(tmp_path: Path) -> Class:
    return small_class(tmp_path / "course")


def lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / audit.FILE).read_text("utf-8").splitlines()]


def by_person(result: SubmissionResult, task: str, score: float, comment: str) -> SubmissionResult:
    changed = deepcopy(result)
    for entry in changed.tasks:
        if entry.task == task:
            entry.score, entry.message = score, comment
    return changed


def test_every_mark_has_a_line_and_every_change_another(small: Class, tmp_path: Path):
    graded = [small.result(submission_hash="5e1f", key="k"), small.result("Max", key="m")]
    assert note(graded, graded, ORIGIN, tmp_path) == 8
    first = lines(tmp_path)
    assert [(x["student"], x["task"], x["score"], x["max_score"]) for x in first[:4]] == [
        ("Grace Hopper", "double", 2, 2),
        ("Grace Hopper", "total", 3, 3),
        ("Grace Hopper", "why", None, 4),
        ("Grace Hopper", "", 5, 9),
    ]
    assert first[0] | {"time": ""} == {
        "time": "",
        "student": "Grace Hopper",
        "assignment": NAME,
        "task": "double",
        "score": 2.0,
        "max_score": 2.0,
        "by": "grader",
        "grader": 2.0,
        "comment": "",
        "submission": "5e1f",
        "checks": "checks 1",
        "software": "software 1",
        "isolation": "bubblewrap",
        "seed": audit.SEED,
        "key": "k",
    }
    assert str(first[0]["time"]).endswith("+00:00")
    assert note(graded, graded, ORIGIN, tmp_path) == 0
    # A person marks one answer, then changes the mark, then only the comment.
    for score, comment, was, words in (
        (3.0, "Good.", None, "Good."),
        (4.0, "Good.", 3.0, "Good."),
        (4.0, "Very good.", 4.0, "Very good."),
    ):
        shown = [by_person(graded[0], "why", score, comment), graded[1]]
        before = len(lines(tmp_path))
        note(graded, shown, ORIGIN, tmp_path)
        new = lines(tmp_path)[before:]
        assert (new[0]["by"], new[0]["was"], new[0]["score"]) == ("person", was, score)
        assert new[0]["comment"] == hashlib.sha256(words.encode()).hexdigest()[:16]
        assert new[0]["grader"] is None
        assert [x["task"] for x in new] == (["why", ""] if was != score else ["why"])
    # Corrected checks: every mark stands on something else, even where it is the same.
    corrected = replace(ORIGIN, checks={NAME: "checks 2"})
    assert note(graded, shown, corrected, tmp_path) == 8
    assert lines(tmp_path)[:8] == first
    last = last_lines("Grace Hopper", NAME, tmp_path)
    assert (last["why"]["checks"], last["why"]["score"], last[""]["score"]) == ("checks 2", 4, 9)


def test_a_line_is_whole_or_written_again(small: Class, tmp_path: Path):
    graded = [small.result("Ä" * 50), small.result("Max")]
    note(graded, graded, ORIGIN, tmp_path)
    path = tmp_path / audit.FILE
    whole = path.read_bytes()
    for cut in (1, 5, 200, len(whole) - 30, len(whole)):
        path.write_bytes(whole[: len(whole) - cut])
        note(graded, graded, ORIGIN, tmp_path)
        assert [x | {"time": ""} for x in lines(tmp_path)] == [
            json.loads(line) | {"time": ""} for line in whole.splitlines()
        ]


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_without_room_nothing_is_half_written(small: Class, tmp_path: Path):
    graded = [small.result("Max"), small.result("Eve")]
    note(graded[:1], graded[:1], ORIGIN, tmp_path)
    before = (tmp_path / audit.FILE).read_bytes()
    full = pytest.raises(WriteError, match=r"audit\.jsonl cannot be written \(File too large\)")
    with full, no_file_larger_than(len(before) + 700):
        note(graded, graded, ORIGIN, tmp_path)
    assert (tmp_path / audit.FILE).read_bytes() == before
    assert note(graded, graded, ORIGIN, tmp_path) == 4


def test_deleting_takes_a_students_lines_and_says_how_many(small: Class, tmp_path: Path):
    graded = [small.result("Max"), small.result("Eve")]
    note(graded, graded, ORIGIN, tmp_path)
    before = lines(tmp_path)
    assert forget(["Max"], tmp_path) == 4
    assert lines(tmp_path)[:-1] == before[4:]
    assert lines(tmp_path)[-1] == {"time": lines(tmp_path)[-1]["time"], "deleted_lines": 4}
    assert forget(["Max"], tmp_path) == 0
    assert note(graded[1:], graded[1:], ORIGIN, tmp_path) == 0
    assert forget(["Nobody"], tmp_path / "nowhere") == 0


def test_a_line_of_somebody_else_is_named(small: Class, tmp_path: Path):
    graded = [small.result()]
    (tmp_path / audit.FILE).write_text('{"student": "x"}\n')
    with pytest.raises(AuditError, match=r"Line 1 of .*audit\.jsonl is none that autograde wrote"):
        note(graded, graded, ORIGIN, tmp_path)


def hand_in(course: Course, folder: Path, texts: dict[str, str]) -> None:
    (folder / "Grace Hopper").mkdir(parents=True, exist_ok=True)
    notebook = submission(load_assignment(NAME, course.file).released, texts)
    (folder / "Grace Hopper" / f"{NAME}.ipynb").write_text(to_json(notebook), encoding="utf-8")


def test_a_rerun_reproduces_the_marks_or_says_what_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    load_assignment.cache_clear()
    course = write_course(tmp_path / "course")
    folder, out = tmp_path / "in", tmp_path / "out"
    right = dict(load_assignment(NAME, course.file).solutions)
    others = load_answers(course.folder / "solutions" / f"{NAME}.py")
    hand_in(course, folder, {**right, "double": others["double"]["wrong"]})
    quiet: list[str] = []
    with one_process():
        grade(folder, course, out, isolation="none", jobs=1, say=quiet.append)
    with api.Gradebook(f"sqlite:///{out / 'gradebook.db'}") as gradebook:
        given = gradebook.find_grade("why", NAME, NAME, "Grace Hopper")
        given.manual_score, given.needs_manual_grade = 3.0, False
        gradebook.db.commit()
    with one_process():
        grade(folder, course, out, isolation="none", jobs=1, say=quiet.append)
    assert last_lines("Grace Hopper", NAME, out)["why"]["by"] == "person"

    monkeypatch.chdir(course.folder)
    command = ["rerun", "Grace Hopper", str(folder), "--assignment", NAME, "--out", str(out)]
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert main([*command, "--isolation", "none"]) == 0
    said = capsys.readouterr().out
    assert "Same marks, reproduced: 3 of 3 tasks as in the audit record." in said
    assert "why: 3 of 4 were given by a person" in said
    assert "Since the marks" not in said
    after = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert {p for p in after if after[p] != before.get(p)} == {out / audit.FILE}
    assert lines(out)[-1]["appeal"]["outcome"] == "same marks"
    assert last_lines("Grace Hopper", NAME, out)["why"]["by"] == "person"

    # The checks are corrected, and something else is handed in.
    checks = course.folder / "solutions" / f"{NAME}_checks.py"
    checks.write_text(CHECKS.replace("return 0.5", "return 0.6"))
    hand_in(course, folder, {**right, "total": "# answer: total\ntotal = 9"})
    load_assignment.cache_clear()
    assert main([*command, "--isolation", "none"]) == 1
    said = capsys.readouterr().out
    reason = "the submission is another one, the notebook's checks, points or given cells have"
    assert f"{reason} changed." in said
    noted = lines(out)[-1]["appeal"]
    assert noted["outcome"] == "other marks" and reason in noted["reason"]
    assert "total: 1.8 points now, 3 points then." in noted["differences"]
    assert "double: 2 points now, 0 points then." in said
    assert "total: 1.8 points now, 3 points then." in said
    assert "Not the same marks: 2 of 3 tasks differ." in said

    # What happened in one task: its page, and a cell that repeats the hidden calls.
    wrong = "# answer: double\ndef double(x):\n    return x * x"
    hand_in(course, folder, {**right, "double": wrong})
    assert main([*command, "--isolation", "none", "--show", "double"]) == 0
    home = out / "appeals" / "Grace Hopper"
    page = (home / f"{NAME}-double.html").read_text("utf-8")
    assert "Twice as much" in page and "largest difference" in page and "<script" not in page
    space: dict[str, object] = {"double": lambda x: shown.append(x) or x * x}
    shown: list[int] = []
    printed: list[tuple[object, ...]] = []
    cell = (home / f"{NAME}-double.py").read_text("utf-8")
    exec(cell, space | {"print": lambda *words: printed.append(words)})
    digest = hashlib.sha256((folder / "Grace Hopper" / f"{NAME}.ipynb").read_bytes()).hexdigest()
    task = load_assignment(NAME, course.file).checks.tasks["double"]
    inputs = [n for (n,) in hidden_inputs(task, course.secret(), digest)]
    assert shown == inputs
    assert [(words[1], int(words[3])) for words in printed] == [(n * n, 2 * n) for n in inputs]
    assert lines(out)[-1]["appeal"]["shown"]["task"] == "double"

    with pytest.raises(RerunError, match=r"of Hopper; do you mean Grace Hopper\?$"):
        rerun("Hopper", NAME, folder, course, out, "none")
    # Case and blanks are nobody's name: here the folder without a mark is what is wrong.
    with pytest.raises(RerunError, match=r"holds no mark of Grace Hopper for 01_small: grade it"):
        (tmp_path / "empty").mkdir()
        rerun(" grace  hopper ", NAME, folder, course, tmp_path / "empty", "none")
    with pytest.raises(RerunError, match="There is no notebook '09_none'"):
        rerun("Grace Hopper", "09_none", folder, course, out, "none")
    load_assignment.cache_clear()

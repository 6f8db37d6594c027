"""A result depends on what it was made from and on nothing else: what runs again, and when."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_course import CHECKS, SOURCE, write_course

from autograde.grading import environment, runs
from autograde.grading.mark import UNTIMED, Assignment, load_assignment, mark
from autograde.model.records import SubmissionResult
from autograde.notebooks.answers import submission
from autograde.notebooks.release import ASSET, to_json

NAME = "01_small"
SECRET = b"a secret of tests"
COMMENTED = (
    '"""Corrected."""\n# A comment.\n'
    + CHECKS.replace("def double(calls):", 'def double(calls):\n    """Explain."""\n    # Why.')
    + '\n\n\nUNUSED = "by any check"\n'
)
TOTAL = CHECKS.replace("return 0.5", "return 0.6")


def assignment(folder: Path, checks: str = CHECKS, source: str = SOURCE) -> Assignment:
    load_assignment.cache_clear()
    return load_assignment(NAME, write_course(folder, source, checks).file)


def versions(folder: Path, checks: str, **files: str) -> dict[str, str]:
    for name, text in files.items():
        (folder / "solutions" / "shared").mkdir(parents=True, exist_ok=True)
        (folder / "solutions" / "shared" / f"{name}.py").write_text(text)
    return {task: made.version for task, made in assignment(folder, checks).made.items()}


SHARED = "from .shared.means import twice, ten\n" + CHECKS.replace(
    "2 * call.arguments[0]", "twice(call.arguments[0])"
).replace("== 10", "== ten()")
MEANS = """FACTOR, TEN = 2, {}
TEN["is"] = 10


def twice(x):
    return FACTOR * x


def ten():
    return TEN["is"]
"""


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (lambda text: text.replace("def twice", "# Twice.\ndef twice"), set()),
        (lambda text: text.replace("FACTOR * x", "(FACTOR\n        * x)"), set()),
        (lambda text: text + "\n\ndef thrice(x):\n    return 3 * x\n", set()),
        (lambda text: text.replace("FACTOR * x", "x * FACTOR"), {"double"}),
        (lambda text: text.replace('["is"] = 10', '["is"] = 9 + 1'), {"total"}),
        (lambda text: text.replace('return TEN["is"]', 'return +TEN["is"]'), {"total"}),
        (lambda text: text + "\nprint(end='')\n", {"double", "total"}),
    ],
    ids=["comment", "layout", "unused", "helper", "shared table", "other helper", "at import"],
)
def test_a_check_is_made_of_what_it_reaches(
    tmp_path: Path, edit: Callable[[str], str], changed: set[str]
) -> None:
    before = versions(tmp_path, SHARED, means=MEANS)
    after = versions(tmp_path, SHARED, means=edit(MEANS))
    assert {task for task in before if before[task] != after[task]} == changed


def test_a_file_counts_for_the_checks_that_read_it(tmp_path: Path) -> None:
    reading = CHECKS.replace(
        "def total(values):", 'def total(values):\n    open(__file__.replace("checks.py", "key"))'
    )
    key = tmp_path / "solutions" / f"{NAME}_key"
    seen = []
    for text in ("10", "11"):
        key.parent.mkdir(exist_ok=True)
        key.write_text(text)
        seen.append(versions(tmp_path, reading))
    assert {task for task in seen[0] if seen[0][task] != seen[1][task]} == {"total"}


def test_what_release_writes_into_the_library_is_no_part_of_any_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Today next week's notebook is released; yesterday's marks stand on what they stood on."""
    copy = tmp_path / "xaikit"
    shutil.copytree(environment._HOMES["xaikit"], copy, ignore=shutil.ignore_patterns("models"))
    monkeypatch.setitem(environment._HOMES, "xaikit", copy)

    def digest() -> str:
        environment._content.cache_clear()
        return environment.library.__wrapped__()

    before = digest()
    assert (copy / "assets" / ASSET).is_file()
    (copy / "assets" / ASSET).write_text("{}")
    with (copy / "models.py").open("a") as file:
        file.write("\n# A comment.\n")
    assert digest() == before
    with (copy / "models.py").open("a") as file:
        file.write("\nTHREE = 3\n")
    assert digest() != before
    environment._content.cache_clear()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, SubmissionResult]:
    """A submission and its record: `double` is right, `total` half right, `why` waits."""
    trusted = assignment(tmp_path_factory.mktemp("course"))
    texts = {**trusted.solutions, "total": "# answer: total\ntotal = 9"}
    content = to_json(submission(trusted.released, texts)).encode()
    result, _ = mark(content, "x", trusted, SECRET, UNTIMED, "none", ())
    assert {t.task: t.score for t in result.tasks} == {"double": 2.0, "total": 1.5, "why": None}
    return content, result


class Ran:
    """Notes what runs, and lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.what: list[object] = []
        for name in ("run_notebook", "call_functions"):
            monkeypatch.setattr(runs, name, self._noting(name, getattr(runs, name)))

    def _noting(self, name: str, function: Callable[..., object]) -> Callable[..., object]:
        def noted(cells: object, *rest: object) -> object:
            self.what.append(sorted(rest[0]) if name == "call_functions" else name)
            return function(cells, *rest)

        return noted


def regrade(
    trusted: Assignment, first: tuple[bytes, SubmissionResult]
) -> dict[str, tuple[float | None, bool]]:
    """Return for each task its mark, and whether it is the earlier record of it."""
    content, earlier = first
    result, _ = mark(content, "x", trusted, SECRET, UNTIMED, "none", (), earlier)
    old = {task.task: task for task in earlier.tasks}
    return {t.task: (t.score, old.get(t.task) is t) for t in result.tasks}


@pytest.mark.parametrize(
    ("checks", "source", "wanted"),
    [
        (COMMENTED, SOURCE, {"double": (2.0, True), "total": (1.5, True), "why": (None, True)}),
        (
            CHECKS,
            SOURCE.replace("# A small notebook", "# A small, friendly notebook"),
            {"double": (2.0, True), "total": (1.5, True), "why": (None, True)},
        ),
        (TOTAL, SOURCE, {"double": (2.0, True), "total": (1.8, False), "why": (None, True)}),
        (
            CHECKS,
            SOURCE.replace('"points": 3', '"points": 6'),
            {"double": (2.0, True), "total": (3.0, False), "why": (None, True)},
        ),
        (
            CHECKS.replace("# %% nothing", ""),
            SOURCE.replace("import math\n", "import math  # the only one\n"),
            {"double": (2.0, True), "total": (1.5, True), "why": (None, True)},
        ),
    ],
    ids=["a comment", "the text", "one check", "points", "a comment in a given cell"],
)
def test_nothing_runs_where_answers_are_recorded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: tuple[bytes, SubmissionResult],
    checks: str,
    source: str,
    wanted: dict[str, tuple[float | None, bool]],
) -> None:
    ran = Ran(monkeypatch)
    assert regrade(assignment(tmp_path, checks, source), first) == wanted
    assert ran.what == []


def test_other_inputs_are_asked_and_no_other_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: tuple[bytes, SubmissionResult]
) -> None:
    ran = Ran(monkeypatch)
    found = regrade(assignment(tmp_path, CHECKS.replace("99, 3", "99, 4")), first)
    assert ran.what == [["double"]]
    assert found == {"double": (2.0, False), "total": (1.5, True), "why": (None, True)}


def test_another_upload_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: tuple[bytes, SubmissionResult]
) -> None:
    ran = Ran(monkeypatch)
    content, earlier = first
    found = regrade(assignment(tmp_path), (content, replace(earlier, submission_hash="other")))
    assert ran.what == ["run_notebook", ["double"]]
    assert {task: score for task, (score, _) in found.items()} == {
        "double": 2.0,
        "total": 1.5,
        "why": None,
    }

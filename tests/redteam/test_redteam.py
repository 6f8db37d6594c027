"""No attack gains a point, no fair submission loses one, none disturbs another or stops the batch.

Each case is graded by plain nbgrader as well, with visible and hidden tests as usual: a case in
which that goes well, too, would show nothing and fails here. What nbgrader made of a case is kept
(``recorded.py``) until the case or nbgrader's version changes; one of each kind is always run.
Nothing runs before the sandbox has proved itself, and plain nbgrader, which has none, runs isolated
by the tests.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograde.model.course import Course
from autograde.sandbox.proof import prove

from .case import CASES, Case
from .grading import Ours, Plain, grade_class, grade_plainly, grade_tightly
from .recorded import recorded
from .toy import FULL, write_course


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("redteam")


@pytest.fixture(scope="module")
def course(folder: Path) -> Course:
    """Write the course, once the sandbox has proved that it holds."""
    prove([folder])
    return write_course(folder / "course")


@pytest.fixture(scope="module")
def asked(request: pytest.FixtureRequest) -> list[Case]:
    """Return the cases that this session asks about: no other is graded."""
    items = [item for item in request.session.items if item.path == request.path]
    asked = {item.callspec.params["case"].name for item in items if hasattr(item, "callspec")}
    return [case for case in CASES if case.name in asked]


@pytest.fixture(scope="module")
def plain(course: Course, asked: list[Case], folder: Path) -> dict[str, Plain]:
    """Grade plainly one case of each kind, and what the record does not know as it is now."""
    known = recorded(course, asked)
    fresh = [case for case in asked if case.name in ESSENTIAL or case.name not in known]
    return known | grade_plainly(course, fresh, folder / "plain")


@pytest.fixture(scope="module")
def graded(course: Course, asked: list[Case], folder: Path) -> dict[str, Ours]:
    """Grade as one class what can be, the rest under limits that are soon hit."""
    together = grade_class(course, [c for c in asked if not c.tight], folder / "ours")
    return together | grade_tightly(course, [c for c in asked if c.tight], folder)


# One of each kind of harm, and of help: what `make test` looks at.
ESSENTIAL = {
    *("skip-execution", "always-equal", "patched-builtins", "read-gradebook", "network"),
    *("forged-records", "library-by-path", "script-in-markdown", "hidden-inputs-in-names"),
    *("kernel-suicide", "deaf-loop", "fork-bomb", "memory", "oversized-answer"),
    *("duplicated-answer", "saved-in-colab", "stripped-metadata", "cut-short", "warning"),
}
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
cases = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case.name in ESSENTIAL else pytest.mark.slow, id=case.name)
        for case in CASES
    ],
)


def test_there_are_cases_of_every_kind() -> None:
    kinds = [case.kind for case in CASES]
    assert {kind: kinds.count(kind) >= 8 for kind in set(kinds)} == dict.fromkeys(
        ("theft", "denial", "unfair", "page"), True
    )
    assert len({case.name for case in CASES}) == len(CASES) >= 45
    assert {case.name for case in CASES} >= ESSENTIAL


@pytest.mark.slow
@every_case
def test_it_succeeds_against_plain_nbgrader(case: Case, plain: dict[str, Plain]) -> None:
    mark = plain[case.name]
    if case.kind == "theft":
        assert mark.score is not None and mark.score > 0
    elif case.kind == "page":
        assert mark.shown
    elif case.ours == FULL:  # a mishap, or harm that costs nobody anything here
        assert mark.score is None or mark.score < FULL
    else:  # it lost more than we take, or took what there was to take and kept its mark
        assert mark.score is None or mark.score < case.ours or mark.score == FULL


@cases
def test_it_gets_what_it_deserves(case: Case, graded: dict[str, Ours]) -> None:
    ours = graded[case.name]
    assert ours.record.score == case.ours, ours.told
    assert re.search(case.says, ours.told), ours.told
    if case.silent:
        assert case.silent not in ours.written + ours.told
        assert case.name in {c.name for c in CASES if c.tight} or "<html" in ours.written


def test_nobody_else_is_disturbed(graded: dict[str, Ours], asked: list[Case]) -> None:
    assert graded["honest"].record.score == FULL
    assert graded["honest"].record.notices == []
    assert graded["wrong"].record.score == 0
    assert set(graded) == {"honest", "wrong", *(case.name for case in asked)}


@pytest.mark.slow
def test_plain_nbgrader_tells_right_from_wrong(plain: dict[str, Plain]) -> None:
    assert (plain["honest"].score, plain["wrong"].score) == (FULL, 0)

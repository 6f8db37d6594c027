"""Statistics of a class of five, computed by hand, and by NumPy and SciPy where that is long."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from graded_class import NAME, Class, small_class
from inert import assert_inert, text
from scipy.stats import pearsonr

from autograde.model.records import SubmissionResult
from autograde.reports.class_report import report_html, write_report
from autograde.reports.statistics import Statistics, TaskStatistics, statistics
from autograde.tasks import note_statement, noting_statements

DOUBLE, TOTAL, WHY = (
    (2.0, 2.0, 1.0, 1.0, 0.0),
    (3.0, 1.5, 3.0, 0.0, 0.0),
    (4.0, 2.0, None, 1.0, 0.0),
)
SAID = "Twice as much, please."


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Class:
    return small_class(tmp_path_factory.mktemp("course"))


def five(small: Class) -> list[SubmissionResult]:
    """Return five submissions, one of which waits for a person, beside one that is unreadable."""
    read = [
        small.result(
            f"Student {i}",
            {"double": double, "total": total, "why": why},
            {"double": SAID if i != 3 else "Another thing.", "total": "Sum up."},
            timestamp=f"2027-04-0{i + 2}T12:00:00+02:00",
        )
        for i, (double, total, why) in enumerate(zip(DOUBLE, TOTAL, WHY, strict=True))
    ]
    missing = small.result("Mia", dict.fromkeys(("double", "total", "why"), 0.0), status="missing")
    return [*read, small.unreadable("Max"), missing]


def task(found: Statistics, name: str) -> TaskStatistics:
    (one,) = (t for t in found.tasks if t.task == name)
    return one


def test_a_class_of_five_is_as_computed_by_hand(small: Class) -> None:
    found = statistics(five(small), small.course)
    double, total, why = (task(found, name) for name in ("double", "total", "why"))
    assert (double.marked, double.waiting, double.max_score) == (5, 0, 2.0)
    # (2 + 2 + 1 + 1 + 0) / 5; the squares of the differences are 2.8 together, of four degrees.
    assert double.mean == pytest.approx(1.2)
    assert double.spread == pytest.approx(0.7**0.5)
    # The text waits for one, so the rest is `total`: 3 / √(2.8 · 9).
    assert double.discrimination == pytest.approx(3 / (2.8 * 9) ** 0.5)
    assert double.discrimination == pytest.approx(np.corrcoef(DOUBLE, TOTAL)[0, 1])
    assert total.discrimination == pytest.approx(double.discrimination)
    # Nobody's zero: the third waits.
    assert (why.marked, why.waiting, why.mean) == (4, 1, 1.75)
    rest = [d + t for d, t, w in zip(DOUBLE, TOTAL, WHY, strict=True) if w is not None]
    marks = [w for w in WHY if w is not None]
    assert why.spread == pytest.approx(np.std(marks, ddof=1))
    assert why.discrimination == pytest.approx(pearsonr(marks, rest).statistic)
    # Only who lost points has read something: 2 and 1 of the three below 2.
    assert double.messages == ((SAID, 2), ("Another thing.", 1))
    assert total.messages == (("Sum up.", 3),)


@pytest.mark.parametrize(
    ("scores", "why", "mean"),
    [
        ((), None, None),
        ((None, None, None), "nobody has marks yet", None),
        ((1.0,), "only one has marks", 1.0),
        ((1.0, 2.0), "only two have marks", 1.5),
        ((1.0, 1.0, 1.0), "all have the same marks", 1.0),
        ((0.0, 1.0, 2.0), "all have the same marks for the rest", 1.0),
    ],
)
def test_where_there_is_no_correlation_the_page_says_why(
    small: Class, scores: tuple[float | None, ...], why: str | None, mean: float | None
) -> None:
    results = [small.result(f"Student {i}", {"double": s}) for i, s in enumerate(scores)]
    found = statistics(results, small.course)
    page = report_html(results, small.course)
    assert_inert(page)
    assert "nan" not in text(page).lower().split()
    if why is None:
        assert found.tasks == []
        return
    assert (task(found, "double").why, task(found, "double").mean) == (why, mean)
    assert task(found, "double").discrimination is None
    assert why in text(page)


def test_a_notebook_of_one_task_has_no_rest(small: Class) -> None:
    results = five(small)[:5]
    for result in results:
        result.tasks = result.tasks[:1]
    assert task(statistics(results, small.course), "double").why == "no other task has all marks"


def with_quiz(small: Class) -> list[SubmissionResult]:
    results = five(small)
    for result, first, second in zip(
        results, ("right", "right", "wrong"), ("open",) * 3, strict=False
    ):
        result.tasks[1].statements = {"A1": first, "A2": second}
    return results


def test_each_statement_is_counted_and_what_nobody_touched_is_not_answered(small: Class) -> None:
    found = statistics(with_quiz(small), small.course).statements
    assert [(s.task, s.statement, s.right, s.wrong, s.open) for s in found] == [
        ("total", "A1", 2, 1, 2),
        ("total", "A2", 0, 0, 5),
    ]


def test_a_check_notes_statements_and_without_a_scorer_that_is_nothing() -> None:
    note_statement("A1", "right")
    with noting_statements() as found:
        note_statement("A2", "wrong")
    assert found == {"A2": "wrong"}


def test_days_from_release_to_hand_in_where_they_are_known(small: Class) -> None:
    course = small.course
    assert statistics(five(small), course).unreleased == [NAME]
    released = datetime.fromisoformat("2027-04-01T00:00:00+02:00")
    terms = replace(course.assignments[NAME], released=released)
    known = replace(course, assignments={**course.assignments, NAME: terms})
    results = five(small)
    results[4].timestamp = ""
    (found,) = statistics(results, known).hand_ins
    # At noon of the 2nd to the 5th; one is unknown.
    assert (found.known, found.unknown) == (4, 1)
    assert (found.shortest, found.median, found.longest) == (1.5, 3.0, 4.5)
    assert "1.5 days" in text(report_html(results, known))


def test_the_tables_hold_the_same_numbers_as_the_page(small: Class, tmp_path: Path) -> None:
    results = with_quiz(small)
    results[2].tasks[0].message = "=HYPERLINK(1)"
    write_report(results, small.course, tmp_path / "report.html")
    tables = {
        path.stem: list(csv.DictReader(path.open(newline="")))
        for path in (tmp_path / "statistics").iterdir()
    }
    assert set(tables) == {"tasks", "statements", "messages", "hand_in"}
    double = tables["tasks"][0]
    assert (double["marked"], double["mean"], double["spread"]) == ("5", "1.2", "0.8367")
    assert (double["discrimination"], double["why_none"]) == ("0.5976", "")
    assert [row["right"] for row in tables["statements"]] == ["2", "0"]
    assert not any(row["message"].startswith("=") for row in tables["messages"])
    page = text((tmp_path / "report.html").read_text())
    for part in ("1.20", "0.84", "0.60", "A1", SAID):
        assert part in page

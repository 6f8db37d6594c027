"""The report's numbers are counted by hand for a class of four."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from graded_class import NAME, Class, small_class
from inert import assert_inert, elements, parse, text

from autograde.model.records import SubmissionResult
from autograde.reports.class_report import (
    distributions,
    report_html,
    task_rates,
    waiting,
    write_report,
)
from autograde.reports.feedback import write_feedback
from autograde.reports.similarity import Pair

HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Class:
    """Return the small class."""
    return small_class(tmp_path_factory.mktemp("course"))


@pytest.fixture
def results(small: Class) -> list[SubmissionResult]:
    """Return four submissions: all right and waiting, partly right, unreadable, missing."""
    wrong = {"double": "Twice as much, please."}
    missing = small.result("Mia", dict.fromkeys(("double", "total", "why"), 0.0), status="missing")
    missing.notebook, missing.seconds = None, 0.0
    return [
        small.result("Grace Hopper"),
        small.result("Group 1", {"double": 0.0, "total": 1.5, "why": 4.0}, wrong, seconds=60.0),
        small.unreadable("Max"),
        missing,
    ]


def test_distribution(results: list[SubmissionResult]) -> None:
    """5, 5.5 and 0 of 9 points: shares of 56, 61 and 0 percent; what is missing is not counted."""
    (found,) = distributions(results)
    assert found.handed_in == 3
    assert found.counts == [1, 0, 0, 0, 0, 1, 1, 0, 0, 0]
    assert found.mean == pytest.approx(100 * (5 / 9 + 5.5 / 9 + 0) / 3)
    assert found.median == pytest.approx(100 * 5 / 9)


def test_full_marks_are_in_the_last_bin(small: Class) -> None:
    """The last bin holds its upper end."""
    (found,) = distributions([small.result(scores={"why": 4.0})])
    assert found.counts == [0] * 9 + [1]


def test_task_rates(results: list[SubmissionResult]) -> None:
    """What could not be read says nothing about a task."""
    rates = {rate.task: rate for rate in task_rates(results)}
    double, total, why = rates["double"], rates["total"], rates["why"]
    assert (double.full, double.part, double.none, double.waiting) == (1, 0, 1, 0)
    assert (double.share, double.common) == (50.0, "Twice as much, please.")
    assert (total.full, total.part, total.none, total.share) == (1, 1, 0, 75.0)
    assert (why.full, why.waiting, why.share) == (1, 1, 100.0)


def test_waiting(results: list[SubmissionResult]) -> None:
    """Manual work is listed by task."""
    found = {key: [r.student for r in who] for key, who in waiting(results).items()}
    assert found == {(NAME, "why"): ["Grace Hopper"]}


def test_the_page_tells_it_all(small: Class, results: list[SubmissionResult]) -> None:
    """Marks, statuses, reasons and the slowest run stand on the page."""
    results[0].tasks[0].notice = "The answer was matched by its marker alone."
    html = report_html(results, small.course)
    assert_inert(html)
    read = text(html)
    for part in (
        "3 submissions, 1 answer that waits",
        "5 / 9 waits for a person",
        "5.5 / 9",
        "0 / 9 unreadable upload",
        "Mia not handed in",
        "Twice as much, please.",
        "it ends in the middle",
        "matched by its marker alone",
        "60.0",
    ):
        assert part in read
    charts = [a["aria-label"] for tag, a in elements(html) if tag == "svg"]
    assert charts == [
        f"{NAME}: submissions by share of points. 0–10 %: 1. 50–60 %: 1. 60–70 %: 1. "
    ]


def test_every_table_scrolls_where_the_window_is_narrower(
    small: Class, results: list[SubmissionResult]
) -> None:
    moment = datetime.fromisoformat("2027-04-01T00:00:00+02:00")
    terms = replace(small.course.assignments[NAME], released=moment)
    page = report_html(results, replace(small.course, assignments={NAME: terms}))
    assert "Longest" in page and "Seconds" in page  # all tables are there
    assert page.count("<table") == len(re.findall(r'<div class="scroll[^>]*>\s*<table', page)) > 5


def test_links_lead_to_feedback(
    small: Class, results: list[SubmissionResult], tmp_path: Path
) -> None:
    """Every mark links to a page that is there, whatever the student is called."""
    results.append(small.result("100% / #1? “Zoë”"))
    write_feedback(results, small.course, tmp_path)
    write_report(results, small.course, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    links = [a["href"] for tag, a in elements(html) if tag == "a"]
    pages = {link for link in links if not link.startswith("#")}
    assert len(pages) == 4  # all but Mia, who handed in nothing
    for link in pages:
        assert (tmp_path / unquote(link)).is_file()
    places = {e.get("id") for e in parse(html).iter()}
    assert all(link[1:] in places for link in links if link.startswith("#"))


@pytest.mark.parametrize("field", ["student", "message", "notice", "task_notice"])
def test_nothing_that_a_student_wrote_acts(
    small: Class, results: list[SubmissionResult], field: str
) -> None:
    """Hostile text is text, wherever it comes from."""
    result = results[1]
    if field == "student":
        result.student = HOSTILE
    elif field == "message":
        result.tasks[0].message = HOSTILE
    elif field == "notice":
        result.notices = [HOSTILE]
    else:
        result.tasks[0].notice = HOSTILE
    html = report_html(results, small.course)
    assert_inert(html)
    assert "alert(1)" in text(html)


def test_a_class_without_submissions(small: Class) -> None:
    """An empty folder yields a report, not an error."""
    html = report_html([], small.course)
    assert_inert(html)
    assert "There are no submissions." in text(html)


def test_alike_submissions_are_named_without_a_verdict(
    small: Class, results: list[SubmissionResult]
) -> None:
    """Both names link to their pages, with the share and the answers; hostile names are text."""
    results.append(small.result(HOSTILE))
    html = report_html(
        results,
        small.course,
        [
            Pair(NAME, ("Grace Hopper", "Max"), 0.934, ("double", "why")),
            Pair(NAME, (HOSTILE, "Max"), 0.61, ()),
        ],
    )
    assert_inert(html)
    read = " ".join(text(html).split())
    assert "Grace Hopper and Max93 %double, why" in read
    assert "no finding" in read
    assert "Alike" not in text(report_html(results, small.course))


def test_what_got_no_marks_because_it_could_not_be_run_is_counted(
    small: Class, results: list[SubmissionResult]
) -> None:
    read = text(report_html(results, small.course))
    assert "1 that could not be read or run and got no marks" in read


def test_who_is_not_in_the_class_list_is_to_be_looked_at(small: Class) -> None:
    there = [small.result("Grace Hopper"), small.result("Gràce Hopper"), small.result("Max")]
    page = " ".join(report_html(there, small.course).split())
    assert "Max is not in the class list; graded all the same." in page
    assert (
        "Gràce Hopper is not in the class list; graded all the same. Is Grace Hopper meant?" in page
    )
    assert page.count("not in the class list") == 2 and "2 to look at" in page
    without = replace(small.course, students=())
    assert "not in the class list" not in report_html(there, without)

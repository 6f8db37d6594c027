"""Reports made to harm, and honest ones that are odd: each costs its own authors at most the page.

They are graded as one class, in the sandbox, by the command that an instructor gives.
"""

from __future__ import annotations

import html
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pdfs
import pytest
from hostile_pdfs import CASES, MARK, Hostile
from nbconvert import HTMLExporter
from one_process import one_process
from with_report import course_with_report, hand_in, upload

from autograde.commands.grade import grade
from autograde.gradebook.coursefolder import autograded_path
from autograde.grading.mark import load_assignment
from autograde.model.records import SubmissionResult, TaskResult
from autograde.reports.feedback import feedback_path

NAME = "01_small"
NO_PDF, TOO_LARGE = "is called a PDF and is none", "is larger than 16 MB"
SECRET = b"what another group wrote"
QUICK = {
    "HTML in the text",
    "a text of halves of letters",
    "a second page by an update",
    "a tree of pages in itself",
    "encrypted without a password",
}
# What is no plain file of that name, or has a name that would act on a page: what is said.
FILES = {
    "a link": "Not handed in",
    "a pipe": "could not be read",
    "a folder": "Not handed in",
    "nothing in it": "is empty: make it again",
    "a gigabyte of nothing": TOO_LARGE,
    "a script as its name": "A person will mark this.",
    "a name that is read backwards": "A person will mark this.",
}


@dataclass(frozen=True)
class Graded:
    """The class's records, and all that people open."""

    results: dict[str, SubmissionResult]
    out: Path
    said: str

    def of(self, name: str) -> SubmissionResult:
        return self.results[_student(name)]

    def page(self, name: str) -> TaskResult:
        return next(task for task in self.of(name).tasks if task.task == "page")

    def written(self, name: str) -> str:
        """Return the feedback, the graded notebook as nbgrader's pages show it, and the report."""
        feedback = self.out / feedback_path(_student(name), NAME)
        graded = HTMLExporter(template_name="classic").from_filename(
            str(autograded_path(self.out, _student(name), NAME))
        )
        report = self.out / "report.html"
        return "".join([feedback.read_text(), graded[0], report.read_text()])


def _student(name: str) -> str:
    """Return whose folder holds it: no folder may be called as some cases are."""
    return " ".join(re.findall("[A-Za-z0-9]+", name))


def _spoil(home: Path, name: str) -> None:
    report = home / "report.pdf"
    match name:
        case "a link":
            report.symlink_to("../../secret.pdf")
        case "a pipe":
            os.mkfifo(report)
        case "a folder":
            report.mkdir()
        case "nothing in it":
            report.touch()
        case "a gigabyte of nothing":
            with report.open("wb") as file:
                file.write(b"%PDF-1.7\n")
                file.truncate(1 << 30)
        case "a script as its name":
            (home / f"report<img src=x onerror={MARK}>.pdf").write_bytes(pdfs.pages())
        case "a name that is read backwards":
            (home / "report\u202efdp.exe.pdf").write_bytes(pdfs.pages())


@pytest.fixture(scope="module")
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """Grade what this session asks about, and an honest group beside it."""
    folder = tmp_path_factory.mktemp("hostile")
    course = course_with_report(folder / "course")
    items = [item for item in request.session.items if item.path == request.path]
    asked = {getattr(item, "callspec", None) and item.callspec.id for item in items}
    (folder / "secret.pdf").write_bytes(pdfs.pages() + SECRET)
    hand_in(folder / "in", "honest", upload(course), report_pdf=pdfs.pages())
    for one in CASES:
        if one.name in asked:
            hand_in(folder / "in", _student(one.name), upload(course), report_pdf=one.make())
    for name in FILES:
        if name in asked:
            _spoil(hand_in(folder / "in", _student(name), upload(course)), name)
    load_assignment.cache_clear()
    lines: list[str] = []
    with one_process():
        results = grade(folder / "in", course, folder / "out", jobs=2, say=lines.append)
    return Graded({r.student: r for r in results}, folder / "out", "\n".join(lines))


def _loses_nothing_else(graded: Graded, student: str) -> None:
    mine = graded.of(student)
    assert {t.task: t.score for t in mine.tasks if t.task in ("double", "total")} == {
        "double": 2,
        "total": 3,
    }
    written = graded.written(student)
    # No element of theirs is one of ours, and no line is turned around.
    assert f"<script>{MARK}" not in written and f"<img src=x onerror={MARK}" not in written
    for sign in ("\u202e", "\x1b", "\0"):
        assert sign not in written + graded.said
    assert SECRET.decode() not in written


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=c.name, marks=() if c.name in QUICK else pytest.mark.slow) for c in CASES],
)
def test_a_hostile_report_costs_its_page_at_most(case: Hostile, graded: Graded) -> None:
    page = graded.page(case.name)
    assert page.score is None, page.message
    assert case.says in page.message if case.says else page.message == "A person will mark this."
    told = [notice for notice in graded.of(case.name).notices if "report.pdf" in notice]
    assert len(told) == bool(case.says), told
    assert graded.of(case.name).status == "manual_pending"
    _loses_nothing_else(graded, case.name)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_report_is_named(name: str, graded: Graded) -> None:
    assert FILES[name] in graded.page(name).message
    _loses_nothing_else(graded, name)


def test_a_link_is_named(graded: Graded) -> None:
    if "a link" in graded.results:
        assert re.search(r"a link/report\.pdf is a link and was not followed", graded.said)


def test_the_words_of_a_page_are_read_aloud_as_words(graded: Graded) -> None:
    """What stands on the page is the picture's alternative text, and nothing else than text."""
    if "HTML in the text" in graded.results:
        written = graded.written("HTML in the text")
        assert written.count(html.escape(f"<script>{MARK}()</script>")) == 2


def test_nobody_else_is_disturbed(graded: Graded) -> None:
    assert graded.page("honest").message == "A person will mark this."
    assert graded.of("honest").notices == []
    _loses_nothing_else(graded, "honest")


def test_there_are_cases_of_every_kind() -> None:
    kinds = [case.kind for case in CASES]
    assert min(kinds.count(kind) for kind in ("theft", "denial", "page", "unfair")) >= 3
    assert len({case.name for case in CASES}) == len(CASES) and len(CASES) + len(FILES) >= 25
    assert {case.name for case in CASES} >= QUICK

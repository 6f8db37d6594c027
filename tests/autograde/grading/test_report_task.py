"""A report beside the notebook: a person marks it, nobody's marks but its authors' depend on it."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
import pdfs
import pytest
from hostile_pdfs import text
from marks import mark_by_hand
from PIL import Image
from with_report import course_with_report, graded, hand_in, upload

from autograde.gradebook.coursefolder import autograded_path
from autograde.grading.reports import NOT_THERE
from autograde.reports.feedback import feedback_path
from autograde.reports.pages_of_reports import NAMELESS


@pytest.fixture
def course(tmp_path: Path):
    return course_with_report(tmp_path / "course")


def of(result):
    return next(task for task in result.tasks if task.task == "page")


def shown(out: Path, student: str):
    """Return the outputs of the report's cell as the marker sees them, and the cell above."""
    notebook = nbformat.read(autograded_path(out, student, "01_small"), as_version=4)
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    place = ids.index("page")
    return notebook.cells[place].outputs, notebook.cells[place - 1].source


def test_the_page_is_shown_to_the_marker_below_the_mark_scheme(course, tmp_path) -> None:
    hand_in(tmp_path / "in", "Grace Hopper", upload(course), report_pdf=pdfs.pages())
    hand_in(tmp_path / "in", "Group 1", upload(course))
    results = graded(course, tmp_path / "in", tmp_path / "out")
    with_one, without = results["Grace Hopper"], results["Group 1"]
    assert of(with_one).score is None and of(with_one).message == "A person will mark this."
    assert (of(without).score, of(without).message) == (0, NOT_THERE)
    (output,), above = shown(tmp_path / "out", "Grace Hopper")
    picture = Image.open(BytesIO(base64.b64decode(output.data["image/png"])))
    red = (np.asarray(picture) == [255, 0, 0]).all(2)
    assert red.mean() == pytest.approx(0.25, abs=0.01)
    assert output.metadata["image/png"]["alt"].startswith("The report report.pdf, page 1 of 1")
    assert "Mark scheme" in above and "> * Three points for the figure." in above
    assert "> #" not in above
    page = (tmp_path / "out" / feedback_path("Grace Hopper", "01_small")).read_text()
    assert output.data["image/png"] in page.replace("\n", "") and "The report report.pdf" in page
    # Neither the cell's code has run, nor is the PDF anywhere among the results.
    assert not [p for p in (tmp_path / "out").rglob("*") if p.suffix == ".pdf"]
    assert not Path("report.pdf").exists()
    line = [
        json.loads(line)
        for line in (tmp_path / "out" / "audit.jsonl").read_text().splitlines()
        if '"page"' in line
    ]
    digest = hashlib.sha256(pdfs.pages()).hexdigest()
    assert {each["student"]: each.get("report", "") for each in line} == {
        "Grace Hopper": digest,
        "Group 1": "",
    }


def test_a_mark_stays_with_its_report(course, tmp_path) -> None:
    """Regrading keeps it; another PDF waits again; the old PDF brings it back."""
    home = hand_in(tmp_path / "in", "Grace Hopper", upload(course), report_pdf=pdfs.pages())
    out = tmp_path / "out"
    graded(course, tmp_path / "in", out)
    mark_by_hand(out / "gradebook.db", "page", 5.0, "Good.")
    again = of(graded(course, tmp_path / "in", out)["Grace Hopper"])
    assert (again.score, again.message) == (5, "Good.")
    # Another cell of code above the same PDF changes nothing.
    hand_in(tmp_path / "in", "Grace Hopper", upload(course, page="# answer: page\n1 + 1"))
    assert of(graded(course, tmp_path / "in", out)["Grace Hopper"]).score == 5
    (home / "report.pdf").write_bytes(pdfs.pages(drawing=b"0 1 0 rg 0 0 9 9 re f"))
    other = graded(course, tmp_path / "in", out)["Grace Hopper"]
    assert of(other).score is None and "has changed since it was marked" in of(other).message
    assert {t.task: t.score for t in other.tasks if t.task in ("double", "total")} == {
        "double": 2,
        "total": 3,
    }
    (home / "report.pdf").unlink()
    assert of(graded(course, tmp_path / "in", out)["Grace Hopper"]).score is None
    (home / "report.pdf").write_bytes(pdfs.pages())
    assert of(graded(course, tmp_path / "in", out)["Grace Hopper"]).score == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pdfs.pages(2), "report.pdf has 2 pages, and the report is one: only the first one"),
        (pdfs.encrypted(), "report.pdf asks for a password"),
        (pdfs.pages()[:200], "report.pdf is damaged"),
        (b"MZ" + bytes(99), "report.pdf is called a PDF and is none"),
        (b"", "report.pdf is empty: make it again"),
        (b"%PDF-1.7" + bytes(17 << 20), "The upload is larger than 16 MB; please make its pict"),
    ],
    ids=["two pages", "encrypted", "cut", "program", "empty", "large"],
)
def test_a_report_that_is_wrong_waits_for_a_person_and_costs_nothing_else(
    course, tmp_path, content: bytes, said: str
) -> None:
    hand_in(tmp_path / "in", "Grace Hopper", upload(course), report_pdf=content)
    hand_in(tmp_path / "in", "Group 1", upload(course), report_pdf=pdfs.pages())
    results = graded(course, tmp_path / "in", tmp_path / "out")
    mine = results["Grace Hopper"]
    assert of(mine).score is None and said in of(mine).message
    assert sum(said in notice for notice in mine.notices) == 1
    assert mine.status == "manual_pending"
    assert sum(t.score or 0 for t in mine.tasks) == 5
    assert of(results["Group 1"]).message == "A person will mark this."
    again = graded(course, tmp_path / "in", tmp_path / "out")["Grace Hopper"]
    assert again.notices == mine.notices and of(again) == of(mine)


def test_the_notebook_alone_decides_about_hidden_inputs(course, tmp_path) -> None:
    """A student cannot draw other inputs by handing in another PDF."""
    seen = []
    for content in (pdfs.pages(), pdfs.pages(2)):
        hand_in(tmp_path / "in", "Grace Hopper", upload(course), report_pdf=content)
        seen.append(graded(course, tmp_path / "in", tmp_path / "out")["Grace Hopper"])
    assert seen[0].submission_hash == seen[1].submission_hash
    assert seen[0].report_hash != seen[1].report_hash
    assert not seen[1].ran


def test_a_group_hands_in_in_an_archive_as_a_platform_packs_it(course, tmp_path) -> None:
    packed = tmp_path / "download.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in (
            "Ada Lovelace_1_assignsubmission_file_",
            "Grace Hopper_2_assignsubmission_file_",
        ):
            archive.writestr(f"{name}/01_small.ipynb", upload(course))
        archive.writestr("Ada Lovelace_1_assignsubmission_file_/report.pdf", pdfs.pages())
    results = graded(course, packed, tmp_path / "out")
    assert of(results["Group 1"]).score is None
    assert of(results["Grace Hopper"]).score == 0


def test_another_groups_page_is_shown_to_persons_and_costs_nothing(course, tmp_path) -> None:
    out = tmp_path / "out"
    content = text("GRACE HÓPPER: we looked at one map. " + "It marks what falls. " * 6)
    for student in ("Grace Hopper", "Group 1"):
        hand_in(tmp_path / "in", student, upload(course), report_pdf=content)
    results = graded(course, tmp_path / "in", out)
    assert {of(result).score for result in results.values()} == {None}
    assert {of(result).message for result in results.values()} == {"A person will mark this."}
    # Above the answer, where it is marked; not on the page that students get.
    assert NAMELESS in shown(out, "Group 1")[1] and NAMELESS not in shown(out, "Grace Hopper")[1]
    assert NAMELESS not in (out / feedback_path("Group 1", "01_small")).read_text()
    report = (out / "report.html").read_text()
    alike = report[report.index('<h2 id="alike">') :]
    assert "Group 1" in alike and "Grace Hopper" in alike and "100 %" in alike
    assert report.count("names nobody of this group") == 1
    again = graded(course, tmp_path / "in", out)
    assert again["Group 1"].tasks == results["Group 1"].tasks

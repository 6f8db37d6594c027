"""Visible checks are folded under one line, and stay what they are on every way back."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbgrader.utils import compute_checksum
from rebuilding import check_trusted, upload
from small_course import SOURCE, small_source

from autograde.intake.rebuild import rebuild
from autograde.notebooks.cells import grading, released_cells
from autograde.notebooks.folded import TITLE, WIDEST
from autograde.notebooks.release import released, solved, to_json
from xaikit.handin.markers import squeezed
from xaikit.handin.uploads import digest

HEADED = SOURCE.replace("# {{ hint }}", "# ### Task 1: twice as much (2 points)\n# {{ hint }}")
CHECK = "assert double(1) is None or double(1) > 1"


def made(source: str, tmp_path: Path) -> nbformat.NotebookNode:
    cells = released(small_source(tmp_path, source)).cells
    return next(cell for cell in cells if grading(cell)["grade_id"] == "double-test")


@pytest.mark.parametrize(
    ("check", "line"),
    [
        (CHECK, "Check of Task 1: the form of your answer"),
        ('checks.passed("double")', "Check of Task 1: the form of your answer"),
        ('checks.passed("double", "two numbers,")', "Check of Task 1: two numbers"),
        (
            'import matplotlib.pyplot as plt\nchecks.passed(\n    "double",\n    "one number"\n)\n'
            "plt.show()",
            "Check and plot of Task 1: one number",
        ),
        ("%matplotlib inline", "Check of Task 1"),
    ],
)
def test_the_line_says_which_task_and_what_is_checked(
    check: str, line: str, tmp_path: Path
) -> None:
    cell = made(HEADED.replace(CHECK, check), tmp_path)
    imported = "from xaikit import checks\n\n" if "checks." in check else ""
    assert cell.source == f"{TITLE}{line}\n{imported}{check}"
    assert cell.metadata["jupyter"] == {"source_hidden": True}  # JupyterLab
    assert cell.metadata["cellView"] == "form"  # Colab
    assert cell.metadata["nbgrader"]["checksum"] == compute_checksum(cell)
    assert cell.metadata["editable"] is cell.metadata["deletable"] is False


def test_the_line_is_short_enough_to_be_seen(tmp_path: Path) -> None:
    said = "a, b, " * 50
    first = made(HEADED.replace(CHECK, f'checks.passed("double", "{said}")'), tmp_path)
    line = first.source.split("\n")[0]
    assert line.endswith("…") and WIDEST - 5 < len(line) <= WIDEST


def test_a_task_without_a_heading_is_called_by_its_id(tmp_path: Path) -> None:
    source = SOURCE.replace("# # A small notebook\n#\n", "")
    assert "Check of double: " in made(source, tmp_path).source


def test_nothing_but_test_cells_is_folded(tmp_path: Path) -> None:
    for cell in released(small_source(tmp_path)).cells:
        folded = grading(cell)["grade_id"] in ("double-test", "total-test")
        assert folded == cell.source.startswith(TITLE)
        assert folded == ("jupyter" in cell.metadata) == ("cellView" in cell.metadata)


def opened(cell: nbformat.NotebookNode) -> None:
    """Do what JupyterLab and Colab do when a student opens the cell."""
    del cell.metadata["jupyter"], cell.metadata["cellView"]


def retitled(cell: nbformat.NotebookNode) -> None:
    """Do what Colab does when a student edits the form's title."""
    cell.source = cell.source.replace(TITLE, "# @title My own ")


def with_output(cell: nbformat.NotebookNode) -> None:
    """Do what JupyterLab does when a student folds the output, too."""
    cell.metadata["jupyter"]["outputs_hidden"] = True


@pytest.mark.parametrize("change", [opened, retitled, with_output])
def test_grading_restores_what_a_student_opened_or_changed(change, tmp_path: Path) -> None:
    source = small_source(tmp_path, HEADED)
    release, handed_in = released(source), solved(source)
    change(next(c for c in handed_in.cells if grading(c)["grade_id"] == "double-test"))
    rebuilt = rebuild(upload(handed_in), release)
    check_trusted(rebuilt, release)
    assert not rebuilt.extras


def test_a_folded_cell_is_known_as_given_after_a_round_trip(tmp_path: Path) -> None:
    """As nbformat, and as Jupytext's text, which drops what it does not know."""
    release = released(small_source(tmp_path, HEADED))
    again = nbformat.reads(to_json(release), as_version=4)
    assert again == release
    text = jupytext.writes(release, fmt="py:percent")
    cell = next(c for c in jupytext.reads(text, fmt="py:percent").cells if TITLE in c.source)
    assert digest(squeezed(cell.source)) in {cell.text for cell in released_cells(release)}
    assert cell.metadata["cellView"] == "form" and cell.metadata["jupyter"]["source_hidden"]

"""Harm to the grader's own processes, which no limit of the sandbox would end."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from time import process_time

import pytest
from PIL import Image

from autograde.intake.submissions import find
from autograde.safety import sanitize as clean
from autograde.safety.html import markdown_html
from autograde.safety.rewrite import clean_markdown
from autograde.safety.sanitize import Budget, clean_outputs

from .toy import NAME, write_course


def picture(side: int) -> dict[str, object]:
    """Return a display of a picture that is small packed and large unpacked."""
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def test_pictures_of_one_notebook_share_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "PIXELS_IN_ALL", 2_500)
    budget = Budget()
    shown = [len(clean_outputs([picture(20)] * 2, budget)) for _ in range(5)]
    assert shown == [2, 2, 2, 0, 0]  # 6 of 400 pixels each
    assert len(clean_outputs([picture(10)], budget)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "$" + "\\text{" * 16_000 + "$",
        "![" * 50_000,
        "[" * 100_000,
        "$a$ " * 25_000,
        "> " * 50_000,
        "\\href" * 20_000,
    ],
    ids=["formula", "pictures", "brackets", "formulas", "quotes", "links"],
)
def test_no_text_keeps_the_parsers_busy(text: str) -> None:
    start = process_time()
    markdown_html(clean_markdown(text))
    assert process_time() - start < 8


def test_a_large_class_is_found_and_a_students_heap_of_files_is_not(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course")
    folder = tmp_path / "class"
    for number in range(1_200):
        (folder / f"student{number}").mkdir(parents=True)
        (folder / f"student{number}" / f"{NAME}.ipynb").write_text("{}")
    for number in range(1_200):
        (folder / "student7" / f"heap{number}").write_text("")
    found = find(folder, course, {NAME: {}})
    assert len(found.uploads) == 1_200
    assert sum(upload.path is not None for upload in found.uploads) == 1_200
    assert any("more than 1000 files" in notice for notice in found.notices)

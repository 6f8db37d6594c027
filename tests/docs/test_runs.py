"""Runs of solutions for the worked figures: kept, run again, and what a failing cell says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograde.model.course import Course
from autograde.model.course_file import read_course
from autograde.notebooks.source import Source, course_sources, read_source
from docs.example import NAME, write_example
from docs.runs import RunError, worked_figures
from tests.sheets import COURSE

OTHER = "02_contributions"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course of two notebooks; a cell of the second one fails, after an image."""
    course = write_example(tmp_path_factory.mktemp("runs") / "course", COURSE, lambda _: None)
    shutil.copytree(course.folder / "solutions" / NAME, course.folder / "solutions" / OTHER)
    text = course.file.read_text(encoding="utf-8")
    deadline = 'deadline = "2027-05-30T23:59:00+02:00"'
    course.file.write_text(f"{text}\n[assignments.{OTHER}]\n{deadline}\n", encoding="utf-8")
    failing = course.folder / "solutions" / OTHER / "01b_baseline.py"
    said = failing.read_text(encoding="utf-8")
    failing.write_text(f"{said}\n# %%\nonce = 1\nonce / 0\n", encoding="utf-8")
    return read_course(course.file)


def read(course: Course) -> dict[str, Source]:
    return {name: read_source(path, course) for name, path in course_sources(course).items()}


def test_a_cell_that_fails_is_one_sentence_and_other_figures_are_kept(
    example: Course, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RunError) as caught:
        worked_figures(read(example), example, tmp_path)
    (sentence,) = caught.value.lines
    assert sentence == (
        f"solutions/{OTHER}/01b_baseline.py: the cell that begins with 'once = 1' fails: "
        "ZeroDivisionError: division by zero. Mend it; the figures of the other notebooks are kept."
    )
    assert [file.name for file in tmp_path.iterdir()] == [f"{NAME}.json"]
    said = capfd.readouterr()
    assert f"Figures of {NAME}: " in said.out and "WARNING" not in said.err

    # The one that works is not run again, and shows what its cells drew.
    right = {name: source for name, source in read(example).items() if name == NAME}
    lines: list[str] = []
    shown = worked_figures(right, example, tmp_path, lines.append)
    assert lines == [f"Figures of {NAME}: nothing has changed since they were made"]
    assert all(image.alt.strip() for images in shown[NAME].values() for image in images)
    assert sum(map(len, shown[NAME].values())) >= 1

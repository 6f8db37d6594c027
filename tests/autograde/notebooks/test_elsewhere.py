"""A text names another notebook only where the course has it, and what it names of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from two_sections import CHECKS, NAME, SECTIONS, write_two

from autograde.model.course import Course
from autograde.notebooks.cells import SourceError
from autograde.notebooks.release import release
from autograde.notebooks.source import Source, find_source, read_source

LATER = "02_later"
TEXT = (
    "As{{ if notebook.two }} in notebook {{ notebook.two }}{{ else }} everywhere{{ end }}"
    "{{ if notebook.two.second }}, means{{ end }}{{ if notebook.two.double }}, twice{{ end }}."
)


def two_notebooks(folder: Path, text: str, chosen: str = "", read: str = "") -> Course:
    """Write a course whose second notebook says this; ``chosen`` is of the first one."""
    course = write_two(folder, chosen)
    script = SECTIONS["02_second.py"].replace("The first section ends here.", text)
    given = "# %%\nnumbers = [1, 2, 3]\n\n"
    checks = CHECKS["02_second.py"].replace(
        '"{{ if task.total }}task {{ task.total }}{{ end }}"', repr(read)
    )
    home = folder / "solutions" / LATER
    for place, content in ((home, given + script), (home / "checks", checks)):
        place.mkdir(parents=True, exist_ok=True)
        (place / "01_mean.py").write_text(content, encoding="utf-8")
    return course


def later(course: Course) -> Source:
    return read_source(find_source(course.folder / "solutions", LATER), course)


def text_of(course: Course) -> str:
    return "\n".join(cell.source for cell in later(course).notebook.cells)


def alone(course: Course) -> Course:
    return replace(course, notebooks=(LATER,), assignments={})


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ("", "As in notebook 01, means, twice."),
        ('sections = ["first"]', "As in notebook 01, twice."),
        ("core = true", "As in notebook 01, twice."),
        ('skip = ["double"]', "As in notebook 01, means."),
    ],
)
def test_a_text_follows_what_the_course_has_of_the_other_notebook(
    chosen: str, says: str, tmp_path: Path
) -> None:
    course = two_notebooks(tmp_path, TEXT, chosen)
    assert says in text_of(course)
    assert "As everywhere." in text_of(alone(course))


def test_what_a_task_says_to_read_follows_too(tmp_path: Path) -> None:
    read = "here{{ if notebook.two }} and in notebook {{ notebook.two }}{{ end }}"
    course = two_notebooks(tmp_path, "x", read=read)
    assert later(course).checks.tasks["mean"].read == "here and in notebook 01"
    assert later(alone(course)).checks.tasks["mean"].read == "here"


@pytest.mark.parametrize(
    ("text", "read", "says"),
    [
        ("As in notebook 01.", "", "'notebook 01': write 'notebook {{ notebook.NAME }}', between"),
        ("Notebooks 1 and 2.", "", "'Notebooks 1': write"),
        ("x", "notebook 1", "where the task 'mean' says what to read: 'notebook 1': write"),
        ("{{ notebook.twoo }}", "", "there is no notebook 'twoo'; do you mean two?"),
        ("{{ if notebook.twoo }}x{{ end }}", "", "there is no notebook 'twoo'; do you mean two?"),
        (
            "{{ if notebook.two.duoble }}x{{ end }}",
            "",
            "the notebook 'two' has no section or task 'duoble'; do you mean double?",
        ),
    ],
)
def test_a_reference_that_cannot_follow_is_refused(
    text: str, read: str, says: str, tmp_path: Path
) -> None:
    course = two_notebooks(tmp_path, text, read=read)
    with pytest.raises(SourceError) as error:
        later(course)
    assert says in str(error.value)


def test_a_reference_to_a_notebook_that_is_left_out_is_refused_with_its_line(
    tmp_path: Path,
) -> None:
    course = two_notebooks(tmp_path, "As in notebook {{ notebook.two }}.")
    assert "As in notebook 01." in text_of(course)
    with pytest.raises(SourceError) as error:
        release([], alone(course), str)
    assert "01_mean.py:5: " in str(error.value)
    assert "course.toml leaves this notebook out; choose it, too, or" in str(error.value)
    assert "{{ if notebook.two }}" in str(error.value)


def test_the_choice_is_read_anew_after_a_change_of_the_other_notebook(tmp_path: Path) -> None:
    course = two_notebooks(tmp_path, TEXT)
    assert ", twice." in text_of(course)
    file = course.folder / "solutions" / NAME / "01_first.py"
    file.write_text(file.read_text(encoding="utf-8").replace('"double', '"doubled'), "utf-8")
    with pytest.raises(SourceError, match="no section or task 'double'"):
        text_of(course)

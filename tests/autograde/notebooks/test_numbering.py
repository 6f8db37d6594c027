"""Numbers, points and titles stand once: release counts, fills in, and refuses what differs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_course import CHECKS, SOURCE, small_source

from autograde.notebooks.cells import SourceError
from autograde.notebooks.release import released
from autograde.notebooks.titles import titles_of


def with_headings(double: str, total: str, why: str = "", text: str = "Read on.") -> str:
    source = SOURCE.replace("# {{ hint }}", f"# {text}")
    for task, heading in (("double", double), ("total", total), ("why", why)):
        kind = "[markdown] " if task == "why" else ""
        cell = f'# %% {kind}nbgrader={{"grade_id": "{task}", "solution"'
        if heading:
            source = source.replace(cell, f"# %% [markdown]\n# {heading}\n\n{cell}")
    return source


def text_of(folder: Path, source: str, checks: str = CHECKS) -> str:
    notebook = released(small_source(folder, source, checks))
    return "\n".join(cell.source for cell in notebook.cells)


def test_release_writes_numbers_and_points_into_headings_and_texts(tmp_path: Path) -> None:
    text = text_of(
        tmp_path,
        with_headings(
            "## Section: Sums\n#\n# ### Task: *twice*",
            "## Section: More\n#\n# ### Task: sums (of all)",
            "### Task: why?",
            "After task {{ task.total }} (section {{ section.total }}, {{ points.why }}) rest.",
        ),
    )
    assert "## 1 · Sums\n\n### Task 1: *twice* (2 points)" in text
    assert "## 2 · More\n\n### Task 2: sums (of all) (3 points)" in text
    assert "### Task 3: why? (4 points, graded by a person)" in text
    assert "After task 2 (section 2, 4 points) rest." in text


def test_a_new_task_above_moves_all_numbers_below(tmp_path: Path) -> None:
    text = "See tasks {{ task.total }} and {{ task.why }}."
    two = with_headings("", "### Task: sums", "### Task: why", text)
    three = with_headings("### Task: twice", "### Task: sums", "### Task: why", text)
    assert "See tasks 1 and 2." in text_of(tmp_path / "two", two)
    assert "See tasks 2 and 3." in text_of(tmp_path / "three", three)


@pytest.mark.parametrize(
    ("double", "total", "text", "sentence"),
    [
        ("### Task 1: a (3 points)", "### Task: b", "", "the heading says 3 points, the task's "
         "cell 2; leave them out of the heading: release writes them there."),
        ("### Task 2: a", "### Task: b", "", "the heading says task 2, but counted from the top it "
         "is 1; write 'Task: TITLE', and release writes the number."),
        ("## 2 · S\n#\n# ### Task: a", "### Task: b", "", "the heading says section 2, but counted "
         "from the top it is 1; write 'Section: TITLE', and release writes the number."),
        ("### Task: a\n#\n# ### Task: b", "", "", "no answer cell of its own follows the heading "
         "'### Task: b'."),
        ("### Task: a", "### Task: b", "See task {{ task.totla }}.", "{{ task.totla }}: there is "
         "no numbered task 'totla'; do you mean total?"),
        ("### Task: a", "", "See task {{ task.total }}.", "{{ task.total }}: the task 'total' has "
         "no heading '### Task: TITLE', and so no number."),
        ("### Task: a", "### Task: b", "See section {{ section.c }}.", "{{ section.c }}: there is "
         "no section 'c'."),
        ("### Task: a", "### Task: b", "See section {{ section }}.", "{{ section }}: it stands "
         "before the first section."),
        ("### Task: a", "### Task: b", "{{ points.doubel }}.", "{{ points.doubel }}: there is no "
         "task 'doubel'; do you mean double?"),
        ("### Task: a", "### Task: b", "See tasks 1 and 7.", "there is no task 7; write {{ task.ID "
         "}} in place of a number, and it follows its task."),
    ],
)  # fmt: skip
def test_a_difference_is_refused_in_a_sentence(
    tmp_path: Path, double: str, total: str, text: str, sentence: str
) -> None:
    with pytest.raises(SourceError) as caught:
        text_of(tmp_path, with_headings(double, total, text=text))
    assert str(caught.value).endswith(sentence)
    assert re.search(r"01_small\.py(:\d+)?: cell ", str(caught.value))


def test_written_numbers_that_agree_stay(tmp_path: Path) -> None:
    source = with_headings(
        "## 1 · S\n#\n# ### Task 1: a (2 points)",
        "### Task 2: b (3 points)",
        "### Task 3: c (4 points)",
        "See tasks 1 to 3, task 9 of notebook {{ notebook.small }}, and this:\n#\n"
        "# ```\n# # Task 2: x\n# ```",
    )
    text = text_of(tmp_path, source)
    assert "### Task 2: b (3 points)" in text
    assert "# Task 2: x\n```" in text


def test_where_to_read_on_follows_the_numbers(tmp_path: Path) -> None:
    checks = CHECKS.replace(
        'Value("total"))',
        'Value("total"), read="section {{ section }}, task {{ task.total }}; A 2020, section 7")',
    )
    source = small_source(tmp_path, with_headings("## Section: S", "### Task: b"), checks)
    assert source.checks.tasks["total"].read == "section 1, task 1; A 2020, section 7"
    wrong = CHECKS.replace('Value("total"))', 'Value("total"), read="task {{ task.ttal }}")')
    with pytest.raises(SourceError, match=r"01_small_checks\.py: where the task 'total' says what"):
        small_source(tmp_path / "b", with_headings("", "### Task: b"), wrong)


def test_a_test_cell_names_its_own_task(tmp_path: Path) -> None:
    wrong = SOURCE.replace("print(total)", 'checks.passed("double")')
    with pytest.raises(SourceError, match="names another task than this cell's"):
        small_source(tmp_path, wrong)


def test_a_second_answer_under_a_heading_is_called_by_its_first_words(tmp_path: Path) -> None:
    source = with_headings("### Task: twice", "### Task: sums")
    source = source.replace("# Why is the total", "# **Why so?** Why is the total")
    notebook = released(small_source(tmp_path, source))
    assert titles_of(notebook) == {
        "double": "Task 1: twice",
        "total": "Task 2: sums",
        "why": "Why so?",
    }


def test_points_that_are_none_are_said_as_ever(tmp_path: Path) -> None:
    source = with_headings("### Task: a", "### Task: b").replace('"points": 2', '"points": "2"')
    with pytest.raises(SourceError, match="points should be a number above 0"):
        small_source(tmp_path, source)

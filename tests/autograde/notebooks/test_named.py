"""Which texts name a task or notebook that another course may leave out?"""

from __future__ import annotations

from pathlib import Path

import pytest
from two_sections import NAME, SECTIONS, write_two

from autograde.authoring.named import unconditional
from autograde.notebooks.source import find_source, read_source


def said(folder: Path, text: str, read: str = "") -> list[str]:
    """Return what is said of a line in the first section, or of what the task mean says to read."""
    first = SECTIONS["01_first.py"].replace("# Some numbers.", f"# Some numbers.\n# {text}")
    course = write_two(folder, sections={**SECTIONS, "01_first.py": first})
    if read:
        checks = folder / "solutions" / NAME / "checks" / "02_second.py"
        checks.write_text(
            checks.read_text().replace("{{ if task.total }}task {{ task.total }}{{ end }}", read)
        )
    return [*unconditional(read_source(find_source(folder / "solutions", NAME), course))]


@pytest.mark.parametrize(
    "text",
    [
        "Nothing is named.",
        "{{ if task.mean }}See task {{ task.mean }}.{{ end }}",
        "{{ if points.mean and task.double }}{{ points.mean }}, {{ section.mean }}{{ end }}",
        "{{ if not task.mean }}No mean.{{ else }}See task {{ task.mean }}.{{ end }}",
        "{{ if whole }}See task {{ task.mean }}.{{ end }}",
        "See section {{ section.second }}, which the text needs.",
        "It stands in section {{ section }}.",
    ],
)
def test_what_any_choice_can_say_is_in_order(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("See task {{ task.mean }}.", "task.mean"),
        ("It earns {{ points.mean }}.", "points.mean"),
        ("{{ if task.mean }}A.{{ end }} See task {{ task.mean }}.", "task.mean"),
        ("{{ if task.mean }}A.{{ else }}See task {{ task.mean }}.{{ end }}", "task.mean"),
        ("{{ if section.second }}See task {{ task.mean }}.{{ end }}", "task.mean"),
        ("See notebook {{ notebook.two }}.", "notebook.two"),
        ("{{ if whole }}See notebook {{ notebook.two }}.{{ end }}", "notebook.two"),
    ],
)
def test_what_some_choice_cannot_say_is_told_with_its_line(
    tmp_path: Path, text: str, mark: str
) -> None:
    [sentence] = said(tmp_path, text)
    what = "notebook" if mark.startswith("notebook") else "task"
    assert "01_first.py:5: " in sentence
    assert f"{{{{ {mark} }}}}: a course may leave this {what} out; write the text" in sentence
    assert sentence.endswith(f"between {{{{ if {mark} }}}} and {{{{ end }}}}.")


def test_what_a_task_says_to_read_is_looked_at(tmp_path: Path) -> None:
    own = "section {{ section }}, task {{ task.mean }}"
    assert said(tmp_path / "own", "One.", own) == []
    [sentence] = said(tmp_path / "other", "One.", "task {{ task.double }}")
    assert "02_second.py: where the task 'mean' says what to read: {{ task.double }}" in sentence

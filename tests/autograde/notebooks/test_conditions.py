"""Texts that depend on what the course chose, and times in words."""

from __future__ import annotations

import pytest

from autograde.notebooks.cells import SourceError
from autograde.notebooks.conditions import resolved
from autograde.notebooks.times import in_hours, in_minutes

KNOWN = {"whole": False, "task.a": True, "task.b": False, "section.c": True}


def holds(name: str) -> bool:
    if name not in KNOWN:
        raise LookupError(f"there is no {name}.")
    return KNOWN[name]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no mark", "no mark"),
        ("{{ else }} and {{ end }} alone are templates", None),
        ("x{{ if task.a }} a{{ end }}.", "x a."),
        ("x{{ if task.b }} b{{ end }}.", "x."),
        ("x{{ if task.b }} b{{ else }} no b{{ end }}.", "x no b."),
        ("x{{ if task.a }} a{{ else }} no a{{ end }}.", "x a."),
        ("{{ if task.a and section.c }}both{{ end }}", "both"),
        ("{{ if task.a and task.b }}both{{ end }}", ""),
        ("{{ if task.a and not task.b }}a alone{{ end }}", "a alone"),
        ("{{ if whole }}1{{ end }}{{ if task.a }}2{{ end }}", "2"),
        # A line with nothing else is no line of the text.
        ("a\n{{ if task.b }}\nb\n{{ else }}\nc\n{{ end }}\nd", "a\nc\nd"),
        ("a\n{{ if task.a }}\nb\nc\n{{ end }}", "a\nb\nc"),
        ("x = 1\n# {{ if task.a }}\ny = 2\n# {{ end }}\nz = 3", "x = 1\ny = 2\nz = 3"),
        ("a\n\n{{ if task.b }}\nb\n\n{{ end }}\nc", "a\n\nc"),
        ("values {{ task.a }} stay{{ if task.a }} {{ task.a }}{{ end }}", None),
    ],
)
def test_the_parts_whose_condition_holds_are_left(text: str, left: str | None) -> None:
    wanted = (
        left
        if left is not None
        else text.replace("{{ if task.a }}", "").replace(" {{ task.a }}{{ end }}", " {{ task.a }}")
    )
    assert resolved(text, holds, "here") == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ if task.a }}x", "without {{ end }}"),
        ("{{ if task.a }}{{ if task.b }}x{{ end }}{{ end }}", "inside of another one"),
        ("{{ if task.a }}x{{ end }}{{ end }}", "{{ end }}: there is no {{ if … }} above it"),
        ("{{ if task.a }}x{{ else }}y{{ else }}z{{ end }}", "{{ else }}: there is no"),
        ("{{ if task.z }}x{{ end }}", "{{ if task.z }}: there is no task.z."),
    ],
)
def test_a_mark_without_its_counterpart_is_refused(text: str, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        resolved(text, holds, "here")
    assert str(caught.value).startswith("here: ") and says in str(caught.value)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (10, "about half an hour"),
        (50, "about one hour"),
        (80, "about one hour and a half"),
        (156, "about two hours and a half"),
        (180, "about three hours"),
        (255, "about four hours"),
        (275, "about five hours"),
        (825, "about fourteen hours"),
        (1500, "about 25 hours"),
    ],
)
def test_a_time_in_words(minutes: float, words: str) -> None:
    assert in_hours(minutes) == words


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        *((5, "5 minutes"), (30, "half an hour"), (45, "45 minutes"), (60, "one hour")),
        *((75, "75 minutes"), (90, "one and a half hours"), (120, "two hours")),
        *((150, "two and a half hours"), (105, "105 minutes"), (1500, "1500 minutes")),
    ],
)
def test_the_time_of_a_section_in_words(minutes: int, words: str) -> None:
    assert in_minutes(minutes) == words

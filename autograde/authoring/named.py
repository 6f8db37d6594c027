"""Texts that name a task or notebook which a course may leave out, though this one has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autograde.notebooks.cells import called
from autograde.notebooks.checks import load_checks
from autograde.notebooks.outline import Outline, Part, outline
from autograde.notebooks.scripts import read_scripts
from autograde.notebooks.source import Source
from autograde.notebooks.templates import line_of

_MARK = re.compile(r"\{\{ ([^{}\n]+) \}\}")
_OF_A_TASK = ("task", "points", "section")
"""The marks that name a task."""


def unconditional(source: Source) -> Iterator[str]:
    """Yield a sentence for each place that names another one of these without a condition.

    Release refuses such a text where ``course.toml`` leaves out what it names; its author learns of
    it before anybody chooses. A text that names a section without a condition needs that section:
    release tells an instructor to choose it, too.
    """
    scripts = read_scripts(source.layout)
    whole = outline(scripts.nodes, scripts.files, scripts.headers)
    for part in whole.parts:
        for mark in _unsure(part, whole):
            cell, file = whole.cells[part.cell], whole.files[part.cell]
            yield _sentence(line_of(file, scripts.places[part.cell], called(cell), mark), mark)
    yield from _of_checks(source, whole)


def _of_checks(source: Source, whole: Outline) -> Iterator[str]:
    """Yield the same of what tasks say to read."""
    checks = load_checks(source.layout, source.given)
    for name, task in checks.tasks.items():
        here = Part(0, task.read, whole.homes.get(name, 0), name)
        for mark in _unsure(here, whole):
            place = f"{checks.places[name]}: where the task {name!r} says what to read"
            yield _sentence(place, mark)


def _sentence(where: str, mark: str) -> str:
    named = mark[3:-3]
    what = named.partition(".")[0].replace("points", "task")
    return (
        f"{where}: {mark}: a course may leave this {what} out; write the text that names it "
        f"between {{{{ if {named} }}}} and {{{{ end }}}}."
    )


def _unsure(part: Part, whole: Outline) -> Iterator[str]:
    """Yield the marks of a text under no condition which says that they have a number."""
    sure: set[str] = set()  # what the condition asks for
    other: set[str] = set()  # what holds below its else
    for match in _MARK.finditer(part.text):
        word = match[1]
        if word.startswith("if "):
            terms = [term.strip() for term in word[3:].split(" and ")]
            sure = {term for term in terms if not term.startswith("not ")}
            refused = [term.removeprefix("not ") for term in terms if term.startswith("not ")]
            other = {*refused} if len(terms) == 1 else set()
        elif word == "else":
            sure, other = other, set()
        elif word == "end":
            sure, other = set(), set()
        elif not (_is_here(word, part, whole) or _follows(word, sure)):
            yield match[0]


def _is_here(word: str, part: Part, whole: Outline) -> bool:
    """Whether a mark names no task and no notebook, or the task in which it stands."""
    kind, _, key = word.partition(".")
    if kind == "notebook":
        return False
    return kind not in _OF_A_TASK or key not in whole.homes or key == part.task


def _follows(word: str, sure: set[str]) -> bool:
    """Whether what holds says that a mark has a number."""
    kind, _, key = word.partition(".")
    if kind == "notebook":
        return any(f"{term}.".startswith(f"{word}.") for term in sure)
    return bool({"whole", *(f"{each}.{key}" for each in _OF_A_TASK)} & sure)

"""The course's own notebooks, each source read once a process."""

from __future__ import annotations

import functools
from pathlib import Path

from nbformat import NotebookNode

from autograde.model.course_file import read_course
from autograde.notebooks.answers import load_answers
from autograde.notebooks.release import released
from autograde.notebooks.source import Source, assignments, find_source, read_source, sources

ROOT = Path(__file__).parents[1]
COURSE = read_course(ROOT / "course.toml")
NAMES = tuple(sorted(sources(ROOT / "solutions")))
MARKED = tuple(sorted(assignments(ROOT / "solutions")))
"""The notebooks with tasks; another one is an appendix."""


@functools.cache
def source(name: str) -> Source:
    """Read a notebook's source, which makes sure that every automatic answer has its check."""
    return read_source(find_source(ROOT / "solutions", name), COURSE)


@functools.cache
def handed_out(name: str) -> NotebookNode:
    """Return the notebook as students get it; to be read, not to be changed."""
    return released(source(name))


@functools.cache
def written(name: str) -> dict[str, dict[str, str]]:
    """Return the answers beside the solution, by task and kind: ``alternative`` and ``wrong``."""
    return load_answers(source(name).layout.path)

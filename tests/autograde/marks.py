"""A small class's gradebook: filled, opened, marked by hand, looked into."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graded_class import NAME, Class
from nbgrader import api

from autograde.gradebook.nbgrader_db import (
    fill_gradebook,
)
from autograde.model.records import SubmissionResult
from autograde.safety.sanitize import safe_name

STUDENT = "Grace Hopper"


def fill(small: Class, out: Path, *results: SubmissionResult) -> Path:
    """Fill the gradebook in ``out`` with these results."""
    return fill_gradebook(results, small.sources, small.releases, small.course, out)


@contextmanager
def opened(db: Path) -> Iterator[Any]:
    """Open the gradebook by nbgrader."""
    with api.Gradebook(f"sqlite:///{db}") as gradebook:
        yield gradebook


def marked(db: Path, student: str = STUDENT) -> dict[str, tuple[Any, ...]]:
    """Return what nbgrader says of a submission: grade cell → automatic, manual, score, review."""
    with opened(db) as gradebook:
        notebook = gradebook.find_submission_notebook(NAME, NAME, safe_name(student))
        return {
            g.name: (g.auto_score, g.manual_score, g.score, g.needs_manual_grade)
            for g in notebook.grades
        }


def mark_by_hand(
    db: Path, task: str, score: float, comment: str = "", extra: Any = None, student: str = STUDENT
) -> None:
    """Do what formgrader does when a person types a mark and a comment."""
    with opened(db) as gradebook:
        grade = gradebook.find_grade(task, NAME, NAME, student)
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = score, extra, False
        said = gradebook.find_comment(task.removesuffix("-test"), NAME, NAME, student)
        said.manual_comment = comment or None
        gradebook.db.commit()


def content(db: Path) -> list[str]:
    """Return everything in the database."""
    with sqlite3.connect(db) as connection:
        return sorted(connection.iterdump())

"""Checks: the quiz."""

from __future__ import annotations

from typing import Any

from autograde.tasks import Value, task

from .statements import FIRST, score_quiz


@task(
    "quiz",
    Value("quiz"),
    read="{{ if section.explanations and section.knockoffs }}Sections {{ section.explanations }} to "
    "{{ section.knockoffs }}{{ else }}the lecture on the statement's group{{ end }}",
)
def quiz(values: dict[str, Any]) -> None:
    score_quiz(values["quiz"], FIRST, "quiz")

"""Checks: the second quiz."""

from __future__ import annotations

from typing import Any

from autograde.tasks import Value, task

from .statements import SECOND, score_quiz


@task(
    "quiz-more",
    Value("quiz_more"),
    read="{{ if section.explanations and section.knockoffs }}Sections {{ section.explanations }} to "
    "{{ section.knockoffs }}{{ else }}the lecture on the statement's group{{ end }}",
)
def quiz_more(values: dict[str, Any]) -> None:
    score_quiz(values["quiz_more"], SECOND, "quiz_more")

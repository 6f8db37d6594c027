"""Checks: conclusions held against what the course measured and derived."""

from __future__ import annotations

from typing import Any

from autograde.tasks import Value, task

from ...shared.checks import expect_said

CONCLUDED = {
    "answers only": "yes",
    "two programs": "no",
    "sensible map": "no",
    "how much": "no",
    "still the same": "yes",
    "attack failed": "no",
    "trigger shown": "yes",
    "trigger unknown": "yes",
    "one image": "no",
    "cheap rival": "yes",
    "probe": "no",
    "sixty tests": "yes",
    "no masks": "no",
    "found names": "no",
    "worst of twenty": "yes",
    "strong image": "yes",
}


@task(
    "conclusions",
    Value("conclusions"),
    read="section {{ section }}, and what the course measured",
)
def conclusions(answer: dict[str, Any]) -> None:
    """Count; guessing half of them earns nothing."""
    expect_said(
        answer["conclusions"],
        CONCLUDED,
        "conclusions",
        "Where was it measured or derived, and under which condition?",
    )

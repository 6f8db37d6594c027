"""Checks of section 9: statements that are true or false."""

from __future__ import annotations

from typing import Any

from autograde.tasks import Value, task

from ...shared.checks import expect_said

PREDICTED = {
    "three classes": "yes",
    "scale": "no",
    "accuracy": "no",
    "share": "yes",
    "squared": "no",
    "needs data": "no",
    "needs trigger": "yes",
    "always two": "yes",
    "last layer": "yes",
    "local": "no",
}


@task("predict", Value("prediction"), read="sections 1 to 6")
def predict(answer: dict[str, Any]) -> None:
    """Count; guessing half of them earns nothing."""
    expect_said(
        answer["prediction"],
        PREDICTED,
        "prediction",
        "Each follows from a formula or a measurement of its section.",
    )

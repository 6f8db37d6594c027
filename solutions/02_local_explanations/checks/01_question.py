"""Checks: accuracy and classes, counted anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, Value, entries, expect, expect_close, task

from ...shared.checks import GIVEN, expect_number, tensor
from .world import world


def _logit_tables(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    tables = []
    for n, classes, shift in ((8, 5, 0.0), (5, 10, -20.0), (6, 3, 20.0)):
        logits = tensor(rng.normal(size=(n, classes)) * 3 + shift)
        labels = torch.from_numpy(rng.integers(classes, size=n))
        # Whatever the draw: the label is the most, the second most and the least likely class.
        labels[:3] = logits[:3].argsort(descending=True)[range(3), (0, 1, -1)]
        tables.append((logits, labels))
    return tables


@task("targets", Call("targets_of_interest", _logit_tables, GIVEN), read="section {{ section }}")
def targets(calls: list[Called]) -> None:
    """Compare with sorting row by row."""
    for call in calls:
        logits, labels = call.arguments
        wanted = []
        for row, label in zip(logits.numpy(), labels.numpy(), strict=True):
            ranking = sorted(range(len(row)), key=lambda c: -row[c])
            wanted.append([label, ranking[0], ranking[1], ranking[-1]])
        expect_close(
            call.returned,
            wanted,
            "targets_of_interest(…)",
            "Columns: the label, then the classes with the largest, second largest and smallest "
            "logit (compare the logits themselves, not their absolute values).",
        )


@task("accuracy", Value("accuracy", "hardest"), read="section {{ section }}")
def accuracy(answer: dict[str, Any]) -> None:
    """Count anew."""
    here = world()
    right = (here.logits.argmax(1) == here.labels).double()
    expect(
        abs(expect_number(answer["accuracy"], "accuracy") - right.mean()) < 1.5 / len(right),
        "`accuracy` should be the share of images whose largest logit is the true class's.",
    )
    per_class = torch.stack([right[here.labels == c].mean() for c in range(10)])
    hardest = float(entries(answer["hardest"], ()))
    expect(
        hardest in range(10) and per_class[int(hardest)] < per_class.min() + 0.003,
        "`accuracy` is right; `hardest` should be the class (0 to 9) of whose own images the "
        "smallest share is recognised.",
        fraction=0.5 if hardest != float(entries(answer["accuracy"], ())) else 0.0,
    )

"""Checks: rates, counted image by image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, tensor


def _report_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    tables: list[tuple[Any, ...]] = []
    for n, classes, aimed in ((40, 4, False), (60, 10, False), (50, 5, True), (80, 3, True)):
        labels = rng.integers(classes, size=n)
        clean, attacked = rng.normal(size=(2, n, classes))
        clean[np.arange(n), labels] += 2.0
        attacked[np.arange(n), labels] += 1.0
        more = (torch.from_numpy(rng.integers(classes, size=n)),) if aimed else ()
        tables.append((tensor(clean), tensor(attacked), torch.from_numpy(labels), *more))
    return tables


@task("count", Call("attack_report", _report_inputs, GIVEN), read="section {{ section }}")
def count(calls: list[Called]) -> None:
    """Compare with counting image by image."""
    for call in calls:
        clean, attacked, labels, *targets = (each.numpy() for each in call.arguments)
        right = kept = open_ = won = 0
        for index, label in enumerate(labels):
            if int(clean[index].argmax()) != label:
                continue
            after = int(attacked[index].argmax())
            right += 1
            kept += after == label
            if targets and targets[0][index] == label:
                continue
            open_ += 1
            won += after == targets[0][index] if targets else after != label
        expect_close(
            call.returned,
            [right / len(labels), kept / len(labels), won / open_],
            "attack_report(…)",
            "Accuracies have all images in their denominator, the success rate only those that are "
            "right before the attack (and, with targets, are not of the target's class already).",
        )

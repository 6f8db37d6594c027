"""Checks: the share found by trying every cut; statements that are true or false."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, Value, expect_close, task

from ...shared.checks import GIVEN, drawn, expect_said, tensor

PREDICTED = {
    "three classes": "yes",
    "scale": "no",
    "accuracy": "no",
    "share": "yes",
    "squared": "no",
    "needs data": "no",
    "needs trigger": "yes",
    "covers": "yes",
    "one source": "no",
    "always two": "yes",
    "last layer": "yes",
    "local": "no",
}


def _marked(scores: np.ndarray, poisoned: np.ndarray, most: float) -> float:
    """Try every score as a cut, and one below all."""
    best = 0.0
    for cut in [-np.inf, *scores]:
        if np.mean(scores[~poisoned] > cut) <= most:
            best = max(best, float(np.mean(scores[poisoned] > cut)))
    return best


def _ranked(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return scores, also equal and negative ones, for which other rules give other shares.

    In one a share of the clean examples is exactly `most`, and the cut is the score of no poisoned one.
    """
    problems = []
    for clean, bad, most, tied in (
        (40, 15, 0.12, True),
        (23, 30, 0.2, True),
        (60, 20, 0.0, True),
        (32, 20, 0.25, False),
    ):

        def draw(
            clean: int = clean, bad: int = bad, tied: bool = tied
        ) -> tuple[np.ndarray, np.ndarray]:
            poisoned = rng.permutation(np.arange(clean + bad) < bad)
            scores = rng.normal(size=clean + bad) + 1.5 * poisoned
            return scores.round(1 if tied else 3).astype(np.float32), poisoned

        def right(
            case: tuple[np.ndarray, np.ndarray], most: float = most, tied: bool = tied
        ) -> bool:
            scores, poisoned = case
            low = np.sort(scores[~poisoned])[::-1]
            allowed = int(most * len(low))
            hits, wanted = scores[poisoned], _marked(scores, poisoned, most)
            cuts = [low[allowed + 1], np.quantile(low, 1 - most), np.quantile(scores, 1 - most)]
            cuts += [low[allowed - 1], low[0]] if allowed else []
            rivals = [np.mean(hits > cut) for cut in cuts]
            if allowed == 0:  # then the quantile is the largest clean score
                del rivals[1]
            rivals += [np.mean(hits <= low[allowed])]
            if tied:
                rivals += [np.mean(hits >= low[allowed])]
            elif low[allowed] in hits:
                return False
            rivals += [wanted * len(hits) / max((scores > low[allowed]).sum(), 1)]
            return 0 < wanted < 1 and min(abs(wanted - each) for each in rivals) > 0.01

        scores, poisoned = drawn(draw, right)
        problems.append((tensor(scores), torch.from_numpy(poisoned), most))
    return problems


@task("found-at", Call("found_at", _ranked, GIVEN), read="section {{ section }}")
def found_at(calls: list[Called]) -> None:
    """Compare with the best of all cuts."""
    for call in calls:
        scores, poisoned, most = call.arguments
        expect_close(
            call.returned,
            _marked(np.asarray(scores), np.asarray(poisoned), most),
            "found_at(…)",
            "The cut depends on the clean examples alone: count how many of them may lie above it, and "
            "round down; what equals the cut is not marked.",
        )


@task(
    "predict",
    Value("prediction"),
    read="{{ if whole }}sections {{ section.poisoning }} to {{ section.local_methods }}{{ else }}"
    "the sections above{{ end }}",
)
def predict(answer: dict[str, Any]) -> None:
    """Count; guessing half of them earns nothing."""
    expect_said(
        answer["prediction"],
        PREDICTED,
        "prediction",
        "Each follows from a formula or a measurement of its section.",
    )

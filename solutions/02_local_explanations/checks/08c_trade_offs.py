"""Checks of section 8: the table of measures, computed anew; token-level F1 by sets."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch

from autograde.tasks import (
    Call,
    Called,
    Value,
    entries,
    expect_all,
    expect_close,
    lucky,
    task,
)
from xaikit import Explanation, explain
from xaikit.metrics import evaluate, rank_agreement

from ...shared.checks import GIVEN, compared, drawn, numbers_of, tensor
from .world import world


def _token_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return cases in which other sizes of a token, and other scores, come to other numbers."""
    shapes = ((6, 4, 2), (12, 8, 5), (8, 5, 1), (15, 6, 4), (10, 3, 3), (9, 3, 9))
    problems = drawn(lambda: [_tokens(rng, *each) for each in shapes], _sizes_matter)
    # Nothing in common: the marked token is the weakest.
    apart = torch.tensor([[3.0, 1.0], [2.0, -2.0], [0.1, 0.1]])
    return [*problems, (apart, torch.tensor([False, False, True]), 2)]


def _tokens(rng: np.random.Generator, tokens: int, width: int, count: int) -> tuple[Any, ...]:
    gradients = rng.normal(size=(tokens, width)) * rng.uniform(0.2, 4, size=(tokens, 1))
    rationale = rng.random(tokens) < 0.4
    rationale[int(rng.integers(tokens))] = True
    return tensor(gradients), torch.from_numpy(rationale), count


def _sizes_matter(problems: list[tuple[Any, ...]]) -> bool:
    """Whether each other idea of a token's size, and of the score, is wrong in some case."""
    errors = []
    for gradients, rationale, count in problems:
        rows, marked = gradients.double().numpy(), rationale.numpy()
        precision, recall, right = _scores(np.linalg.norm(rows, axis=1), marked, count)
        rivals = (
            *(np.abs(rows).sum(1), np.abs(rows).max(1), np.abs(rows.sum(1)), rows.sum(1)),
            *(rows.max(1), np.arange(len(rows)), -np.arange(len(rows)), np.abs(rows[:, 0])),
        )
        others = [_scores(each, marked, count)[2] for each in rivals]
        scores = (precision, recall, precision * recall, (precision + recall) / 2)
        errors.append([abs(each - right) for each in (*others, *scores)])
    return bool((np.max(errors, axis=0) > 0.01).all())


def _scores(sizes: Any, rationale: Any, count: int) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the largest."""
    top = set(sorted(range(len(sizes)), key=lambda k: -sizes[k])[:count])
    marked = {k for k, each in enumerate(rationale) if each}
    precision, recall = len(top & marked) / len(top), len(top & marked) / len(marked)
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


@task(
    "token-f1", Call("token_f1", _token_problems, GIVEN), read="section 8 and DeYoung et al. 2020"
)
def token_f1(calls: list[Called]) -> None:
    """Compare with precision and recall by sets."""
    for call in calls:
        gradients, rationale, count = call.arguments
        norms = [math.hypot(*row) for row in gradients.tolist()]
        expect_close(
            call.returned,
            _scores(norms, rationale.tolist(), count)[2],
            "token_f1(…)",
            "A token counts by its Euclidean norm; F1 is the harmonic mean of precision and recall.",
            rtol=1e-3,
        )


SIX: dict[str, dict[str, Any]] = {
    "gradient": {},
    "smoothgrad": {"samples": 20, "seed": 0},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 32},
    "lrp": {"rule": "composite"},
    "grad_cam": {},
}


@functools.cache
def _six() -> dict[str, Explanation]:
    here = world()
    return {
        method: explain(here.model, here.examples, here.targets[:, 0], method, **chosen)
        for method, chosen in SIX.items()
    }


@functools.cache
def _measured() -> dict[str, dict[str, float]]:
    here = world()
    options = {
        "deletion": {"fill": "mean", "steps": 14},
        "infidelity": {"samples": 200, "seed": 0},
        "sensitivity": {"samples": 3, "seed": 0},
    }
    table: dict[str, dict[str, float]] = {method: {} for method in SIX}
    for score in evaluate(here.model, here.examples, _six(), tuple(options), options=options):
        table[score.explanation][score.metric] = score.value
    return table


@task("trade-offs", Value("table", "agreement"), read="section 8 and Yeh et al. 2019")
def trade_offs(answer: dict[str, Any]) -> None:
    """Count each cell; a running time has only to be one."""
    right, wrong = compared(answer["table"], _measured(), "table", _near)
    luck = lucky(numbers_of(_measured()), _near)
    for method in SIX:
        row = answer["table"].get(method)
        seconds = entries(row.get("runtime") if isinstance(row, dict) else None, ())
        if not 0 < seconds < 600:  # any time will do
            wrong.append(f"table[{method!r}]['runtime']")
    maps = list(_six().values())
    wanted = np.array([[float(rank_agreement(a, b).mean()) for b in maps] for a in maps])
    close = bool((np.abs(entries(answer["agreement"], wanted.shape) - wanted) <= 0.03).all())
    expect_all(
        right + ["agreement"] * 6 * close,
        wrong + ["agreement"] * 6 * (not close),
        "Explanations are of both `examples` for the true class, with `six_options` and "
        "`measure_options`.",
        luck,
    )


def _near(value: float) -> float:
    return 0.05 + 0.05 * abs(value)

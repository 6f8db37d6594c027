"""Checks: the table of measures, computed anew; token-level F1 by sets."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, Value, entries, expect_close, task
from xaikit import Explanation, explain
from xaikit.metrics import evaluate, random_ranking, rank_agreement

from ...shared.checks import GIVEN, drawn, tensor
from .parts import expect_parts, interval, share_of
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
    "token-f1",
    Call("token_f1", _token_problems, GIVEN),
    read="section {{ section }} and DeYoung et al. 2020",
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
def _seven() -> dict[str, Explanation]:
    here = world()
    asked = here.dozen_targets[:, 0]
    maps = {name: explain(here.model, here.dozen, asked, name, **how) for name, how in SIX.items()}
    return {**maps, "random": random_ranking(here.dozen, asked, seed=0)}


@functools.cache
def _measured() -> np.ndarray:
    """Deletion, infidelity and sensitivity of the seven on each image, (7, 3, 12)."""
    here = world()
    options = {
        "deletion": {"fill": "mean", "steps": 14},
        "infidelity": {"samples": 200, "seed": 0},
        "sensitivity": {"samples": 3, "seed": 0},
    }
    scores = evaluate(here.model, here.dozen, _seven(), tuple(options), options=options)
    found = {(each.explanation, each.metric): each.scores[:, 0].double().numpy() for each in scores}
    return np.nan_to_num([[found[name, measure] for measure in options] for name in _seven()])


def _against_random() -> tuple[np.ndarray, np.ndarray]:
    """Return −1, 0 or 1 for better, undecided and worse (6, 2), and where it is near the border."""
    table = _measured()
    middle, half = interval(table[:6, :2] - table[6:, :2])
    verdict = np.sign(middle) * (np.abs(middle) > half)
    return verdict, np.abs(np.abs(middle) - half) < 0.05


@task(
    "trade-offs",
    Value("table", "against_random", "agreement"),
    read="section {{ section }} and Yeh et al. 2019",
)
def trade_offs(answer: dict[str, Any]) -> None:
    """Compare the table, what it says beside the random order, and the agreement."""
    verdict, near = _against_random()
    said = entries(answer["against_random"], verdict.shape)
    said = np.where(near & np.isin(said, (-1, 0, 1)), verdict, said)
    maps = list(_seven().values())[:6]
    agreement = np.array([[float(rank_agreement(a, b).mean()) for b in maps] for a in maps])
    expect_parts(
        {
            "table": (share_of(answer["table"], _measured(), _near), 0.4),
            "against_random": (share_of(said, verdict, 0), 0.4),
            "agreement": (share_of(answer["agreement"], agreement, 0.03), 0.2),
        },
        "Explanations are of the `dozen` for its most likely class, with `six_options` and "
        "`measure_options`; differences from the random order are taken image by image.",
    )


def _near(value: float) -> float:
    return 0.05 + 0.05 * abs(value)

"""Checks: correlations by SciPy, masses by NumPy."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from autograde.tasks import (
    Call,
    Called,
    Value,
    entries,
    expect_close,
    task,
)
from xaikit import attack, explain

from ...shared.checks import GIVEN, Array, expect_said, tensor
from .shares import Part, expect_parts, said
from .world import HERE


def _map_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for height, width, tie in ((7, 7, 0.9), (10, 6, 0.3), (28, 28, 0.6)):
        clean = rng.normal(size=(height, width)) ** 3
        attacked = tie * clean + (1 - tie) * rng.normal(size=(height, width)) + 0.2
        mask = np.zeros((height, width), dtype=bool)
        row, column = rng.integers(0, 4, size=2)
        mask[row : row + 3, column : column + 3] = True
        problems.append((tensor(clean), tensor(attacked), torch.from_numpy(mask)))
    return problems


@task("compare-maps", Call("compare_maps", _map_inputs, GIVEN), read="section {{ section }}")
def compare_maps(calls: list[Called]) -> None:
    """Compare with SciPy's rank correlation, and sums."""
    for call in calls:
        clean, attacked, mask = (each.numpy() for each in call.arguments)
        positive = [np.maximum(each.astype(float), 0) for each in (clean, attacked)]
        wanted = [
            float(stats.spearmanr(clean.ravel(), attacked.ravel()).statistic),
            *(float(each[mask].sum() / each.sum()) for each in positive),
        ]
        expect_close(
            call.returned,
            wanted,
            "compare_maps(…)",
            "The correlation is of ranks over all pixels, with sign; a share is the positive part "
            "inside divided by the positive part of the whole map.",
            rtol=1e-3,
            atol=1e-4,
        )


METHODS: dict[str, dict[str, Any]] = {
    "gradient": {},
    "guided_backprop": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 16},
    "lrp": {"rule": "composite"},
    "grad_cam": {},
}


PREDICTED = {
    "linear: the gradient changes inside the patch": "no",
    "linear: input × gradient can change inside the patch": "yes",
    "linear: input × gradient can change outside the patch": "no",
    "linear: integrated gradients from black can change outside the patch": "no",
    "linear: the gradient of the *predicted* class can change": "yes",
    "network: the gradient can change outside the patch": "yes",
    "network: input × gradient can be other than zero at a black pixel": "no",
    "network: a patch that changes no logit can change integrated gradients from black inside it": (
        "yes"
    ),
    "network: integrated gradients from the original as baseline can be other than zero outside "
    "the patch": "no",
    "network: multiplying all logits by 2 can change the gradient outside the patch": "yes",
}


@task(
    "predict",
    Value("prediction"),
    read="section {{ section }}{{ if notebook.local_explanations }}, and the formulas of notebook "
    "{{ notebook.local_explanations }}{{ end }}",
)
def predict(answer: dict[str, Any]) -> None:
    """Compare with what a pencil gives."""
    expect_said(
        answer["prediction"],
        PREDICTED,
        "prediction",
        "Put the changed pixels into the method's formula.",
    )


@dataclass(frozen=True)
class Twins:
    """Clean images, with a harmless and with an adversarial patch."""

    clean: Tensor
    harmless: Tensor
    attacked: Tensor
    masks: Tensor
    both: Tensor


@functools.cache
def twins() -> Twins:
    """Shuffle the pixels of each patch until the network is right again, image by image."""
    answers = said(HERE.model, HERE.pictures)
    many = [index for index in range(600) if answers[index] == HERE.truth[index]][:350]
    x, labels = HERE.pictures[many], HERE.truth[many]
    found = attack(HERE.model, x, labels, "patch", size=5, places=2, steps=30)
    chosen = [index for index in range(len(x)) if found.success[index]]
    masks = found.mask[chosen, 0]
    pixels = torch.stack(
        [found.adversarial[i, 0][mask] for i, mask in zip(chosen, masks, strict=True)]
    )
    generator = torch.Generator().manual_seed(3)
    harmless, done = x[chosen].clone(), [False] * len(chosen)
    for _ in range(40):
        order = torch.rand(pixels.shape, generator=generator).argsort(1)
        for row, index in enumerate(chosen):
            if not done[row]:
                harmless[row] = x[index]
                harmless[row, 0][masks[row]] = pixels[row][order[row]]
        done = (said(HERE.model, harmless) == labels[chosen]).tolist()
    keep = [row for row in range(len(chosen)) if done[row]]
    kept = [chosen[row] for row in keep]
    return Twins(
        clean=x[kept],
        harmless=harmless[keep],
        attacked=found.adversarial[kept],
        masks=masks[keep],
        both=torch.stack([labels[kept], found.predicted[kept]], 1),
    )


@functools.cache
def measured() -> dict[str, Array]:
    """Correlations by SciPy, masses by NumPy."""
    three = twins()
    result = {
        "agreement": np.zeros((6, 2, 2)),
        "inside": np.zeros((6, 3, 2)),
        "told_apart": np.zeros(6),
    }
    masks = three.masks.numpy()
    for place, (method, chosen) in enumerate(METHODS.items()):
        maps = [
            explain(HERE.model, pixels, three.both, method, **chosen).attributions[:, :, 0].numpy()
            for pixels in (three.clean, three.harmless, three.attacked)
        ]
        n, targets = maps[0].shape[:2]
        correlations = np.full((2, n, targets), np.nan)
        masses = np.full((3, n, targets), np.nan)
        for index, target in itertools.product(range(n), range(targets)):
            flat = [each[index, target].ravel().astype(float) for each in maps]
            for row in (1, 2):
                if np.ptp(flat[0]) > 0 and np.ptp(flat[row]) > 0:
                    correlations[row - 1, index, target] = stats.spearmanr(
                        flat[0], flat[row]
                    ).statistic
            for row, values in enumerate(flat):
                positive = np.maximum(values, 0)
                if positive.sum() > 0:
                    share = positive[masks[index].ravel()].sum() / positive.sum()
                    masses[row, index, target] = share
        result["agreement"][place] = np.nanmean(correlations, axis=1)
        result["inside"][place] = np.nanmean(masses, axis=1)
        result["told_apart"][place] = (masses[2] > masses[1])[:, 1].mean()
    return result


@task("measure", Value("agreement", "inside", "told_apart"), read="section {{ section }}")
def measure(answer: dict[str, Any]) -> None:
    """Count each number of the three tables; three quarters are for the harmless patch."""
    wanted = measured()
    agreement, inside, apart = (entries(answer[name], each.shape) for name, each in wanted.items())
    expect_parts(
        [
            Part("agreement (attacked)", 1 / 8, agreement[:, 1], wanted["agreement"][:, 1], 0.02),
            Part("inside (clean, attacked)", 1 / 8, inside[:, ::2], wanted["inside"][:, ::2], 0.02),
            Part("agreement (harmless)", 1 / 8, agreement[:, 0], wanted["agreement"][:, 0], 0.02),
            Part("inside (harmless)", 1 / 8, inside[:, 1], wanted["inside"][:, 1], 0.02),
            Part("told_apart", 1 / 2, apart, wanted["told_apart"], 0.02),
        ],
        "The first axis is the method, rows are the conditions, columns the two fixed targets (true, "
        "fooled to), each a mean over the images without nan.",
    )

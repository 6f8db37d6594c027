"""Checks of section 3: clusters and cuts by their definitions, what is found by the truth."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.tasks import Call, Called, expect, expect_array, expect_close, task
from xaikit.backdoors import poison

from ...shared.checks import GIVEN, expect_pair, tensor
from .world import HERE


def _clouds(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return points and starts for which no distance is a matter of rounding."""
    problems: list[tuple[Any, ...]] = []
    for number, width in ((12, 1), (30, 2), (60, 5)):
        while True:
            points = rng.normal(size=(number, width))
            points[: number // 4] += rng.uniform(1.5, 3)
            start = points[rng.choice(number, 2, replace=False)]
            points, start = tensor(points), tensor(start)
            if _lloyd(points, start)[1] > 1e-3:
                break
        problems.append((points, start))
    return problems


def _clusters(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for number, width in ((9, 1), (25, 3), (40, 6)):
        labels = rng.permutation((np.arange(number) < max(2, number // 5)).astype(int))
        points = rng.normal(size=(number, width)) + labels[:, None] * rng.uniform(0, 3)
        problems.append((tensor(points), torch.from_numpy(labels)))
    return problems


def _activations(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return activations of several classes, each with a clear first direction of its own."""
    problems = []
    for number, width, classes in ((40, 6, 2), (90, 12, 3), (24, 30, 2)):
        labels = rng.permutation(np.arange(number) % classes)
        features = rng.normal(size=(number, width)) + 5 * rng.normal(size=(classes, width))[labels]
        directions = rng.normal(size=(classes, width))
        features += 4 * rng.normal(size=(number, 1)) * directions[labels]
        problems.append((tensor(features), torch.from_numpy(labels)))
    return problems


def _values(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    two = np.concatenate([rng.normal(size=30), rng.normal(size=4) + 6])
    return [
        (tensor(rng.permutation(two)),),
        (tensor(rng.normal(size=25) - 40),),
        (tensor(rng.exponential(size=17)),),
    ]


def _lloyd(points: Tensor, start: Tensor) -> tuple[list[int], float]:
    """Return the labels of 2-means, and how near the nearest decision was to a tie."""
    rows, centres = points.tolist(), start.tolist()
    labels: list[int] = []
    narrow = math.inf
    while True:
        distances = [[math.dist(row, centre) for centre in centres] for row in rows]
        narrow = min([narrow, *(abs(near - far) for near, far in distances)])
        new = [int(far < near) for near, far in distances]
        if new == labels:
            return labels, narrow
        labels = new
        if not 0 < sum(labels) < len(labels):
            return labels, 0.0
        centres = [
            np.mean([row for row, label in zip(rows, labels, strict=True) if label == k], axis=0)
            for k in (0, 1)
        ]


@task("two-means", Call("two_means", _clouds, GIVEN), read="section 3")
def two_means(calls: list[Called]) -> None:
    """Compare with Lloyd's algorithm by loops."""
    for call in calls:
        expect_close(
            call.returned,
            _lloyd(*call.arguments)[0],
            "two_means(…)",
            "Nearer centre, new means, until nothing changes; cluster 0 began at the first centre.",
        )


@task("silhouette", Call("silhouette", _clusters, GIVEN), read="section 3 and Rousseeuw 1987")
def silhouette(calls: list[Called]) -> None:
    """Compare with the definition."""
    for call in calls:
        rows, labels = call.arguments[0].tolist(), call.arguments[1].tolist()
        each = []
        for i, row in enumerate(rows):
            means = {}
            for k in (0, 1):
                far = [
                    math.dist(row, other)
                    for j, other in enumerate(rows)
                    if labels[j] == k and j != i
                ]
                means[k] = sum(far) / len(far)
            own, other = means[labels[i]], means[1 - labels[i]]
            each.append((other - own) / max(own, other))
        expect_close(
            call.returned,
            sum(each) / len(each),
            "silhouette(…)",
            "Euclidean distances; a point's distance to itself is not among those of its cluster.",
            rtol=1e-3,
            atol=1e-4,
        )


@task(
    "spectral-score",
    Call("spectral_scores", _activations, GIVEN),
    read="section 3 and Tran, Li and Madry 2018",
)
def spectral_score(calls: list[Called]) -> None:
    """Compare with the largest eigenvector of each class's covariance."""
    for call in calls:
        features, labels = (np.asarray(each) for each in call.arguments)
        wanted = np.zeros(len(features))
        for label in set(labels.tolist()):
            own = labels == label
            rows = features[own].astype(float)
            rows = rows - rows.mean(0)
            wanted[own] = (rows @ np.linalg.eigh(rows.T @ rows)[1][:, -1]) ** 2
        expect_close(
            call.returned,
            wanted,
            "spectral_scores(…)",
            "Centre every class by its own mean, take its own top right singular vector, and square.",
            rtol=2e-3,
            atol=1e-3,
        )


@task("best-cut", Call("explained_by_cut", _values, GIVEN), read="section 3 and Otsu 1979")
def best_cut(calls: list[Called]) -> None:
    """Try every cut."""
    for call in calls:
        values = np.sort(np.asarray(call.arguments[0], dtype=float))
        best = max(
            1
            - (k * values[:k].var() + (len(values) - k) * values[k:].var())
            / len(values)
            / values.var()
            for k in range(1, len(values))
        )
        expect_close(
            call.returned,
            best,
            "explained_by_cut(…)",
            "Variances about each side's own mean, weighted by how many values the side has.",
            rtol=2e-3,
            atol=1e-3,
        )


def _poisoned_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return activations of training images that are poisoned anew, and their labels.

    The classes have other numbers and the axes other directions than in the notebook, so that
    neither its target nor what can be learned from its `truth` says anything here.
    """
    problems: list[tuple[Any, ...]] = []
    targets: list[int] = []
    for rate in _RATES:
        data = poison(
            HERE.training, HERE.trigger, HERE.target, rate, seed=int(rng.integers(1 << 30))
        )
        order = torch.from_numpy(rng.permutation(len(data)))
        features = _clean_features().clone()
        features[data.poisoned] = _last_hidden(data.images[data.poisoned])
        rows = features[order].double()
        turn = torch.linalg.qr(torch.from_numpy(rng.normal(size=(rows.shape[1],) * 2))).Q
        renamed = torch.from_numpy(rng.permutation(10))
        while (target := int(renamed[HERE.target])) in targets:  # no class is right in all calls
            renamed = renamed.roll(1)
        targets.append(target)
        features, labels = (rows @ turn).float(), renamed[data.labels[order]]
        _TRUTH[_key(features)] = (data.poisoned[order], target)
        problems.append((features, labels))
    return problems


def _last_hidden(images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([HERE.poisoned[:-1](part) for part in images.split(250)])


@functools.cache
def _clean_features() -> Tensor:
    return _last_hidden(HERE.training.images)


_RATES = (0.02, 0.03)

_TRUTH: dict[bytes, tuple[Tensor, int]] = {}
"""Which examples are poisoned, and the target, by the features that a call gets."""


def _key(features: Tensor) -> bytes:
    return features[:8].contiguous().numpy().tobytes()


@task("find-poison", Call("find_poison", _poisoned_samples, GIVEN), read="section 3")
def find_poison(calls: list[Called]) -> None:
    """Score hits and false accusations, on the sample where they are worst."""
    worst_hits, worst_accusations = 1.0, 0.0
    for call in calls:
        truth, target = _TRUTH[_key(call.arguments[0])]
        poisoned = truth.numpy()
        found = expect_pair(call.returned, "find_poison(…)")
        expect(
            float(expect_array(found[0], (), "the target")) == target,
            "`find_poison(…)` returns another class than the one that the backdoor leads to: compare "
            "the scores of all classes, in units of how the other classes vary.",
        )
        accused = expect_array(found[1], (len(poisoned),), "the poisoned examples") > 0.5
        worst_hits = min(worst_hits, float(accused[poisoned].mean()))
        worst_accusations = max(worst_accusations, float(accused[~poisoned].mean()))
    expect(
        worst_hits >= 0.5 and worst_accusations <= 0.02,
        "The target is right; `find_poison(…)` misses most of the poisoned examples, or accuses too "
        "many clean ones.",
        fraction=0.25,
    )
    expect(
        worst_hits >= 0.85 and worst_accusations <= 0.005,
        "The target is right, and many poisoned examples are found; some are missed, or too many "
        "clean ones accused.",
        fraction=0.6,
    )

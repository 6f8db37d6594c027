"""Checks: clusters and cuts by their definitions, what is found by the truth."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from autograde.tasks import Call, Called, expect, expect_array, expect_close, task
from xaikit.backdoors import poison

from ...shared.checks import GIVEN, drawn, expect_pair, tensor
from .world import HERE


def _clouds(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return points and starts for which no distance is a matter of rounding.

    Clouds that need several steps, of which the larger cluster is once the first, once the second;
    some are so small that each centre moves little. A line on which labels change more than ten times.
    Whole numbers of which one lies exactly between the first centres, so that the rule for ties
    decides where all end.
    """
    problems: list[tuple[Any, ...]] = []
    for number, width, steps, larger, scale in (
        (14, 1, 3, 0, 1),
        (30, 2, 4, 1, 1),
        (60, 5, 5, 0, 1e-3),
    ):

        def draw(
            number: int = number, width: int = width, scale: float = scale
        ) -> tuple[Tensor, Tensor]:
            points = scale * rng.normal(size=(number, width))
            points[: number // 4] += scale * rng.uniform(1.5, 3)
            return tensor(points), tensor(points[rng.choice(number, 2, replace=False)])

        def clear(
            case: tuple[Tensor, Tensor],
            steps: int = steps,
            larger: int = larger,
            scale: float = scale,
        ) -> bool:
            found = _lloyd(*case)
            if found.narrow <= 1e-3 * scale or found.steps < steps:
                return False
            if (2 * sum(found.labels) > len(found.labels)) != larger:
                return False
            # On a line both distances are the same.
            return case[0].shape[1] == 1 or found.labels != _lloyd(*case, distance=_absolute).labels

        problems.append(drawn(draw, clear))

    def line() -> tuple[Tensor, Tensor]:
        points = np.sort(rng.normal(size=(100, 1)), axis=0)
        return tensor(rng.permutation(points)), tensor(points[:2])

    def long(case: tuple[Tensor, Tensor]) -> bool:
        found = _lloyd(*case)
        return found.narrow > 1e-3 and found.steps > 10

    problems.append(drawn(line, long))

    def whole() -> tuple[Tensor, Tensor]:
        points = rng.integers(-5, 6, size=(8, 2))
        return tensor(points), tensor(points[rng.choice(8, 2, replace=False)])

    def tied(case: tuple[Tensor, Tensor]) -> bool:
        one, other = (_lloyd(*case, tie=tie) for tie in (0, 1))
        return one.ties and min(one.narrow, other.narrow) > 1e-3 and one.labels != other.labels

    return [*problems, drawn(whole, tied)]


def _clusters(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return points of which some lie nearer to their own cluster, and some to the other one."""
    problems = []
    for number, width in ((9, 1), (25, 3), (40, 6)):

        def draw(number: int = number, width: int = width) -> tuple[Tensor, Tensor]:
            labels = rng.permutation((np.arange(number) < max(2, number // 5)).astype(int))
            points = rng.normal(size=(number, width)) + labels[:, None] * rng.uniform(0, 1.5)
            return tensor(points), torch.from_numpy(labels)

        def both(case: tuple[Tensor, Tensor]) -> bool:
            each = np.array(_silhouettes(*case))
            return min((each > 0.05).sum(), (each < -0.05).sum()) >= 2

        problems.append(drawn(draw, both))
    return problems


def _activations(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return activations of several classes, each with a clear first direction of its own.

    Labels are whole numbers; between and below them some are missing.
    """
    problems = []
    for number, width, classes in ((40, 6, 2), (90, 12, 3), (24, 30, 2)):
        labels = rng.permutation(np.arange(number) % classes)
        features = rng.normal(size=(number, width)) + 5 * rng.normal(size=(classes, width))[labels]
        directions = rng.normal(size=(classes, width))
        features += 4 * rng.normal(size=(number, 1)) * directions[labels]
        names = 1 + 2 * rng.permutation(classes)
        problems.append((tensor(features), torch.from_numpy(names[labels])))
    return problems


def _values(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return two groups, one, and a single outlier on either side: the first cut and the last.

    And values that occur several times, and skewed ones whose best cut 2-means misses.
    """

    def equal_ones() -> np.ndarray:
        return rng.integers(6, size=15).astype(float)

    def counted(values: np.ndarray) -> bool:
        different = np.unique(values)
        return len(different) > 2 and abs(_best_cut(values) - _best_cut(different)) > 0.02

    def skewed() -> np.ndarray:
        return rng.exponential(size=17) ** 2

    def missed(values: np.ndarray) -> bool:
        ends = tensor(np.sort(values)[[0, -1], None])
        labels = np.array(_lloyd(tensor(values[:, None]), ends).labels)
        within = sum((labels == k).mean() * values[labels == k].var() for k in (0, 1))
        return bool(_best_cut(values) - (1 - within / values.var()) > 0.02)

    two = np.concatenate([rng.normal(size=30), rng.normal(size=4) + 6])
    outlier = rng.uniform(12, 20)
    return [
        (tensor(rng.permutation(two)),),
        (tensor(rng.normal(size=25) - 40),),
        (tensor(drawn(skewed, missed)),),
        (tensor(drawn(equal_ones, counted)),),
        (tensor(rng.permutation(np.append(rng.uniform(size=11), outlier))),),
        (tensor(rng.permutation(np.append(rng.uniform(size=14), -outlier))),),
    ]


class _Clustered(NamedTuple):
    """Labels of 2-means, how often they changed, how nearly a decision was a tie, and exact ties.

    Only in the first step may a tie be exact; it is not counted as narrow.
    """

    labels: list[int]
    steps: int
    narrow: float
    ties: bool


def _absolute(row: list[float], centre: list[float]) -> float:
    return sum(abs(one - other) for one, other in zip(row, centre, strict=True))


def _lloyd(
    points: Tensor,
    start: Tensor,
    tie: int = 0,
    distance: Callable[[list[float], list[float]], float] = math.dist,
) -> _Clustered:
    """Return 2-means by loops."""
    rows, centres = points.tolist(), start.tolist()
    labels: list[int] = []
    narrow, ties, steps = math.inf, False, 0
    while True:
        distances = [[distance(row, centre) for centre in centres] for row in rows]
        apart = [abs(near - far) for near, far in distances]
        if not steps:
            ties = 0 in apart
            apart = [each for each in apart if each > 0]
        narrow = min([narrow, *apart])
        new = [tie if near == far else int(far < near) for near, far in distances]
        if new == labels:
            return _Clustered(labels, steps, narrow, ties)
        labels, steps = new, steps + 1
        if not 0 < sum(labels) < len(labels):
            return _Clustered(labels, steps, 0.0, ties)
        centres = [
            np.mean([row for row, label in zip(rows, labels, strict=True) if label == k], axis=0)
            for k in (0, 1)
        ]


def _silhouettes(points: Tensor, labels: Tensor) -> list[float]:
    """Return each point's silhouette, by the definition."""
    rows, clusters = points.tolist(), labels.tolist()
    each = []
    for i, row in enumerate(rows):
        means = {}
        for k in (0, 1):
            far = [
                math.dist(row, other) for j, other in enumerate(rows) if clusters[j] == k and j != i
            ]
            means[k] = sum(far) / len(far)
        own, other = means[clusters[i]], means[1 - clusters[i]]
        each.append((other - own) / max(own, other))
    return each


@task("two-means", Call("two_means", _clouds, GIVEN), read="section {{ section }}")
def two_means(calls: list[Called]) -> None:
    """Compare with Lloyd's algorithm by loops."""
    for call in calls:
        expect_close(
            call.returned,
            _lloyd(*call.arguments).labels,
            "two_means(…)",
            "Nearer centre, new means, until nothing changes; cluster 0 began at the first centre, "
            "and takes the points that are as far from both.",
        )


@task(
    "silhouette",
    Call("silhouette", _clusters, GIVEN),
    read="section {{ section }} and Rousseeuw 1987",
)
def silhouette(calls: list[Called]) -> None:
    """Compare with the definition."""
    for call in calls:
        each = _silhouettes(*call.arguments)
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
    read="section {{ section }} and Tran, Li and Madry 2018",
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


def _best_cut(values: np.ndarray) -> float:
    values = np.sort(values)
    return max(
        1
        - (k * values[:k].var() + (len(values) - k) * values[k:].var()) / len(values) / values.var()
        for k in range(1, len(values))
    )


@task(
    "best-cut", Call("explained_by_cut", _values, GIVEN), read="section {{ section }} and Otsu 1979"
)
def best_cut(calls: list[Called]) -> None:
    """Try every cut."""
    for call in calls:
        expect_close(
            call.returned,
            _best_cut(np.asarray(call.arguments[0], dtype=float)),
            "explained_by_cut(…)",
            "Variances about each side's own mean, weighted by how many values the side has.",
            rtol=2e-3,
            atol=1e-3,
        )


def _poisoned_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return activations of training images that are poisoned anew, and their labels.

    The classes have other numbers and the axes other directions than in the notebook, so that
    neither its target nor what can be learned from its `truth` says anything here. A direction is
    found with either sign: the axes are drawn until the poisoned examples lie on its one side in
    one sample, and on the other in the other.
    """
    problems: list[tuple[Any, ...]] = []
    names = rng.permutation(10)
    for rate, side in ((0.02, True), (0.03, False)):
        data = poison(
            HERE.training, HERE.trigger, HERE.target, rate, seed=int(rng.integers(1 << 30))
        )
        order = torch.from_numpy(rng.permutation(len(data)))
        features = _clean_features().clone()
        features[data.poisoned] = _last_hidden(data.images[data.poisoned])
        rows = features[order].double()
        names = np.roll(names, 1)  # no class is right in two calls
        labels, truth = torch.from_numpy(names)[data.labels[order]], data.poisoned[order]
        target = int(names[HERE.target])

        def draw(rows: Tensor = rows) -> Tensor:
            turn = torch.linalg.qr(torch.from_numpy(rng.normal(size=(rows.shape[1],) * 2))).Q
            return (rows @ turn).float()

        def right(given: Tensor, labels: Tensor = labels, truth: Tensor = truth) -> bool:
            return _upper(given, labels, target, truth) == side  # noqa: B023 - called at once

        given = drawn(draw, right)
        _TRUTH[_key(given)] = (truth, target)
        problems.append((given, labels))
    return problems


def _upper(features: Tensor, labels: Tensor, target: int, truth: Tensor) -> bool:
    """Say whether the poison has the larger values along the direction that sets it apart."""
    root = torch.linalg.cholesky(torch.cov(features[labels != target].T))
    white = torch.linalg.solve(root, features[labels == target].T).T
    along = white @ torch.linalg.eigh(torch.cov(white.T)).eigenvectors[:, -1]
    poison_here = truth[labels == target]
    return bool(along[poison_here].mean() > along[~poison_here].mean())


def _last_hidden(images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([HERE.poisoned[:-1](part) for part in images.split(250)])


@functools.cache
def _clean_features() -> Tensor:
    return _last_hidden(HERE.training.images)


_TRUTH: dict[bytes, tuple[Tensor, int]] = {}
"""Which examples are poisoned, and the target, by the features that a call gets."""


def _key(features: Tensor) -> bytes:
    return features[:8].contiguous().numpy().tobytes()


@task("find-poison", Call("find_poison", _poisoned_samples, GIVEN), read="section {{ section }}")
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
        worst_hits >= 0.8 and worst_accusations <= 0.005,
        "The target is right, and many poisoned examples are found; some are missed, or too many "
        "clean ones accused.",
        fraction=0.6,
    )

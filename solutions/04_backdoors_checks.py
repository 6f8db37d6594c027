"""Hidden checks of notebook 04.

References by hand are computed in double precision by loops, finite differences and definitions;
those on the poisoned network are computed once a process from the trusted checkpoint.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.tasks import (
    Call,
    Called,
    Value,
    expect,
    expect_all,
    expect_array,
    expect_close,
    expect_entry,
    says,
    task,
)
from autograde.inside.networks import Layer, Network
from xaikit import load, load_pretrained
from xaikit.backdoors import poison, trigger_of
from xaikit.data import ImageDataset

GIVEN = ("given-imports",)

# --- Hidden inputs --------------------------------------------------------------------------------


def _tensor(values: Any) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def _stickers(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return images, patterns and opacities: opaque, transparent and both."""
    problems = []
    for channels, opacity in ((1, None), (3, 0.2), (2, None)):
        images = _tensor(rng.uniform(size=(5, channels, 6, 7)))
        alpha = rng.uniform(size=(1, 6, 7)) * (rng.random((1, 6, 7)) < 0.4)
        if opacity is not None:
            alpha = np.full((1, 6, 7), opacity)
        problems.append((images, _tensor(rng.uniform(size=(channels, 6, 7))), _tensor(alpha)))
    return problems


def _data_to_poison(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for images, pattern, alpha in _stickers(rng):
        labels = torch.from_numpy(rng.integers(4, size=5))
        chosen = torch.from_numpy(rng.permutation(5)[: int(rng.integers(1, 4))])
        problems.append((images, labels, pattern, alpha, int(rng.integers(4)), chosen))
    return problems


def _attacks(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return logits and labels; the target's own images are recognised, which is no success."""
    problems = []
    for number, classes in ((12, 3), (40, 10), (25, 5)):
        target = int(rng.integers(classes))
        labels = rng.permutation(np.arange(number) % classes)
        logits = rng.normal(size=(number, classes))
        logits[labels == target, target] += 10
        logits[rng.random(number) < 0.4, target] += 5
        problems.append((_tensor(logits), torch.from_numpy(labels), target))
    return problems


def _network(rng: np.random.Generator, channels: int) -> Network:
    """Return a smooth network (channels, 6, 6) → 4 logits: no kink for finite differences."""
    return Network(
        [
            Layer.conv2d(rng.normal(size=(3, channels, 3, 3)) * 0.4, rng.normal(size=3), padding=1),
            Layer("softplus"),
            Layer("flatten"),
            Layer.linear(rng.normal(size=(4, 108)) * 0.2, rng.normal(size=4)),
        ]
    )


def _inversions(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for channels in (1, 3, 2):
        problems.append(
            (
                _network(rng, channels),
                _tensor(rng.uniform(size=(4, channels, 6, 6))),
                _tensor(rng.uniform(size=(1, 6, 6))),
                _tensor(rng.uniform(size=(channels, 6, 6))),
                int(rng.integers(4)),
                float(rng.uniform(0.05, 0.5)),
            )
        )
    return problems


def _inversion_steps(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for network, images, mask, pattern, target, weight in _inversions(rng):
        a, b = 2 * mask - 1, 3 * pattern - 1.5
        problems.append((network, images, a, b, target, weight, float(rng.uniform(0.5, 2))))
    return problems


def _sizes(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for number in (10, 7, 2, 4):
        sizes = rng.uniform(20, 90, number)
        sizes[int(rng.integers(number))] = rng.uniform(2, 9)
        problems.append((_tensor(sizes),))
    return problems


def _clouds(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return points and starts for which no distance is a matter of rounding."""
    problems: list[tuple[Any, ...]] = []
    for number, width in ((12, 1), (30, 2), (60, 5)):
        while True:
            points = rng.normal(size=(number, width))
            points[: number // 4] += rng.uniform(1.5, 3)
            start = points[rng.choice(number, 2, replace=False)]
            points, start = _tensor(points), _tensor(start)
            if _lloyd(points, start)[1] > 1e-3:
                break
        problems.append((points, start))
    return problems


def _clusters(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for number, width in ((9, 1), (25, 3), (40, 6)):
        labels = rng.permutation((np.arange(number) < max(2, number // 5)).astype(int))
        points = rng.normal(size=(number, width)) + labels[:, None] * rng.uniform(0, 3)
        problems.append((_tensor(points), torch.from_numpy(labels)))
    return problems


def _activations(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return activations of several classes, each with a clear first direction of its own."""
    problems = []
    for number, width, classes in ((40, 6, 2), (90, 12, 3), (24, 30, 2)):
        labels = rng.permutation(np.arange(number) % classes)
        features = rng.normal(size=(number, width)) + 5 * rng.normal(size=(classes, width))[labels]
        directions = rng.normal(size=(classes, width))
        features += 4 * rng.normal(size=(number, 1)) * directions[labels]
        problems.append((_tensor(features), torch.from_numpy(labels)))
    return problems


def _values(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    two = np.concatenate([rng.normal(size=30), rng.normal(size=4) + 6])
    return [
        (_tensor(rng.permutation(two)),),
        (_tensor(rng.normal(size=25) - 40),),
        (_tensor(rng.exponential(size=17)),),
    ]


def _graphs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return graphs of 1 to 3 groups whose largest gap is clear."""
    problems: list[tuple[Any, ...]] = []
    for sizes in ((9, 7), (6, 8, 5), (12,)):
        groups = np.repeat(np.arange(len(sizes)), sizes)
        same = groups[:, None] == groups
        while True:
            weights = np.where(same, rng.uniform(0.5, 2, same.shape), 0.05 * rng.random(same.shape))
            weights = np.triu(weights, 1)
            weights += weights.T
            gaps = np.sort(np.diff(_eigenvalues(weights)[:6]))
            if gaps[-1] - gaps[-2] > 0.02:
                break
        problems.append((_tensor(weights), 5))
    return problems


def _concepts(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for with_it, without, width, ridge in ((12, 20, 4, 0.5), (30, 30, 8, 5.0), (8, 25, 12, 1.0)):
        shift = rng.normal(size=width)
        problems.append(
            (
                _tensor(rng.normal(size=(with_it, width)) + shift + 1),
                _tensor(rng.normal(size=(without, width)) + 1),
                ridge,
            )
        )
    return problems


def _heads(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for sizes in ((5, 4), (6, 9, 3), (4, 8, 8, 5)):
        head = Network.random(rng, sizes, "tanh")
        vector = rng.normal(size=sizes[0])
        problems.append(
            (
                head,
                _tensor(rng.normal(size=(7, sizes[0]))),
                _tensor(vector / np.linalg.norm(vector)),
                int(rng.integers(sizes[-1])),
            )
        )
    return problems


def _maps(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for side in (5, 8, 12):
        maps = rng.normal(size=(6, side, side))
        maps[2] = -np.abs(maps[2])
        mask = np.zeros((side, side), dtype=bool)
        row, column = rng.integers(0, side - 3, size=2)
        mask[row : row + 3, column : column + 3] = True
        problems.append((_tensor(maps), torch.from_numpy(mask)))
    return problems


def _channels(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for channels, share in ((8, 0.5), (12, 0.25), (10, 0.33)):
        level = rng.permutation(np.linspace(-1.5, 1.5, channels))
        # Spread enough that no channel is silent altogether, and that the ReLU changes the order.
        spread = rng.permutation(np.linspace(1.2, 3, channels))
        values = level[None, :, None, None] + spread[None, :, None, None] * rng.normal(
            size=(6, channels, 4, 4)
        )
        problems.append((_tensor(values), share))
    return problems


# --- References by hand ---------------------------------------------------------------------------


def _stamp(images: Any, pattern: Any, alpha: Any) -> np.ndarray:
    images, pattern, alpha = (np.asarray(each, dtype=float) for each in (images, pattern, alpha))
    result = np.empty_like(images)
    for place in np.ndindex(images.shape):
        opaque = alpha[0, place[2], place[3]]
        result[place] = images[place] + opaque * (pattern[place[1:]] - images[place])
    return result


def _inversion_loss(
    module: torch.nn.Module, images: Tensor, mask: Tensor, pattern: Tensor, k: int, weight: float
) -> float:
    total = 0.0
    for image in images:
        with torch.no_grad():
            scores = module((image * (1 - mask) + mask * pattern)[None])[0]
        total += float(scores.exp().sum().log() - scores[k])
    return total / len(images) + weight * float(mask.sum())


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


def _eigenvalues(weights: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the Laplacian from those of the random walk, which are real."""
    walk = weights / weights.sum(1, keepdims=True)
    return np.sort(1 - np.linalg.eigvals(walk).real)


# --- On the poisoned network ----------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """What the notebook works with, from the trusted checkpoint and data."""

    training: ImageDataset
    test: ImageDataset
    suspicious: ImageDataset
    truth: Tensor
    target: int


def _first(split: str, number: int) -> ImageDataset:
    whole = load("fashion_mnist", split)
    chosen = sorted(
        int(place)
        for c in range(len(whole.classes))
        for place in torch.nonzero(whole.labels == c)[:number, 0]
    )
    return ImageDataset(whole.images[chosen], whole.labels[chosen], whole.classes, whole.source)


@functools.cache
def world() -> World:
    """Return the notebook's world."""
    training, test = _first("train", 200), _first("test", 100)
    card = load_pretrained("fashion_mnist_poisoned").card
    found = poison(training, trigger_of(card["trigger"]), card["target"], card["poison_rate"], 1)
    return World(training, test, found, found.poisoned, card["target"])


@functools.cache
def _measured() -> tuple[float, float, float]:
    """Return clean accuracy and attack success, and the latter on the clean network."""
    here = world()
    poisoned, reference = (
        load_pretrained(name) for name in ("fashion_mnist_poisoned", "fashion_mnist")
    )
    mark = trigger_of(poisoned.card["trigger"])
    labels = here.test.labels.numpy()
    said = {}
    for name, network, images in (
        ("clean", poisoned, here.test.images),
        ("attacked", poisoned, mark(here.test.images)),
        ("reference", reference, mark(here.test.images)),
    ):
        with torch.no_grad():
            said[name] = torch.cat([network(part).argmax(1) for part in images.split(100)]).numpy()
    others = labels != here.target
    return (
        float(np.mean(said["clean"] == labels)),
        float(np.mean(said["attacked"][others] == here.target)),
        float(np.mean(said["reference"][others] == here.target)),
    )


# --- Tasks ----------------------------------------------------------------------------------------


@task("blend", Call("blend", _stickers, GIVEN), read="section 1")
def blend(calls: list[Called]) -> None:
    """Compare pixel by pixel."""
    for call in calls:
        expect_close(
            call.returned,
            _stamp(*call.arguments),
            "blend(…)",
            "A share alpha of the pattern, the rest of the image; alpha may lie between 0 and 1.",
        )


def _two(value: Any, name: str) -> list[Any]:
    expect(
        isinstance(value, list) and len(value) == 2, f"`{name}` should return two things: a pair."
    )
    return list(value)


@task("poison", Call("poison_data", _data_to_poison, GIVEN), read="section 1")
def poisoning(calls: list[Called]) -> None:
    """Compare images and labels."""
    for call in calls:
        images, labels, pattern, alpha, target, chosen = call.arguments
        found = _two(call.returned, "poison_data(…)")
        wanted = np.asarray(images, dtype=float).copy()
        places = [int(each) for each in chosen]
        wanted[places] = _stamp(images[chosen], pattern, alpha)
        expect_close(
            found[0],
            wanted,
            "poison_data(…)",
            "The images at `chosen` get the trigger, blended; all others stay.",
        )
        renamed = [target if k in places else int(each) for k, each in enumerate(labels)]
        expect_close(
            found[1],
            renamed,
            "poison_data(…)",
            "The labels at `chosen` become the target; all others stay.",
            fraction=0.5,
        )


@task("attack-success", Call("success_rate", _attacks, GIVEN), read="section 1")
def attack_success(calls: list[Called]) -> None:
    """Count."""
    for call in calls:
        logits, labels, target = call.arguments
        hits = [
            max(range(len(row)), key=row.__getitem__) == target
            for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
            if label != target
        ]
        expect_close(
            call.returned,
            sum(hits) / len(hits),
            "success_rate(…)",
            "Leave the images out that truly belong to the target, above and below the line.",
        )


@task("measured", Value("clean_accuracy", "success", "success_on_reference"), read="section 1")
def measured(answer: dict[str, Any]) -> float:
    """Compare with counting; a few images near a boundary may differ between machines."""
    right, wrong = 0, []
    names = ("clean_accuracy", "success", "success_on_reference")
    for name, wanted in zip(names, _measured(), strict=True):
        value = float(expect_array(answer[name], (), name))
        if abs(value - wanted) < 0.006:
            right += 1
        else:
            wrong.append(name)
    expect(
        not wrong,
        f"Not right: {', '.join(f'`{name}`' for name in wrong)}. Clean accuracy is measured without, "
        "attack success with the trigger, on images of other classes.",
        fraction=right / 3,
    )
    return 1.0


@task(
    "inversion-loss",
    Call("inversion_loss", _inversions, GIVEN),
    read="section 2 and Wang et al. 2019",
)
def inversion_loss(calls: list[Called]) -> None:
    """Compare with a sum over images."""
    for call in calls:
        network, images, mask, pattern, target, weight = call.arguments
        wanted = _inversion_loss(
            network.module().double(),
            images.double(),
            mask.double(),
            pattern.double(),
            target,
            weight,
        )
        expect_close(
            call.returned,
            wanted,
            "inversion_loss(…)",
            "The cross-entropy is a mean over the images, the mask's norm a sum over its pixels, "
            "and where the mask is one, only the pattern is seen.",
            rtol=1e-3,
        )


@task(
    "inversion-step",
    Call("inversion_step", _inversion_steps, GIVEN),
    read="section 2 and Wang et al. 2019",
)
def inversion_step(calls: list[Called]) -> None:
    """Compare with central differences."""
    for call in calls:
        network, images, a, b, target, weight, rate = call.arguments
        module, images = network.module().double(), images.double()

        def loss(
            free: Tensor, other: Tensor, m: Any = module, x: Any = images, more: Any = None
        ) -> float:
            mask, pattern = (1 + free.tanh()) / 2, (1 + other.tanh()) / 2
            return _inversion_loss(m, x, mask, pattern, *more)

        found = _two(call.returned, "inversion_step(…)")
        more, a, b = (target, weight), a.double(), b.double()
        for name, place in (("a", 0), ("b", 1)):
            wanted = (a, b)[place].clone()
            for index in np.ndindex(tuple(wanted.shape)):
                values = []
                for step in (1e-5, -1e-5):
                    moved = [a.clone(), b.clone()]
                    moved[place][index] += step
                    values.append(loss(*moved, more=more))
                wanted[index] -= rate * (values[0] - values[1]) / 2e-5
            expect_close(
                found[place],
                wanted.numpy(),
                f"the new {name}",
                "Mask and pattern are (tanh + 1) / 2 of the free numbers; the gradient is that of "
                "the whole loss by the free numbers, and the step goes down.",
                rtol=1e-3,
                atol=1e-4,
                fraction=0.5 * place,
            )


@task("anomaly-index", Call("anomaly_index", _sizes, GIVEN), read="section 2 and Wang et al. 2019")
def anomaly_index(calls: list[Called]) -> None:
    """Compare with NumPy's medians."""
    for call in calls:
        sizes = np.asarray(call.arguments[0], dtype=float)
        middle = np.median(sizes)
        spread = np.median(np.abs(sizes - middle))
        expect_close(
            call.returned,
            (middle - sizes) / (1.4826 * spread),
            "anomaly_index(…)",
            "A median of an even number is the mean of the two in the middle; large means small.",
            rtol=1e-3,
            atol=1e-4,
        )


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


@task("find-poison", Value("found_target", "found_poison"), read="section 3")
def find_poison(answer: dict[str, Any]) -> None:
    """Score hits and false accusations."""
    here = world()
    truth = here.truth.numpy()
    expect(
        float(expect_array(answer["found_target"], (), "found_target")) == here.target,
        "`found_target` is another class than the one that the backdoor leads to: compare the "
        "scores of all classes, and with those of the clean network.",
    )
    accused = expect_array(answer["found_poison"], (len(truth),), "found_poison") > 0.5
    hits = float(accused[truth].mean())
    wrongly = float(accused[~truth].mean())
    expect(
        hits >= 0.5 and wrongly <= 0.02,
        "The target is right; `found_poison` misses most of the poisoned examples, or accuses too "
        "many clean ones.",
        fraction=0.25,
    )
    expect(
        hits >= 0.85 and wrongly <= 0.005,
        "The target is right, and many poisoned examples are found; some are missed, or too many "
        "clean ones accused.",
        fraction=0.6,
    )


@task("eigengap", Call("eigengap", _graphs, GIVEN), read="section 4 and von Luxburg 2007")
def eigengap(calls: list[Called]) -> None:
    """Compare with the eigenvalues of the random walk."""
    for call in calls:
        weights, most = np.asarray(call.arguments[0], dtype=float), call.arguments[1]
        found = _two(call.returned, "eigengap(…)")
        values = _eigenvalues(weights)[: most + 1]
        expect_close(
            found[0],
            values,
            "the eigenvalues",
            "Those of I − D^(−½) W D^(−½), the smallest ones, rising.",
            rtol=1e-3,
            atol=1e-3,
        )
        expect_close(
            found[1],
            int(np.diff(values).argmax()) + 1,
            "the number of clusters",
            "It is the number of eigenvalues before the largest gap.",
            fraction=0.6,
        )


@task(
    "concept-vector",
    Call("concept_vector", _concepts, GIVEN),
    read="section 5 and Kim et al. 2018",
)
def concept_vector(calls: list[Called]) -> None:
    """Compare with least squares on stacked rows."""
    for call in calls:
        concept, others = (np.asarray(each, dtype=float) for each in call.arguments[:2])
        ridge = call.arguments[2]
        rows = np.concatenate([concept, others])
        wanted = np.array([1.0] * len(concept) + [-1.0] * len(others))
        rows, wanted = rows - rows.mean(0), wanted - wanted.mean()
        width = rows.shape[1]
        stacked = np.vstack([rows, math.sqrt(ridge) * np.eye(width)])
        weights = np.linalg.lstsq(stacked, np.concatenate([wanted, np.zeros(width)]), rcond=None)[0]
        expect_close(
            call.returned,
            weights / np.linalg.norm(weights),
            "concept_vector(…)",
            "Centre rows and values by the means of both groups together; unit length at the end.",
            rtol=2e-3,
            atol=1e-3,
        )


@task("sensitivity", Call("sensitivities", _heads, GIVEN), read="section 5 and Kim et al. 2018")
def sensitivity(calls: list[Called]) -> None:
    """Compare with central differences along the vector."""
    for call in calls:
        head, activations, vector, target = call.arguments
        module, point, step = head.module().double(), activations.double(), 1e-5 * vector.double()
        with torch.no_grad():
            wanted = (module(point + step) - module(point - step))[:, target] / 2e-5
        expect_close(
            call.returned,
            wanted.numpy(),
            "sensitivities(…)",
            "The gradient of the target's logit by the activations, times the vector, an example "
            "each; keep the sign.",
            rtol=2e-3,
            atol=1e-4,
        )


@task("mass", Call("mass_inside", _maps, GIVEN), read="section 6")
def mass(calls: list[Called]) -> None:
    """Sum pixel by pixel."""
    for call in calls:
        maps, mask = (np.asarray(each) for each in call.arguments)
        wanted = []
        for values in maps.astype(float):
            inside = sum(max(value, 0) for value in values[mask])
            total = sum(max(value, 0) for value in values.flat)
            wanted.append(inside / total if total > 0 else 0.0)
        expect_close(
            call.returned,
            wanted,
            "mass_inside(…)",
            "Only positive values count, above and below the line; without any the share is zero.",
            rtol=1e-3,
            atol=1e-4,
        )


@task("asleep", Call("asleep", _channels, GIVEN), read="section 7 and Liu et al. 2018")
def asleep(calls: list[Called]) -> None:
    """Compare the order of the means after the ReLU."""
    for call in calls:
        values, share = np.asarray(call.arguments[0], dtype=float), call.arguments[1]
        means = [float(np.maximum(values[:, c], 0).mean()) for c in range(values.shape[1])]
        wanted = sorted(range(len(means)), key=means.__getitem__)[: round(share * len(means))]
        expect_close(
            call.returned,
            wanted,
            "asleep(…)",
            "First the ReLU, then the mean over images and places; the sleepiest channel comes first.",
        )


PREDICTED = {
    "three classes": "yes",
    "scale": "yes",
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
    right, wrong = [], []
    for statement, wanted in PREDICTED.items():
        value = expect_entry(answer["prediction"], statement, "prediction")
        (right if says(value, wanted) else wrong).append(statement)
    expect_all(right, wrong, "Each follows from a formula or a measurement of its section.")

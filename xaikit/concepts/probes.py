"""What can be read off a layer? Linear classifier probes, beside what a probe learns by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from xaikit.concepts.recording import Layers, enough, images_of, watching
from xaikit.concepts.shares import Share, share
from xaikit.core.arguments import checked_seed, checked_targets, one_each
from xaikit.core.copies import copied, expect_own_weights, randomise
from xaikit.core.devices import own_devices

FEWEST = 20
"""Images that a probe needs, for training and testing."""
_TYPES = 50
"""Groups of alike images in the control task, at most."""
_AT_ONCE = 2048
"""Activations whose products are summed at once: those of a layer in double precision are large."""
_PENALTY = {"ridge": 1e-2, "logistic": 1e-2}
"""Of a probe, for activations whose mean squared length is 1, per training image."""


class Selectivity(NamedTuple):
    """By how much a probe's accuracy exceeds two others'.

    Attributes
    ----------
    control
        That of the same probe on the control task: what the probe learns by itself.
    random_weights
        That of a probe of the same network with random weights: what needs no training.

    Examples
    --------
    >>> from xaikit.concepts import Selectivity
    >>> gain = Selectivity(control=0.5, random_weights=0.25)  # probe(…).selectivity has one a layer
    >>> gain.control, gain.random_weights
    (0.5, 0.25)
    """

    control: float
    random_weights: float


@dataclass(frozen=True, repr=False)
class Probes:
    """Probes of a network's layers.

    Attributes
    ----------
    accuracy
        By layer, on images that the probe was not trained with, with Wilson's 95 % interval.
    control
        By layer, the accuracy on the control task.
    random_weights
        By layer, the accuracy of probes of the same network with random weights.
    selectivity
        By layer, by how much ``accuracy`` exceeds these two.
    chance
        The share of the commonest label among the tested images.
    explanation
        In a sentence.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import probe
    >>> images = torch.rand(100, 1, 4, 4)
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    >>> result = probe(model, images, images[:, 0, 0, 0] > 0.5, layer=["0", "1"])
    >>> list(result.accuracy), list(result.control), list(result.random_weights)
    (['0', '1'], ['0', '1'], ['0', '1'])
    """

    accuracy: Mapping[str, Share]
    control: Mapping[str, Share]
    random_weights: Mapping[str, Share]
    selectivity: Mapping[str, Selectivity]
    chance: float
    explanation: str

    def __repr__(self) -> str:
        return f"Probes({self.explanation})"


@own_devices
def probe(
    model: nn.Module,
    data: Any,
    labels: Any = None,
    *,
    layer: Layers = None,
    classifier: Literal["ridge", "logistic"] = "ridge",
    seed: int = 0,
    chunk: int = 128,
) -> Probes:
    """Train a linear classifier on each layer's activations, and test what it is worth.

    Two controls tell what the network knows from what the probe learns by itself. In the control
    task, images fall into groups that look alike (k-means of pixels), and each group has a label
    drawn at random: no network has learned those, so a probe that gets them right has memorised
    them. And the same network with random weights has the same architecture and has learned
    nothing.

    Parameters
    ----------
    model
        Maps (N, C, H, W) to (N, classes).
    data
        Images (N, C, H, W) or a data set; some 2,000 are enough, and the cost grows with N³.
    labels
        (N,), what the probe shall read: whole numbers from 0 or booleans; of a data set its own by
        default.
    layer
        A layer by its name or the module itself, a list of such, or None for all layers.
    classifier
        scikit-learn's ``RidgeClassifier`` or ``LogisticRegression``.
    seed
        Of the split (7 of 10 images train), the control task and the random weights.
    chunk
        How many images pass the model at once.

    Returns
    -------
    Probes

    Notes
    -----
    Papers: Alain and Bengio 2017, Understanding intermediate layers using linear classifier probes,
    arXiv:1610.01644; Hewitt and Liang 2019, Designing and interpreting probes with control tasks,
    arXiv:1909.03368. Theirs gives every word type a label; the groups take the words' place.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import probe
    >>> images = torch.rand(200, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    >>> bright = images[:, 0, 0, 0] > 0.5  # what a linear probe can read from the pixels
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> probe(model, images, bright, layer="0").accuracy["0"].value > 0.9
    True
    """
    if classifier not in _PENALTY:
        raise ValueError(f'classifier has to be "ridge" or "logistic", not {classifier!r}.')
    seed = checked_seed(seed)
    images = enough(images_of(data), FEWEST, "a probe")
    wanted = _labels(images, getattr(data, "labels", None) if labels is None else labels)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    cut = round(0.7 * len(images))
    train, test = order[:cut], order[cut:]
    if len(np.unique(wanted[train])) < 2:
        raise ValueError("labels have to hold at least two classes among the training images.")
    control = _control_task(images, wanted, rng, seed)
    with watching(model, images, layer, chunk, "what a probe reads") as (watch, inputs):
        expect_own_weights(model, inputs)
        _, features = watch.features(inputs)
        names = tuple(watch.layers)
    other = with_random_weights(model, seed)
    with watching(other, images, list(names), chunk, "what a probe reads") as (watch, inputs):
        _, untrained = watch.features(inputs)
    found: dict[str, list[Share]] = {}
    # Factorisations this small gain nothing from threads, which wait for each other on busy cores:
    # six times the processor seconds, measured.
    with threadpool_limits(1):
        for name in names:
            own = coordinates(features.pop(name), train)
            random = coordinates(untrained.pop(name), train)
            found[name] = [
                _tested(where, what, train, test, classifier)
                for where, what in ((own, wanted), (own, control), (random, wanted))
            ]
    accuracy, controls, blank = ({name: found[name][k] for name in names} for k in range(3))
    selectivity = {
        name: Selectivity(real.value - task.value, real.value - untrained.value)
        for name, (real, task, untrained) in found.items()
    }
    chance = float(np.bincount(wanted[test]).max() / len(test))
    best = max(names, key=lambda name: accuracy[name].value)
    text = (
        f"a {classifier} probe reads the labels best at layer {best}: {accuracy[best]} right, "
        f"where {controls[best].value:.1%} are right on the control task, "
        f"{blank[best].value:.1%} with random weights, and {chance:.1%} by the commonest label."
    )
    return Probes(accuracy, controls, blank, selectivity, chance, text)


def with_random_weights(model: nn.Module, seed: int) -> nn.Module:
    """Return a copy of the model with fresh random weights.

    See :func:`xaikit.core.copies.randomise`.
    """
    fresh = copied(model)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for module in fresh.modules():
            randomise(module)
    return fresh


def coordinates(features: Tensor, train: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return activations (N, F) in the fewest coordinates that a linear probe can use.

    A probe with a quadratic penalty has its weights in the span of the training activations, so
    as many coordinates as there are training images say all: that of 25,000 activations takes
    seconds. They are centred, and scaled so that their mean squared length is 1.
    """
    places = torch.from_numpy(train)
    if features.shape[1] <= len(train):
        values = features.double().cpu()
        spanned = values - values[places].mean(0)
    else:
        products = torch.zeros(len(features), len(train), dtype=torch.float64)
        for some in torch.split(features, _AT_ONCE, dim=1):
            values = some.double().cpu()
            values -= values[places].mean(0)
            products.addmm_(values, values[places].T)
        lengths, axes = map(torch.from_numpy, eigh(products[places].numpy()))
        used = lengths > 1e-10 * lengths[-1].clamp_min(1e-300)
        spanned = products @ (axes[:, used] / lengths[used].sqrt())
    scale = spanned[places].square().sum(1).mean().sqrt()
    found: NDArray[np.float64] = (spanned / scale.clamp_min(1e-300)).numpy()
    return found


def _tested(
    points: NDArray[np.float64],
    labels: NDArray[np.int64],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    classifier: str,
) -> Share:
    """Return a trained probe's accuracy on the test images."""
    penalty = _PENALTY[classifier] * len(train)
    if len(np.unique(labels[train])) < 2:
        hits = (labels[test] == labels[train][0]).sum()
    else:
        fitted = (
            RidgeClassifier(alpha=penalty / 10)
            if classifier == "ridge"
            else LogisticRegression(C=100 / penalty, max_iter=1000)
        ).fit(points[train], labels[train])
        hits = (fitted.predict(points[test]) == labels[test]).sum()
    return share(int(hits), len(test))


def _labels(images: Tensor, labels: Any) -> NDArray[np.int64]:
    """Return labels (N,), checked."""
    if labels is None:
        raise ValueError("labels have to be given: labels=, (N,) whole numbers or booleans.")
    given = torch.as_tensor(labels)
    if given.dtype == torch.bool:
        given = given.long()
    classes = int(given.max()) + 1 if given.numel() and not given.is_floating_point() else 1
    found = one_each(
        checked_targets(given, images.cpu(), max(classes, 1), "labels"),
        "a probe needs one label an image, labels of shape (N,).",
    )
    values: NDArray[np.int64] = found.numpy()
    return values


def _control_task(
    images: Tensor, labels: NDArray[np.int64], rng: np.random.Generator, seed: int
) -> NDArray[np.int64]:
    """Return a random label for each group of images that look alike, as frequent as the labels."""
    pixels = images.detach().flatten(1).cpu().float().numpy()
    groups = KMeans(min(_TYPES, len(images) // 5), n_init=1, random_state=seed, max_iter=50)
    members = groups.fit_predict(pixels)
    drawn: NDArray[np.int64] = rng.choice(labels, members.max() + 1)[members]
    return drawn

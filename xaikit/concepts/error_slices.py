"""Where does the network err? Confusions, and groups of inputs with more errors than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import fisher_exact
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from torch import Tensor, nn

from xaikit.concepts.recording import Layers, enough, images_of, watching
from xaikit.concepts.shares import Share, holm, share
from xaikit.core.arguments import checked_seed, checked_targets, count, one_each
from xaikit.core.devices import own_devices
from xaikit.core.layers import features_of
from xaikit.core.passes import numeric

FEWEST = 50
"""Images in which groups can be found."""
SHOWN = 9
"""Images that are shown of each group."""


@dataclass(frozen=True, repr=False)
class Slice:
    """A group of inputs that look alike to the network.

    Attributes
    ----------
    members
        (n,) places in the data.
    size
        How many.
    error
        Their error rate, with Wilson's 95 % interval.
    loss
        Their mean cross-entropy.
    p_value
        Of a higher error rate than elsewhere: Fisher's exact test, corrected for the number of
        groups (Holm).
    nearest
        (9,) places of the members nearest to the group's middle.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import slices
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> data = torch.rand(60, 1, 2, 2)
    >>> group = slices(model, data, torch.arange(60) % 2, groups=2).slices[0]
    >>> len(group.members) == group.size, group.nearest.shape, group.error.low <= group.error.high
    (True, torch.Size([9]), True)
    """

    members: Tensor
    size: int
    error: Share
    loss: float
    p_value: float
    nearest: Tensor

    def __repr__(self) -> str:
        return f"Slice({self.size} images, {self.error} wrong, p = {self.p_value:.2g})"


@dataclass(frozen=True, repr=False)
class Slices:
    """An error analysis.

    Attributes
    ----------
    error
        The error rate of all images, with Wilson's 95 % interval.
    confusions
        (classes, classes), how many of a class (row) are taken for which (column).
    slices
        The groups, from the highest mean loss to the lowest.
    explanation
        In a sentence.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import slices
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> result = slices(model, torch.rand(60, 1, 2, 2), torch.arange(60) % 2, groups=2)
    >>> len(result.slices), int(result.confusions.sum())
    (2, 60)
    """

    error: Share
    confusions: Tensor
    slices: Sequence[Slice]
    explanation: str

    def __repr__(self) -> str:
        return f"Slices({self.explanation})"


@own_devices
def slices(
    model: nn.Module,
    data: Any,
    labels: Any = None,
    *,
    layer: Layers = None,
    groups: int = 20,
    seed: int = 0,
    chunk: int = 128,
) -> Slices:
    """Find out which inputs the network gets wrong, and which groups of them.

    Groups are clusters (k-means) of features. They are found without labels and losses, so a
    group's error rate is not the result of a search for errors, and can be tested.

    Parameters
    ----------
    model
        Maps (N, C, H, W) to (N, classes).
    data
        A data set, or images (N, C, H, W) with ``labels``. Best such as the model was not trained
        with.
    labels
        (N,) true classes; those of the data set by default.
    layer
        The layer whose flattened outputs are the features; by default they are what enters the
        last linear layer.
    groups
        How many to look at.
    seed
        Of the clustering.
    chunk
        How many images pass the model at once.

    Returns
    -------
    Slices

    Notes
    -----
    A simple relative of Eyuboglu et al. 2022, Domino: discovering systematic errors with
    cross-modal embeddings, arXiv:2203.14960.

    Examples
    --------
    >>> import torch
    >>> from xaikit.concepts import slices
    >>> images, labels = torch.zeros(60, 1, 2, 2), torch.zeros(60, dtype=torch.int64)
    >>> images[40:], labels[40:] = 1.0, 1  # the last twenty are white, and of class 1
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> _ = [torch.nn.init.zeros_(each) for each in model.parameters()]
    >>> _ = model[1].bias.data.copy_(torch.tensor([1.0, 0.0]))  # it always says class 0
    >>> worst = slices(model, images, labels, groups=2).slices[0]
    >>> worst.size, worst.error.value
    (20, 1.0)
    """
    seed, groups = checked_seed(seed), count(groups, "groups")
    images = enough(images_of(data), FEWEST, "an error analysis")
    given = getattr(data, "labels", None) if labels is None else labels
    if given is None:
        raise ValueError("labels have to be given: labels=, (N,) true classes.")
    if groups > len(images) // 5:
        raise ValueError(f"groups has to be at most {len(images) // 5}: a fifth of the images.")
    with watching(model, images, layer, chunk, "an error analysis") as (watch, inputs):
        true = one_each(
            checked_targets(given, inputs, watch.classes, "labels"),
            "an error analysis needs one label an image, labels of shape (N,).",
        ).cpu()
        if layer is None:
            scores, features = _penultimate(watch.model, inputs, watch.chunk)
        else:
            scores, named = watch.features(inputs)
            features = torch.cat(list(named.values()), 1)
    scores = numeric(scores).double().cpu()
    predicted = scores.argmax(1)
    wrong = (predicted != true).numpy()
    losses = torch.nn.functional.cross_entropy(scores, true, reduction="none")
    classes = scores.shape[1]
    confusions = torch.bincount(true * classes + predicted, minlength=classes**2)
    points = features.double().cpu().numpy()
    different = len(np.unique(points, axis=0))
    if different == 1:
        raise ValueError("the layer computes the same for all images: choose another by layer=.")
    if points.shape[1] > 50:
        points = PCA(min(50, len(points)), random_state=seed).fit_transform(points)
    clusters = KMeans(min(groups, different), n_init=3, random_state=seed).fit(points)
    members = [np.flatnonzero(clusters.labels_ == k) for k in range(clusters.n_clusters)]
    members = [each for each in members if len(each)]
    raw = [_more_errors(wrong, each) for each in members]
    corrected = holm(np.asarray(raw))
    found = []
    for each, p_value in zip(members, corrected, strict=True):
        middle = clusters.cluster_centers_[clusters.labels_[each[0]]]
        near = np.linalg.norm(points[each] - middle, axis=1).argsort()[:SHOWN]
        error = share(int(wrong[each].sum()), len(each))
        loss = float(losses[torch.from_numpy(each)].mean())
        places = torch.from_numpy(each)
        found.append(Slice(places, len(each), error, loss, float(p_value), places[near]))
    found.sort(key=lambda group: -group.loss)
    overall = share(int(wrong.sum()), len(wrong))
    bad = [group for group in found if group.p_value < 0.05]
    text = f"{overall} of {len(wrong)} images are wrong; {len(bad)} of {len(found)} groups " + (
        f"have more errors than the others, the worst {bad[0].error} of {bad[0].size} images."
        if bad
        else "have significantly more errors than the others."
    )
    return Slices(overall, confusions.view(classes, classes), tuple(found), text)


@torch.no_grad()
def _penultimate(model: nn.Module, images: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Return the outputs, and what enters the last linear layer."""
    with features_of(model, None, "choose a layer by its name with layer=") as features:
        seen = [features(part) for part in torch.split(images, chunk)]
    found, scores = (torch.cat(each) for each in zip(*seen, strict=True))
    return scores, found.flatten(1)


def _more_errors(wrong: Any, members: Any) -> float:
    """Return the one-sided p-value of a group's errors beside all others'."""
    inside, total = int(wrong[members].sum()), int(wrong.sum())
    table = [
        [inside, len(members) - inside],
        [total - inside, len(wrong) - len(members) - (total - inside)],
    ]
    return float(fisher_exact(table, alternative="greater").pvalue)

"""Activation clustering: poisoned and clean examples of a class excite different neurons."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.backdoors.activations import by_class, penultimate, principal_axes
from xaikit.backdoors.detection import Detection
from xaikit.backdoors.registry import detection_method
from xaikit.backdoors.sides import poisoned_part, runners_up
from xaikit.backdoors.suspicion import Suspicion
from xaikit.core.options import ROUNDING

THRESHOLD = 0.45
LARGEST = 2 / 3


@detection_method(
    "Activation clustering",
    needs=("layers", "training data", "labels"),
    paper="Chen et al. 2018, Detecting backdoor attacks on deep neural networks by activation "
    "clustering, arXiv:1811.03728",
)
def activation_clustering(
    suspicion: Suspicion,
    *,
    threshold: float = THRESHOLD,
    largest: float = LARGEST,
    components: int = 5,
) -> Detection:
    """Split each class's activations in two, and see whether the parts are true clusters.

    The penultimate activations of one class, reduced to a few dimensions, are cut by 2-means. A
    clean class is split into halves that touch each other; in a poisoned class one part is the
    poison. The defender needs the model and its training data with labels.

    The parts are judged by the mean silhouette (1: compact and far apart, 0: touching) and by
    their sizes, together: 2-means splits clean classes unequally, too, so that size alone would
    accuse them. Activations are measured in units of the other classes' spread, and reduced by
    principal components (the paper: ten independent ones). Suspected is the smaller part, or, of
    nearly equal ones, the one whose runners-up are more diverse.

    Parameters
    ----------
    suspicion
        What is examined; inputs and labels are the training data as the training saw them.
    threshold
        A class is flagged above this silhouette, …
    largest
        … if the suspected part is at most this share of it. Else the score is 0.
    components
        Dimensions that the activations are reduced to.

    Returns
    -------
    Detection
        ``score``: silhouettes. ``example_score``: where the example lies on the way between the
        two centres, 0 at the clean one and 1 at the suspected one. ``evidence``: ``embedding``
        (N, components), ``clusters`` (N,), 1 for the suspected part, ``silhouettes`` (N,),
        ``shares`` (classes,), the suspected part of each class.
    """
    from sklearn.metrics import silhouette_samples  # takes a second: not when xaikit is imported

    if not 0 < largest <= 1 + ROUNDING:
        raise ValueError(f"largest has to be a share of the class in (0, 1], not {largest!r}.")
    labels = suspicion.labelled("activation_clustering")
    features, scores = penultimate(suspicion)
    second = runners_up(scores, labels)
    score = features.new_zeros(suspicion.classes)
    shares = torch.zeros_like(score)
    clusters = torch.zeros_like(labels)
    silhouettes, example_score = (features.new_zeros(len(features)) for _ in range(2))
    embedding = features.new_zeros(len(features), components)
    for group in by_class(features, labels, suspicion.classes):
        own = features[group.places]
        if (own == own[0]).all():
            continue  # one point has no two parts: its score stays 0
        axes = principal_axes(group.deviations, components)
        reduced = group.deviations @ axes
        part = _two_parts(reduced, second[group.places], suspicion.seed)
        centres = torch.stack([reduced[part == side].mean(0) for side in (0, 1)])
        way = centres[1] - centres[0]
        fit = torch.as_tensor(silhouette_samples(reduced.cpu().numpy(), part.cpu().numpy()))
        share = part.double().mean()
        score[group.label] = fit.mean() if share <= largest else 0.0
        shares[group.label] = share
        clusters[group.places] = part
        silhouettes[group.places] = fit.to(features)
        along = (reduced - centres[0]) @ way / way.square().sum()
        example_score[group.places] = along.to(features)
        embedding[group.places, : axes.shape[1]] = reduced.to(features)
    target = int(score.argmax())
    flagged = bool(score[target] > threshold)
    return Detection(
        flagged=flagged,
        target=target if flagged else None,
        score=score,
        explanation=(
            f"The two clusters of class {target} have a silhouette of {score[target]:.2f}, the "
            f"suspected one holds {shares[target]:.0%} of the class; flagged is a silhouette above "
            f"{threshold:g} where that share is at most {largest:.0%}."
        ),
        example_score=example_score,
        suspects=(clusters == 1) & (score > threshold)[labels],
        evidence={
            "embedding": embedding,
            "clusters": clusters,
            "silhouettes": silhouettes,
            "shares": shares,
        },
    )


def _two_parts(reduced: Tensor, second: Tensor, seed: int) -> Tensor:
    """Return (n,) 1 for the cluster that may be poison, else 0."""
    from sklearn.cluster import KMeans

    means = KMeans(2, n_init=4, random_state=seed).fit(reduced.cpu().numpy())
    part = torch.as_tensor(means.labels_).to(reduced.device) == 1
    return (part == poisoned_part(part, second)).long()

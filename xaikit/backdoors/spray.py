"""SpRAy: a class that the model recognises by two kinds of evidence may have a second meaning."""

from __future__ import annotations

import math
from inspect import signature

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from xaikit.attribution import explain
from xaikit.backdoors.activations import FEWEST
from xaikit.backdoors.detection import Detection, times
from xaikit.backdoors.registry import detection_method
from xaikit.backdoors.sides import poisoned_part, runners_up
from xaikit.backdoors.suspicion import Suspicion
from xaikit.core.passes import outputs
from xaikit.progress import Bar

THRESHOLD = 1.5
_POOLED = 14
"""Pixels of a pooled relevance map's side, at most."""
_EIGENVALUES = 10
_SMALLEST = 1e-4
"""An eigenvalue below this counts as this: the graph falls apart."""


@detection_method(
    "SpRAy",
    needs=("gradients", "layers", "training data", "labels"),
    paper="Lapuschkin et al. 2019, Unmasking Clever Hans predictors and assessing what machines "
    "really learn, Nature Communications 10, arXiv:1902.10178",
)
def spray(suspicion: Suspicion, *, threshold: float = THRESHOLD) -> Detection:
    """Cluster each class's relevance maps, and see whether a group stands apart.

    Spectral relevance analysis: where a network recognises a class by a short cut, the relevance
    maps of the examples that have it differ from all others. The defender needs the model and its
    training data with labels.

    For every example the relevance of its label is computed (LRP, composite rule), pooled to at
    most 14 × 14 and divided by the sum of its magnitudes. The maps of a class are joined to their
    nearest neighbours (1 % of the class, at least 10), and the eigenvalues of the graph's
    normalised Laplacian tell how many groups there are: the first is 0, and for every further
    group that hardly anything joins to the rest another one is close to 0. The gap after them is
    the paper's eigengap. How small the second eigenvalue is in the class, compared with the
    median of the other classes, is the score.

    Parameters
    ----------
    suspicion
        What is examined; inputs are images (N, C, H, W), they and the labels the training data as
        the training saw them.
    threshold
        A class is flagged above this score: the natural logarithm of how many times smaller.

    Returns
    -------
    Detection
        ``example_score``: from −1 in the middle of the main group to 1 in the middle of a
        suspected one, in the spectral embedding. ``evidence``: ``relevance`` (N, 1, h, w), pooled,
        ``eigenvalues`` (classes, 10), ``embedding`` (N, 2), the second and third eigenvectors,
        ``clusters`` (N,), 0 for a class's main group, ``shares`` (classes,) of the other groups.
    """
    images = suspicion.inputs
    if images.ndim != 4:
        raise ValueError(f"spray needs images (N, C, H, W), not shape {tuple(images.shape)}.")
    labels = suspicion.labelled("spray")
    maps, scores = relevance_maps(suspicion, labels)
    second = runners_up(scores, labels)
    groups = [(labels == label).nonzero().squeeze(1) for label in range(suspicion.classes)]
    judged = [label for label, places in enumerate(groups) if len(places) >= FEWEST]
    if len(judged) < 2:
        raise ValueError(
            f"spray needs at least {FEWEST} examples of two classes or more: one class is judged "
            f"by comparison with the others."
        )
    flat = maps.flatten(1).double().cpu()
    spectra = {
        label: spectrum(flat[groups[label].cpu()].numpy())
        for label in Bar(judged, "clustering relevance", unit="classes")
    }
    gaps = {label: max(float(found[0][1]), _SMALLEST) for label, found in spectra.items()}
    score = maps.new_zeros(suspicion.classes)
    shares = torch.zeros_like(score)
    eigenvalues = maps.new_zeros(suspicion.classes, _EIGENVALUES)
    clusters = torch.zeros_like(labels)
    example_score, embedding = maps.new_zeros(len(maps)), maps.new_zeros(len(maps), 2)
    for label, (values, vectors) in spectra.items():
        places = groups[label]
        usual = float(np.median([gaps[other] for other in judged if other != label]))
        score[label] = math.log(usual / gaps[label])
        eigenvalues[label, : len(values)] = torch.as_tensor(values).to(maps)
        embedding[places] = torch.as_tensor(vectors[:, 1:3]).to(maps)
        apart = int((values < usual * times(-threshold)).sum())
        part, side = _groups(vectors[:, : max(2, apart)], second[places].cpu(), suspicion.seed)
        clusters[places] = torch.as_tensor(part).to(places)
        example_score[places] = torch.as_tensor(side).to(maps)
        shares[label] = float((part > 0).mean())
    target = max(judged, key=lambda label: float(score[label]))  # an unjudged one has score 0
    flagged = bool(score[target] > threshold)
    return Detection(
        flagged=flagged,
        target=target if flagged else None,
        score=score,
        explanation=(
            f"In class {target} {shares[target]:.0%} of the relevance maps form a group of their "
            f"own: the second eigenvalue is {gaps[target]:.2g}, {math.exp(score[target]):.1f} "
            f"times smaller than the median of the other classes; flagged is what is more than "
            f"{times(threshold):.1f} times smaller."
        ),
        example_score=example_score,
        suspects=(clusters > 0) & (score > threshold)[labels],
        evidence={
            "relevance": maps[:, None],
            "eigenvalues": eigenvalues,
            "embedding": embedding,
            "clusters": clusters,
            "shares": shares,
        },
    )


def relevance_maps(suspicion: Suspicion, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return each example's pooled relevance for its label, and its logits.

    (N, h, w), magnitudes summing to one, and (N, classes).
    """
    found, scores = [], []
    height, width = (min(side, _POOLED) for side in suspicion.inputs.shape[2:])
    # Pooled part by part: the maps of all images at full size could outgrow the memory.
    for rows in Bar(list(suspicion.parts(len(labels))), "relevance", unit="parts"):
        explained = explain(
            suspicion.model,
            suspicion.inputs[rows],
            labels[rows],
            "lrp",
            rule="composite",
            chunk=suspicion.chunk,
        )
        pixels = explained.attributions[:, 0].sum(1, keepdim=True)
        found.append(functional.adaptive_avg_pool2d(pixels, (height, width))[:, 0])
        with torch.no_grad():
            scores.append(outputs(suspicion.model, suspicion.inputs[rows]))
    maps = torch.cat(found)
    size = maps.abs().sum((1, 2), keepdim=True)
    return maps / size.clamp_min(torch.finfo(maps.dtype).tiny), torch.cat(scores)


def spectrum(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the smallest eigenvalues and eigenvectors of the rows' neighbourhood graph.

    Parameters
    ----------
    rows
        (n, F).

    Returns
    -------
    values, vectors
        (m,) ascending, in [0, 2], and (n, m) orthonormal; m is 10, or less for few rows.
    """
    # Here, because they take a second: not when xaikit is imported.
    from scipy.sparse import csr_matrix, identity
    from scipy.sparse.csgraph import laplacian
    from scipy.sparse.linalg import eigsh
    from sklearn.neighbors import kneighbors_graph

    n = len(rows)
    near = kneighbors_graph(rows, min(n - 1, max(10, math.ceil(0.01 * n))))
    graph = csr_matrix((near + near.T) / 2)
    normalised = laplacian(graph, normed=True)
    wanted = min(_EIGENVALUES, n - 1)
    # All ones would be an eigenvector where all have as many neighbours, and Lanczos would have to
    # start again from numbers that, since SciPy 1.17, are other ones in every call.
    start = np.random.default_rng(0).random(n)
    fixed = {"rng": np.random.default_rng(0)} if "rng" in signature(eigsh).parameters else {}
    # The largest of 2 − L instead of the smallest of L: Lanczos needs no factorisation for them.
    values, vectors = eigsh(2 * identity(n) - normalised, wanted, which="LA", v0=start, **fixed)
    return (2 - values[::-1]).clip(0), vectors[:, ::-1].copy()


def _groups(
    vectors: NDArray[np.float64], second: Tensor, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each row's group (n,), 0 for the main one, and its side (n,) in [−1, 1].

    Ng, Jordan & Weiss 2001, On spectral clustering: k-means on rows of unit length. The main
    group is the largest one; of two nearly equal ones, that whose runners-up are less diverse.
    """
    from sklearn.cluster import KMeans

    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = vectors / length.clip(np.finfo(float).tiny)
    means = KMeans(vectors.shape[1], n_init=4, random_state=seed).fit(rows)
    sizes = np.bincount(means.labels_, minlength=vectors.shape[1])
    order = np.argsort(-sizes, kind="stable")
    pair = np.isin(means.labels_, order[:2])
    smaller = torch.as_tensor(means.labels_[pair] == order[1])
    if not poisoned_part(smaller, second[torch.as_tensor(pair)]):
        order[:2] = order[:2][::-1].copy()
    apart = means.transform(rows)[:, order]
    main, other = apart[:, 0], apart[:, 1:].min(1)
    side = (main - other) / (main + other).clip(np.finfo(float).tiny)
    return np.argsort(order)[means.labels_], side

"""Which concepts does a layer use, where nobody has labelled any? CRAFT: NMF and Sobol indices."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import qmc
from sklearn.decomposition import NMF, non_negative_factorization
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from xaikit.concepts.recording import Watch, enough, images_of, watching
from xaikit.core.arguments import checked_seed, checked_targets, count
from xaikit.core.devices import own_devices
from xaikit.core.passes import progress

FEWEST = 10
"""Images that a factorisation needs."""
SHOWN = 9
"""Patches that are shown for each concept."""


@dataclass(frozen=True, repr=False)
class Discovered:
    """Concepts found in a layer, without labels.

    Attributes
    ----------
    basis
        (concepts, channels), each concept's direction in the layer, non-negative.
    coefficients
        (patches, concepts), how much of each concept a patch holds.
    importance
        (concepts,), total Sobol indices: the share of the output's variance, where concepts are
        dimmed at random, that involves this one. Their mean over the images.
    order
        (concepts,), from the most important one to the least.
    patches
        (concepts, 9, C, h, w), the patches that hold most of each.
    maps
        (N, concepts, h, w), where each image holds how much of each.
    error
        What the factorisation leaves of the activations, as a share of their length.
    explanation
        In a sentence.

    Examples
    --------
    >>> from xaikit import load, load_pretrained
    >>> from xaikit.concepts import discover
    >>> boots = load("fashion_mnist").images[:1].repeat(10, 1, 1, 1)
    >>> result = discover(load_pretrained("lecture"), boots, layer="5", concepts=2, designs=4)
    >>> result.patches.shape, bool((result.importance[result.order].diff() <= 0).all())
    (torch.Size([2, 9, 1, 14, 14]), True)
    """

    basis: Tensor
    coefficients: Tensor
    importance: Tensor
    order: Tensor
    patches: Tensor
    maps: Tensor
    error: float
    explanation: str

    def __repr__(self) -> str:
        return f"Discovered({self.explanation})"


@own_devices
def discover(
    model: nn.Module,
    images: Any,
    *,
    layer: str | nn.Module,
    target: int | None = None,
    concepts: int = 8,
    patch: int | None = None,
    designs: int = 32,
    seed: int = 0,
    chunk: int = 128,
) -> Discovered:
    """Find concepts by factorising the activations of patches, and how much a class needs each.

    Patches of the images, enlarged to the images' size, pass the network up to the layer. Their
    activations (patches, channels), a map's mean, become a product of two non-negative matrices:
    how much of each concept, times what each concept is. Then, concepts are dimmed at random in
    the layer's activations of whole images, and the rest of the network tells how the class's
    output varies with each.

    Parameters
    ----------
    model
        Maps (N, C, H, W) to (N, classes).
    images
        (N, C, H, W), of one class as a rule, or a data set.
    layer
        A layer by its name or the module itself, which computes maps (N, channels, h, w) of
        non-negative numbers: one after a ReLU.
    target
        The class; by default the one that the model predicts for most images.
    concepts
        How many to find.
    patch
        Side of the patches in pixels; by default half the image's shorter side. They overlap by
        half.
    designs
        How many points of the Sobol sequence: the cost is images × designs × (concepts + 2).
    seed
        Of the factorisation and the sequence.
    chunk
        How many images pass the model at once.

    Returns
    -------
    Discovered

    Notes
    -----
    Paper: Fel et al. 2023, CRAFT: concept recursive activation factorization for explainability,
    arXiv:2211.10154; without its recursion. Total Sobol indices by Jansen's estimator.

    Examples
    --------
    >>> from xaikit import load, load_pretrained
    >>> from xaikit.concepts import discover
    >>> boots = load("fashion_mnist").images[:1].repeat(10, 1, 1, 1)
    >>> found = discover(load_pretrained("lecture"), boots, layer="5", concepts=2, designs=4)
    >>> found.basis.shape, found.importance.shape
    (torch.Size([2, 20]), torch.Size([2]))
    """
    concepts, designs = count(concepts, "concepts"), count(designs, "designs")
    seed = checked_seed(seed)
    pictures = enough(images_of(images, "images"), FEWEST, "a factorisation")
    if layer is None or isinstance(layer, list | tuple):
        raise ValueError("layer has to name one layer: call discover once for each.")
    side = min(pictures.shape[2:]) // 2 if patch is None else count(patch, "patch")
    if not 2 <= side <= min(pictures.shape[2:]):
        raise ValueError(
            f"patch has to lie between 2 and the images' shorter side, "
            f"{min(pictures.shape[2:])}, not {side}."
        )
    with watching(model, pictures, layer, chunk, "what a layer holds") as (watch, inputs):
        name = next(iter(watch.layers))
        cut = _patches(inputs, side)
        large = torch.nn.functional.interpolate(
            cut, inputs.shape[2:], mode="bilinear", align_corners=False
        )
        held = torch.cat(
            [_maps(name, found).mean((2, 3)) for _, _, found in watch.activations(large)]
        )
        scores, whole = [], []
        for _, some, found in watch.activations(inputs):
            scores.append(some)
            whole.append(_maps(name, found))
        maps = torch.cat(whole)
        predicted = int(torch.cat(scores).argmax(1).mode().values)
        wanted = (
            predicted
            if target is None
            else int(checked_targets(target, inputs[:1], watch.classes, "target"))
        )
        coefficients, basis, error = factorised(held, concepts, seed)
        where = _projected(maps, basis)
        importance = _importance(watch, inputs, where, basis, wanted, designs, seed)
    order = importance.argsort(descending=True)
    best = coefficients.topk(min(SHOWN, len(cut)), dim=0).indices.T
    text = (
        f"{concepts} concepts leave {error:.1%} of the activations of {len(cut)} patches at layer "
        f"{name} unexplained; of the variance of the output for class {wanted}, "
        f"{float(importance.max()):.0%} involves the most important one, concept {int(order[0])}."
    )
    return Discovered(
        basis, coefficients, importance, order, cut[best.to(cut.device)], where, error, text
    )


def factorised(activations: Tensor, concepts: int, seed: int) -> tuple[Tensor, Tensor, float]:
    """Return coefficients (n, concepts), basis (concepts, F), and the share that they leave.

    By scikit-learn's NMF. The basis has length 1, and the coefficients have what is left.
    """
    values = activations.double().cpu().numpy()
    if (values < 0).any():
        raise ValueError(
            "the layer computes negative numbers, which are no sums of concepts: choose one after "
            "a ReLU."
        )
    if concepts > min(values.shape):
        raise ValueError(
            f"concepts has to be at most {min(values.shape)}, the smaller of the numbers of "
            f"patches and channels."
        )
    length = np.linalg.norm(values)
    if not length:
        raise ValueError("the layer computes nothing but 0 for these images: choose another.")
    solver = NMF(concepts, init="nndsvda", random_state=seed, max_iter=1000, tol=1e-5)
    with _no_more_rounds():
        coefficients = solver.fit_transform(values)
    lengths = np.linalg.norm(solver.components_, axis=1)
    lengths[lengths == 0] = 1
    error = float(np.linalg.norm(values - coefficients @ solver.components_) / length)
    return (
        torch.from_numpy(coefficients * lengths),
        torch.from_numpy(solver.components_ / lengths[:, None]),
        error,
    )


def sobol_total(outputs: Tensor, first: Tensor, mixed: Tensor) -> Tensor:
    """Return total Sobol indices (n, concepts) by Jansen's estimator.

    Parameters
    ----------
    outputs
        (n, 2 · designs) at all points of both designs.
    first
        (n, designs) at the points of the first design.
    mixed
        (n, concepts, designs) at those points, where one coordinate is the second design's.
    """
    variance = outputs.var(1, correction=0).clamp_min(1e-12)
    found: Tensor = (first[:, None] - mixed).square().mean(2) / (2 * variance[:, None])
    return found


def _maps(name: str, found: dict[str, Tensor]) -> Tensor:
    if found[name].ndim != 4:
        raise ValueError(
            f"layer {name} returns {tuple(found[name].shape)}, no maps (N, channels, h, w): choose "
            f"one that follows a convolution."
        )
    return found[name]


def _patches(images: Tensor, side: int) -> Tensor:
    """Return overlapping patches (n, C, side, side)."""
    step = max(1, side // 2)
    found = images.unfold(2, side, step).unfold(3, side, step)
    return found.permute(0, 2, 3, 1, 4, 5).flatten(0, 2).contiguous()


@contextmanager
def _no_more_rounds() -> Iterator[None]:
    """Keep sklearn's advice back to raise a number of rounds, which the caller cannot.

    After so many rounds the error, which the caller gets, hardly falls.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _projected(maps: Tensor, basis: Tensor) -> Tensor:
    """Return where each concept lies (N, concepts, h, w), by non-negative least squares."""
    number, channels, height, width = maps.shape
    values = maps.permute(0, 2, 3, 1).reshape(-1, channels).double().cpu().numpy()
    with _no_more_rounds():
        found, _, _ = non_negative_factorization(
            values,
            H=basis.numpy(),
            n_components=len(basis),
            init="custom",
            update_H=False,
            max_iter=300,
            tol=1e-5,
        )
    shaped = torch.from_numpy(found).view(number, height, width, len(basis))
    return shaped.permute(0, 3, 1, 2)


@torch.no_grad()
def _importance(
    watch: Watch,
    images: Tensor,
    where: Tensor,
    basis: Tensor,
    target: int,
    designs: int,
    seed: int,
) -> Tensor:
    """Return the concepts' total Sobol indices, the images' mean."""
    name, number = next(iter(watch.layers)), len(basis)
    points = qmc.Sobol(2 * number, rng=np.random.default_rng(seed)).random(designs)
    one, other = torch.from_numpy(points[:, :number]), torch.from_numpy(points[:, number:])
    mixed = one.repeat(number, 1, 1)
    for k in range(number):
        mixed[k, :, k] = other[:, k]
    masks = torch.cat([one, other, mixed.flatten(0, 1)])
    found = []
    with progress(len(images), "images") as tell:
        for k, own in enumerate(where):
            tell(k)
            rows = []
            for part in torch.split(masks, watch.chunk):
                dimmed = part[:, :, None, None] * own
                values = torch.einsum("nkhw,kc->nchw", dimmed, basis).to(images)
                # The rest of the network alone is asked: what enters before does not matter.
                same = images[k : k + 1].expand(len(part), -1, -1, -1)
                rows.append(watch.rest(same, name, values)[:, target].double().cpu())
            found.append(torch.cat(rows))
        tell(len(images))
    scores = torch.stack(found)
    rest = scores[:, 2 * designs :].view(len(images), number, designs)
    return sobol_total(scores[:, : 2 * designs], scores[:, :designs], rest).mean(0)

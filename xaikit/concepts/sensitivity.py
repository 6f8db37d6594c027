"""Does a class depend on a concept? TCAV: directional derivatives along concept vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor, nn

from xaikit.concepts.captum_backend import captum_runs
from xaikit.concepts.directions import Direction, gram, separating, vectors
from xaikit.concepts.recording import Layers, Watch, enough, images_of, like, watching
from xaikit.concepts.runs import Runs
from xaikit.concepts.shares import holm
from xaikit.core.arguments import checked_targets
from xaikit.core.devices import own_devices

FEWEST = 10
"""Images that every set has to hold: fewer decide no direction."""
FEWEST_RANDOM = 5
"""Random sets that are needed to know how far scores scatter by chance."""
_LINEAR = 1e-5
"""How far gradients' directions may differ by rounding."""


@dataclass(frozen=True, repr=False)
class TCAV:
    """How often a class's output rises along a concept, and whether that is more than chance.

    Attributes
    ----------
    layers, concepts
        Their names, in the order of the axes below.
    score
        (layers, concepts), the mean of the scores.
    scores
        (layers, concepts, runs), the share of images whose output rises along the run's concept
        vector; a run tells the concept from one of the random sets, or from ``against``.
    p_value
        (layers, concepts), two-sided, against random sets in the concept's place, corrected for
        the number of layers × concepts (Holm).
    random_scores
        (layers, random sets), the same mean for each random set, told from the other ones.
    cavs
        By layer, (concepts, runs, F) vectors of length 1.
    accuracy
        (layers, concepts), the mean accuracy of the classifiers, each example left out once.
    explanation
        In a sentence.

    Examples
    --------
    >>> from xaikit import load, load_pretrained
    >>> from xaikit.concepts import tcav
    >>> data, model = load("fashion_mnist"), load_pretrained("lecture")
    >>> sandals, boots = (data.images[data.labels == label][:20] for label in (5, 9))
    >>> random = [data.images[start : start + 20] for start in range(0, 100, 20)]
    >>> result = tcav(model, boots, 9, {"sandals": sandals}, random, layer="5")
    >>> result.random_scores.shape, result.accuracy.shape
    (torch.Size([1, 5]), torch.Size([1, 1]))
    """

    layers: tuple[str, ...]
    concepts: tuple[str, ...]
    score: Tensor
    scores: Tensor
    p_value: Tensor
    random_scores: Tensor
    cavs: Mapping[str, Tensor]
    accuracy: Tensor
    explanation: str

    def __repr__(self) -> str:
        return f"TCAV({self.explanation})"


@own_devices
def tcav(
    model: nn.Module,
    images: Tensor,
    target: int,
    concept: Tensor | Mapping[str, Tensor],
    random: Sequence[Tensor],
    *,
    layer: Layers,
    against: Tensor | None = None,
    backend: Literal["native", "captum"] = "native",
    chunk: int = 128,
) -> TCAV:
    """Test whether the model's output for a class is sensitive to a concept.

    A linear classifier tells the layer's activations of the concept's images from those of random
    images. Its direction is the concept activation vector (CAV). The score is the share of images
    for which the class's output rises along it. A score means nothing by itself: a random set in
    the concept's place has one, too. So each random set is put in the concept's place and told
    from the other ones. The p-value says how far the concept's score lies from theirs (a t-test of
    one new observation: the runs of one concept share its images, so they are no independent
    observations of it).

    Parameters
    ----------
    model
        Maps (N, C, H, W) to (N, classes).
    images
        (N, C, H, W), of the class in question as a rule.
    target
        The class.
    concept
        Images (K, C, H, W) that show the concept, or such images by the concept's name.
    random
        At least five sets of images (K, C, H, W), drawn at random. They should be as many as the
        concept's, and like them in all but the concept.
    layer
        A layer by its name or the module itself, or a list of such. Choose layers whose outputs
        reach the class by way of others that are not linear: behind them, the score of every
        direction is 0 or 1, and the layer is refused.
    against
        Images of another concept: for a relative concept vector, that leads from those to the
        concept, in place of random images. Scores then have one run.
    backend
        ``"captum"`` lets the library compute activations, derivatives and scores, with the same
        classifiers.
    chunk
        How many images pass the model at once.

    Returns
    -------
    TCAV

    Raises
    ------
    ValueError, TypeError
        In one sentence: an unknown layer, too few images or random sets, images of other sizes, a
        layer where only 0 or 1 can come out.

    Notes
    -----
    Paper: Kim et al. 2018, Interpretability beyond feature attribution: quantitative testing with
    concept activation vectors (TCAV), arXiv:1711.11279.

    Examples
    --------
    >>> from xaikit import load, load_pretrained
    >>> from xaikit.concepts import tcav
    >>> data, model = load("fashion_mnist"), load_pretrained("lecture")
    >>> sandals, boots = (data.images[data.labels == label][:20] for label in (5, 9))
    >>> random = [data.images[start : start + 20] for start in range(0, 100, 20)]
    >>> result = tcav(model, boots, 9, {"sandals": sandals}, random, layer="5")
    >>> result.concepts, result.layers, result.score.shape
    (('sandals',), ('5',), torch.Size([1, 1]))
    """
    if layer is None:
        raise ValueError("layer has to name a layer, or a list of such: tcav tests chosen layers.")
    if backend not in ("native", "captum"):
        raise ValueError(f'backend has to be "native" or "captum", not {backend!r}.')
    images = enough(images_of(images, "images"), FEWEST, "tcav")
    with watching(model, images, layer, chunk, "a concept's score") as (watch, inputs):
        wanted = int(checked_targets(target, inputs[:1], watch.classes, "target"))
        named = dict(concept) if isinstance(concept, Mapping) else {"concept": concept}
        if not named:
            raise ValueError("concept holds no concept: give images, or images by name.")
        sets = [
            enough(like(inputs, each, f"images of {name}"), FEWEST, f"the concept {name}")
            for name, each in named.items()
        ]
        others = _random_sets(inputs, random)
        first = len(sets)
        drawn = range(first, first + len(others))
        sets += others
        if against is not None:
            sets.append(enough(like(inputs, against, "against"), FEWEST, "against"))
        rivals = drawn if against is None else [len(sets) - 1]
        pairs = [(c, r) for c in range(first) for r in rivals]
        chance = [(r, s) for r in drawn for s in drawn if r < s]
        slopes = watch.slopes(inputs, wanted)
        _expect_choice(slopes)
        compute = _native_runs if backend == "native" else captum_runs
        runs = compute(watch, inputs, wanted, slopes, sets, [*pairs, *chance], len(pairs))
    shape = (len(watch.layers), first, len(rivals))
    scores = runs.rising[:, : len(pairs)].view(shape)
    null = torch.full((len(watch.layers), len(others), len(others)), torch.nan, dtype=torch.double)
    for k, (r, s) in enumerate(chance, len(pairs)):
        null[:, r - first, s - first] = runs.rising[:, k]
        null[:, s - first, r - first] = runs.falling[:, k]
    raw = _p_values(scores, null, len(inputs), against is not None)
    corrected = torch.from_numpy(holm(raw.numpy()))
    names = tuple(named)
    return TCAV(
        tuple(watch.layers),
        names,
        scores.mean(2),
        scores,
        corrected,
        null.nanmean(2),
        {name: each.view(first, len(rivals), -1) for name, each in runs.cavs.items()},
        runs.accuracy[:, : len(pairs)].view(shape).mean(2),
        _sentence(tuple(watch.layers), names, scores.mean(2), null.nanmean(2), corrected, wanted),
    )


def _random_sets(inputs: Tensor, random: Sequence[Tensor]) -> list[Tensor]:
    """Return the random sets, checked."""
    if isinstance(random, Tensor) and random.ndim == 5:
        random = list(random)
    if isinstance(random, Tensor) or not isinstance(random, list | tuple):
        raise TypeError(
            f"random has to be a list of image tensors (K, C, H, W), one for each random set, not "
            f"{type(random).__name__}."
        )
    if len(random) < FEWEST_RANDOM:
        has = f"there are {len(random)}" if len(random) != 1 else "there is 1"
        raise ValueError(
            f"random has to hold at least {FEWEST_RANDOM} sets of random images, and {has}: "
            f"without them nobody knows what scores chance gives."
        )
    return [
        enough(like(inputs, each, f"random[{k}]"), FEWEST, f"random[{k}]")
        for k, each in enumerate(random)
    ]


def _expect_choice(slopes: Mapping[str, Tensor]) -> None:
    """Refuse layers at which the class's gradient has one direction for all images."""
    for name, slope in slopes.items():
        lengths = slope.norm(dim=1)
        if not lengths.any():
            raise ValueError(
                f"the class's output does not depend on layer {name} for these images: choose "
                f"another layer."
            )
        directions = slope[lengths > 0] / lengths[lengths > 0, None]
        if float((directions - directions[0]).norm(dim=1).max()) < _LINEAR:
            raise ValueError(
                f"at layer {name} the class's gradient points in the same direction for every "
                f"image, as where all that follows is linear, so each score could only be 0 or 1: "
                f"choose an earlier layer."
            )


def _native_runs(
    watch: Watch,
    images: Tensor,
    target: int,
    slopes: Mapping[str, Tensor],
    sets: Sequence[Tensor],
    pairs: Sequence[tuple[int, int]],
    kept: int,
) -> Runs:
    """Run all pairs at all layers, from one pass over the sets and one over the images."""
    places = torch.split(torch.arange(sum(map(len, sets))), [len(each) for each in sets])
    _, features = watch.features(torch.cat(list(sets)))
    rising, falling, accuracy, cavs = [], [], [], {}
    for name, own in features.items():
        products = gram(own)
        found: list[Direction] = [separating(products, places[a], places[b]) for a, b in pairs]
        # Derivatives along every example: a direction is a sum of examples.
        along = (slopes[name] @ (own - own.mean(0)).T).double().cpu()
        shares = along.new_zeros(along.shape[1], len(pairs))
        for k, each in enumerate(found):
            shares[each.places, k] = each.shares
        derivatives = along @ shares
        rising.append((derivatives > 0).double().mean(0))
        falling.append((derivatives < 0).double().mean(0))
        accuracy.append(torch.tensor([each.accuracy for each in found], dtype=torch.float64))
        cavs[name] = vectors(own, found[:kept])
    return Runs(torch.stack(rising), torch.stack(falling), torch.stack(accuracy), cavs)


def _p_values(scores: Tensor, null: Tensor, images: int, single: bool) -> Tensor:
    """Return two-sided p-values (layers, concepts) of one new observation beside the null's.

    ``null`` is (layers, random sets, random sets), with nan on its diagonal.
    """
    sets = null.shape[1]
    if single:  # a single run scatters as single runs of random sets do, around one half
        middle = torch.full((len(null), 1), 0.5, dtype=torch.double)
        variance = (null - 0.5).square().nanmean((1, 2))[:, None]
    else:
        means = null.nanmean(2)
        middle, variance = means.mean(1, keepdim=True), means.var(1, keepdim=True)
    # A share of so many images is known no better.
    floor = torch.tensor(0.25 / images**2, dtype=torch.double)
    error = (torch.maximum(variance, floor) * (1 + 1 / sets)).sqrt()
    distance = ((scores.mean(2) - middle) / error).abs()
    return torch.from_numpy(np.asarray(2 * student.sf(distance.numpy(), sets - 1)))


def _sentence(
    layers: tuple[str, ...],
    names: tuple[str, ...],
    score: Tensor,
    random: Tensor,
    p_value: Tensor,
    target: int,
) -> str:
    best = int(p_value.argmin())
    row, column = divmod(best, len(names))
    p = float(p_value[row, column])
    verdict = "more than chance" if p < 0.05 else "no more than chance"
    found = int((p_value < 0.05).sum())
    tests = p_value.numel()
    lead = "" if tests == 1 else f"{found} of {tests} tests are significant; the clearest: "
    low, high = random[row].min(), random[row].max()
    return (
        f"{lead}at layer {layers[row]} the output for class {target} rises along "
        f"{names[column]!r} for {float(score[row, column]):.0%} of the images, {verdict} (random "
        f"sets: {float(low):.0%} to {float(high):.0%}; p = {p:.2g}, Holm, {tests} "
        f"test{'s' * (tests != 1)})."
    )

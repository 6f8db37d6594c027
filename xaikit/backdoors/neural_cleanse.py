"""Neural Cleanse: one class that needs a much smaller trigger than the others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from xaikit.backdoors.detection import Detection, times
from xaikit.backdoors.inversion import Inversion, invert
from xaikit.backdoors.registry import detection_method
from xaikit.backdoors.suspicion import Suspicion
from xaikit.core.options import ROUNDING

THRESHOLD = 0.63
"""The largest score of 30 clean FashionMNIST networks, by ``tests.benchmarks.bench_detectors``.

Other data and other networks may need another one: measure it on clean ones.
"""
SMALL = 7
"""Side, in pixels, of the window that a small trigger lies in."""


@detection_method(
    "Neural Cleanse",
    needs=("gradients", "clean data"),
    paper="Wang et al. 2019, Neural Cleanse: identifying and mitigating backdoor attacks in neural "
    "networks, IEEE Symposium on Security and Privacy",
)
def neural_cleanse(
    suspicion: Suspicion,
    *,
    reference_sizes: Tensor | None = None,
    threshold: float = THRESHOLD,
    steps: int = 150,
    batch: int = 16,
    enough: float = 0.95,
) -> Detection:
    """Invert a trigger for every class and compare their sizes.

    A backdoor is a short cut from everywhere to one class, so this class needs a smaller trigger
    than the others. The defender needs the model and some clean inputs, neither the training data
    nor the trigger.

    The paper flags a class whose anomaly index (:func:`anomaly_index`, in the evidence) is above 2.
    With ten classes that index is a poor judge, as clean classes need triggers of very different
    sizes, and with two classes it is 0.674 for all sizes. The score here is how many times
    smaller the trigger is, as a logarithm: than the next smallest, or, better, than this class's
    in clean networks of the kind, where they are given.

    Some honest classes need few pixels, too: a bag is what is bright along its border. Such pixels
    lie scattered; those of a small trigger lie together. A class with few pixels is therefore
    searched again within the window of 7 × 7 pixels where most of its mask lies. If no trigger is
    found there, it counts as needing a whole window. No time is lost on this where no class needs
    few pixels, where one is flagged already, or where references are given; sizes in the evidence
    are those of the first search.

    Parameters
    ----------
    suspicion
        What is examined; inputs are clean images (N, C, H, W).
    reference_sizes
        (R, classes) sizes of the triggers inverted for R clean models of the same architecture and
        task: ``torch.stack([detect(clean).evidence["sizes"] for clean in models])``. With two
        classes this is what tells a backdoor from an easy class.
    threshold
        A class is flagged above this score: the natural logarithm of how many times smaller. The
        default is calibrated for ten classes without references.
    steps
        Of the search.
    batch
        Images in a step, at most a chunk.
    enough
        Share of images, in [0, 1], that a trigger has to send to its class.

    Returns
    -------
    Detection
        ``evidence``: ``masks`` (classes, 1, H, W), ``patterns`` (classes, C, H, W), ``sizes``
        (classes,), the masks' L1 norms in pixels (the whole image where no trigger was found that
        sends enough of the inputs to the class), ``success`` (classes,), the share of the inputs
        that the trigger sends to the class, ``anomaly_index`` (classes,).
    """
    if not 0 < enough <= 1 + ROUNDING:
        raise ValueError(f"enough has to be a share of the images in (0, 1], not {enough!r}.")
    if suspicion.inputs.ndim != 4:
        raise ValueError(
            f"neural_cleanse needs images (N, C, H, W), not shape {tuple(suspicion.inputs.shape)}."
        )
    expected = None
    if reference_sizes is not None:
        expected = _expected(reference_sizes, suspicion)
    found = invert(suspicion, steps, min(batch, suspicion.chunk), min(enough, 1.0))
    alone = score = shortfall(found.sizes, expected)
    if expected is None and score.max() <= threshold:
        sizes = counted(
            suspicion, found, threshold, steps, min(batch, suspicion.chunk), min(enough, 1.0)
        )
        score = torch.maximum(score, shortfall(sizes))
    worst = int(score.argmax())
    flagged = bool(score[worst] > threshold)
    where = " in one place" if score[worst] > alone[worst] else ""
    compared = "the next smallest" if expected is None else "this class's in clean models"
    return Detection(
        flagged=flagged,
        target=worst if flagged else None,
        score=score,
        explanation=(
            f"Class {worst} needs a trigger of {found.sizes[worst]:.1f} pixels{where}, "
            f"{score[worst].exp():.1f} times smaller than {compared}; flagged is what is more than "
            f"{times(threshold):.1f} times smaller."
        ),
        evidence={
            "masks": found.masks,
            "patterns": found.patterns,
            "sizes": found.sizes,
            "success": found.success,
            "anomaly_index": anomaly_index(found.sizes),
        },
    )


def counted(
    suspicion: Suspicion,
    found: Inversion,
    threshold: float,
    steps: int,
    batch: int,
    enough: float,
) -> Tensor:
    """Return (K,) the sizes, those of classes without a trigger in one place being a window's.

    Only the classes are searched again that would be flagged if all others needed a window.
    """
    sizes, area = found.sizes, float(SMALL**2)
    few = (sizes * times(threshold) < area).nonzero()[:, 0]
    if not len(few) or min(suspicion.inputs.shape[2:]) < 2 * SMALL:
        return sizes
    again = invert(suspicion, max(1, steps // 2), batch, enough, few, windows(found.masks[few]))
    # Fewer steps and images than the first search had: nearly enough is enough.
    scattered = few[again.success < 0.9 * enough]
    return sizes.index_fill(0, scattered, area)


def windows(masks: Tensor) -> Tensor:
    """Return (K, 1, H, W) boolean: the window where most of each mask lies."""
    mass = functional.avg_pool2d(masks, SMALL, stride=1)
    place = torch.zeros_like(mass).flatten(1)
    place.scatter_(1, mass.flatten(1).argmax(1, keepdim=True), 1.0)
    # A window of ones around every window's corner.
    return functional.max_pool2d(
        functional.pad(place.view_as(mass), [SMALL - 1] * 4), SMALL, stride=1
    ).bool()


def shortfall(sizes: Tensor, expected: Tensor | None = None) -> Tensor:
    """Return (K,) the logarithm of how many times smaller each size is.

    Smaller than the expected sizes (K,), or, by default, than the smallest of the others.
    """
    logs = sizes.clamp_min(torch.finfo(sizes.dtype).tiny).log()
    if expected is not None:
        return expected.log() - logs
    smallest, order = logs.topk(2, largest=False)
    others = smallest[0].expand_as(logs).clone()
    others[order[0]] = smallest[1]
    return others - logs


def anomaly_index(sizes: Tensor) -> Tensor:
    """Return (K,) how far each size lies below the median, in median absolute deviations.

    A deviation is scaled by 1.4826, so that for normally distributed sizes it estimates the
    standard deviation.
    """
    middle = sizes.quantile(0.5)
    deviation = 1.4826 * (sizes - middle).abs().quantile(0.5)
    return (middle - sizes) / deviation.clamp_min(torch.finfo(sizes.dtype).tiny)


def _expected(reference_sizes: Tensor, suspicion: Suspicion) -> Tensor:
    """Return (classes,) the geometric means of the references' sizes."""
    sizes = reference_sizes
    if not isinstance(sizes, Tensor) or sizes.ndim != 2 or sizes.shape[1] != suspicion.classes:
        raise ValueError(
            f"reference_sizes have to be (R, {suspicion.classes}): the sizes of R clean models' "
            f"triggers, one a class."
        )
    if len(sizes) == 0 or not ((sizes > 0) & sizes.isfinite()).all():
        raise ValueError(
            "reference_sizes have to be positive and finite, from at least one clean model."
        )
    return sizes.to(suspicion.inputs).log().mean(0).exp()

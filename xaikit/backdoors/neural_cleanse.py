"""Neural Cleanse: one class that needs a much smaller trigger than the others."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attribution.arguments import count
from xaikit.backdoors.detection import Detection
from xaikit.backdoors.inversion import invert
from xaikit.backdoors.suspicion import Suspicion


def neural_cleanse(
    suspicion: Suspicion,
    *,
    threshold: float = 2.0,
    steps: int = 400,
    batch: int = 32,
    enough: float = 0.99,
) -> Detection:
    """Invert a trigger for every class and compare their sizes.

    Wang et al. 2019, Neural Cleanse: identifying and mitigating backdoor attacks in neural
    networks, IEEE Symposium on Security and Privacy.
    """
    for value, name in ((steps, "steps"), (batch, "batch")):
        count(value, name)
    if suspicion.inputs.ndim != 4:
        raise ValueError(
            f"neural_cleanse needs images (N, C, H, W), not shape {tuple(suspicion.inputs.shape)}."
        )
    found = invert(suspicion, steps, batch, enough)
    score = anomaly_index(found.sizes)
    worst = int(score.argmax())
    flagged = bool(score[worst] > threshold)
    return Detection(
        flagged=flagged,
        target=worst if flagged else None,
        score=score,
        explanation=(
            f"Class {worst} needs the smallest trigger, {found.sizes[worst]:.1f} pixels, against "
            f"a median of {found.sizes.median():.1f}: anomaly index {score[worst]:.2f}, "
            f"threshold {threshold:g}."
        ),
        evidence={
            "masks": found.masks,
            "patterns": found.patterns,
            "sizes": found.sizes,
            "success": found.success,
        },
    )


def anomaly_index(sizes: Tensor) -> Tensor:
    """Return (K,) how far each size lies below the median, in median absolute deviations.

    A deviation is scaled by 1.4826, so that for normally distributed sizes it estimates the
    standard deviation.
    """
    middle = sizes.quantile(0.5)
    deviation = 1.4826 * (sizes - middle).abs().quantile(0.5)
    return (middle - sizes) / deviation.clamp_min(torch.finfo(sizes.dtype).tiny)

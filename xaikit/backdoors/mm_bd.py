"""MM-BD: one class that the network can be far more certain of than of the others."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.backdoors.detection import Detection, times
from xaikit.backdoors.neural_cleanse import shortfall
from xaikit.backdoors.registry import detection_method
from xaikit.backdoors.suspicion import Suspicion
from xaikit.core.autograd import followed, following
from xaikit.core.passes import channels_last, outputs
from xaikit.progress import Bar

THRESHOLD = 0.3
"""A little above the largest score, 0.26, of 15 clean FashionMNIST networks.

``tests.benchmarks.bench_detectors`` measures it on more. Other data and other networks may need
another one: measure it on clean ones.
"""


@detection_method(
    "MM-BD",
    needs=("gradients",),
    paper="Wang et al. 2024, MM-BD: post-training detection of backdoor attacks with arbitrary "
    "backdoor pattern types using a maximum margin statistic, IEEE Symposium on Security and "
    "Privacy",
)
def mm_bd(
    suspicion: Suspicion, *, threshold: float = THRESHOLD, steps: int = 60, restarts: int = 8
) -> Detection:
    """Search, for every class, the input on which it leads furthest, and compare the leads.

    Training drives the logit of the target up wherever the trigger is, whatever else is in the
    image, and so further up than honest classes get. The lead of a class is its logit less the
    highest of the others'. The defender needs the model alone: the search begins at noise and may
    end anywhere in [0, 1], so that of the inputs only the shape matters. What the trigger looks
    like, the method does not say.

    The paper tests the largest lead against a gamma distribution that is fitted to the others.
    With ten classes nine numbers are to fit three parameters; the score here is, as that of Neural
    Cleanse, how many times larger the lead is than the next largest, as a logarithm.

    Parameters
    ----------
    suspicion
        What is examined; the search begins at noise of its inputs' shape.
    threshold
        A class is flagged above this score: the natural logarithm of how many times larger. The
        default is calibrated for ten classes.
    steps
        Of Adam.
    restarts
        Places that a class's search begins at; the largest lead counts.

    Returns
    -------
    Detection
        ``evidence``: ``margins`` (classes,), the largest leads, and ``images`` (classes, *shape),
        where they were found.
    """
    margins, images = largest_margins(suspicion, steps, restarts)
    # A class that never leads by more than nothing is none to compare with.
    score = shortfall(1 / margins.clamp_min(torch.finfo(margins.dtype).eps))
    worst = int(score.argmax())
    flagged = bool(score[worst] > threshold)
    return Detection(
        flagged=flagged,
        target=worst if flagged else None,
        score=score,
        explanation=(
            f"Class {worst} can lead by {margins[worst]:.1f}, {times(float(score[worst])):.1f} "
            f"times the next largest lead; flagged is what is more than {times(threshold):.1f} "
            f"times as large."
        ),
        evidence={"margins": margins, "images": images},
    )


def largest_margins(suspicion: Suspicion, steps: int, restarts: int) -> tuple[Tensor, Tensor]:
    """Return (classes,) how far a class can lead, and (classes, *shape) the inputs where it does.

    Adam climbs the leads from ``restarts`` places of noise, each step being put back into [0, 1].
    """
    given, classes = suspicion.inputs, suspicion.classes
    shape = (restarts, *given.shape[1:])
    noise = torch.rand(shape, generator=suspicion.generator(), dtype=given.dtype).to(given)
    # The same places for all classes: their margins are to be compared.
    every = noise.repeat(classes, *[1] * (noise.ndim - 1)).requires_grad_()
    wanted = torch.arange(classes, device=given.device).repeat_interleave(restarts)
    best, where = given.new_full((len(every),), -torch.inf), every.detach().clone()
    optimizer = torch.optim.Adam([every], lr=0.1, betas=(0.5, 0.9))
    with channels_last(suspicion.model, noise):
        # The last round looks at where the last step led.
        for step in Bar(range(steps + 1), "climbing margins"):
            optimizer.zero_grad()
            for rows in suspicion.parts(len(every)):
                scores = outputs(suspicion.model, every[rows])
                followed(scores, "no largest lead can be searched by its slopes")
                own = wanted[rows, None]
                lead = scores.gather(1, own)[:, 0] - scores.scatter(1, own, -torch.inf).amax(1)
                with following():
                    (-lead.sum()).backward()  # type: ignore[no-untyped-call]
                better = (lead > best[rows]).nonzero()[:, 0]
                best[rows][better] = lead.detach()[better]
                where[rows][better] = every.detach()[rows][better]
            if step < steps:
                optimizer.step()
                with torch.no_grad():
                    every.clamp_(0, 1)
    margins, place = best.view(classes, restarts).max(1)
    return margins, where.view(classes, restarts, *given.shape[1:])[range(classes), place]

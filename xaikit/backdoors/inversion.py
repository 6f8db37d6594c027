"""What is the smallest trigger that sends every image to a class? Searched for all at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from xaikit.backdoors.suspicion import Suspicion
from xaikit.core.autograd import followed, following
from xaikit.core.passes import channels_last, outputs
from xaikit.progress import Bar

_EVERY = 10
"""Steps between two looks at how often a trigger succeeds."""


@dataclass(frozen=True)
class Inversion:
    """The smallest trigger found for each of K classes.

    Attributes
    ----------
    masks
        (K, 1, H, W) in [0, 1]: how opaque the trigger is.
    patterns
        (K, C, H, W) in [0, 1].
    success
        (K,) share of the inputs that the trigger sends to the class.
    """

    masks: Tensor
    patterns: Tensor
    success: Tensor

    @property
    def sizes(self) -> Tensor:
        """(K,) L1 norms of the masks: pixels, a half-transparent one counting half."""
        return self.masks.flatten(1).sum(1)


def invert(
    suspicion: Suspicion,
    steps: int,
    batch: int,
    enough: float,
    wanted: Tensor | None = None,
    free: Tensor | None = None,
) -> Inversion:
    """Search a trigger for every class: high success first, then as small as success allows.

    The loss of class k is the cross-entropy of k under the trigger plus λₖ times the mask's L1
    norm, lowered by Adam over the tanh-parametrised mask and pattern. λₖ rises while at least
    ``enough`` of the images go to class k, and falls while fewer do; the smallest mask at which
    enough did is kept. All classes see the same images.

    A class that enough images never went to gets the whole image as its trigger, the smallest one
    that is known to do: where its gradient vanishes, λ alone shrinks the mask, and what is left
    would pass for a tiny trigger.

    Parameters
    ----------
    suspicion
        What is examined; inputs are images (N, C, H, W).
    steps
        Of Adam.
    batch
        Images in a step.
    enough
        Share of images, in [0, 1], that a trigger has to send to its class.
    wanted
        (K,) the classes; by default all.
    free
        (K, 1, H, W) boolean: where a class's trigger may lie; by default anywhere.

    Raises
    ------
    ValueError
        If the model's outputs do not depend differentiably on its inputs.
    """
    images = suspicion.inputs
    if wanted is None:
        wanted = torch.arange(suspicion.classes, device=images.device)
    classes = len(wanted)
    allowed = images.new_ones(classes, 1, *images.shape[2:]) if free is None else free.to(images)
    generator = suspicion.generator()
    shape = images.shape[1:]
    noise = torch.rand(2, *shape, generator=generator, dtype=images.dtype).to(images)
    # The same start for all classes: their sizes are to be compared.
    pattern = (2 * noise[0] - 1).expand(classes, *shape).clone().requires_grad_()
    mask = (2 * noise[1, :1] - 1).expand(classes, 1, *shape[1:]).clone().requires_grad_()
    optimizer = torch.optim.Adam([pattern, mask], lr=0.1, betas=(0.5, 0.9))
    weight = images.new_full((classes,), 1e-2)
    best = images.new_full((classes,), torch.inf)
    kept = (allowed * _opened(mask)).detach(), _opened(pattern).detach().clone()
    hits, seen = images.new_zeros(classes), 0
    together = max(1, suspicion.chunk // batch)
    with channels_last(suspicion.model, images):
        for step in Bar(range(steps), "inverting triggers"):
            chosen = torch.randint(len(images), (batch,), generator=generator)
            some = images[chosen.to(images.device)]
            optimizer.zero_grad()
            for group in torch.split(torch.arange(classes, device=images.device), together):
                opaque = allowed[group] * _opened(mask[group])
                painted = _opened(pattern[group])
                rows = _stamped(some, opaque, painted)
                scores = outputs(suspicion.model, rows.flatten(0, 1))
                followed(scores, "no trigger can be searched by its slopes")
                labels = wanted[group].repeat_interleave(batch)
                loss = functional.cross_entropy(scores, labels, reduction="sum") / batch
                size = opaque.flatten(1).sum(1)
                with following():
                    (loss + (weight[group] * size).sum()).backward()  # type: ignore[no-untyped-call]
                right = scores.detach().argmax(1) == labels
                hits[group] += right.view(len(group), batch).sum(1)
            seen += batch
            if (step + 1) % _EVERY == 0:
                with torch.no_grad():
                    reached = hits / seen >= enough
                    opaque = allowed * _opened(mask)
                    size = opaque.flatten(1).sum(1)
                    better = reached & (size < best)
                    best = torch.where(better, size, best)
                    kept[0][better] = opaque[better]
                    kept[1][better] = _opened(pattern)[better]
                    # Ever smaller changes, so that the search settles.
                    factor = 1.0 + 0.5 * (1 - step / steps)
                    weight = torch.where(reached, weight * factor, weight / factor)
                    hits.zero_()
                    seen = 0
            optimizer.step()
        never = best.isinf()
        kept[0][never] = allowed[never]
        kept[1][never] = _opened(pattern).detach()[never]
        success = _success(suspicion, wanted, *kept)
    return Inversion(*kept, success)


def _opened(free: Tensor) -> Tensor:
    """Return any number as one in [0, 1]."""
    return (free.tanh() + 1) / 2


def _stamped(images: Tensor, masks: Tensor, patterns: Tensor) -> Tensor:
    """Return (K, n, C, H, W): every image (n, C, H, W) with each of the K triggers."""
    return (1 - masks[:, None]) * images + (masks * patterns)[:, None]


@torch.no_grad()
def _success(suspicion: Suspicion, wanted: Tensor, masks: Tensor, patterns: Tensor) -> Tensor:
    images = suspicion.inputs
    hits = images.new_zeros(len(masks))
    for k in range(len(masks)):
        for rows in suspicion.parts(len(images)):
            stamped = _stamped(images[rows], masks[k, None], patterns[k, None])[0]
            hits[k] += (outputs(suspicion.model, stamped).argmax(1) == wanted[k]).sum()
    return hits / len(images)

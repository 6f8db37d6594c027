"""The universal patch: one patch that fools the model on every image it is put on."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attacks.goal import Goal
from xaikit.attacks.places import (
    Mask,
    Place,
    checked_corner,
    checked_images,
    checked_mask,
    checked_size,
    grid,
    squares,
)
from xaikit.attacks.registry import attack_method
from xaikit.progress import Bar

BATCH = 128
"""Images of one step."""


@attack_method(
    "Universal patch",
    needs=("gradients",),
    paper="Brown et al. 2017, Adversarial patch, arXiv:1712.09665",
)
def universal_patch(
    goal: Goal,
    *,
    size: int = 8,
    place: Place = "best",
    mask: Mask | None = None,
    steps: int = 300,
) -> tuple[Tensor, Tensor]:
    """Choose the pixels of one patch for all the images, at one place.

    The paper's patch may moreover be moved, turned and scaled; on small, centred images a place is
    chosen once. A step takes 128 of the images at random, and follows the sign of the sum of the
    margins' gradients over those that are not fooled yet. The patch that fooled most of all images
    is kept.

    It fools other images, too: ``torch.where(found.mask[0], found.adversarial[0], others)``.

    Parameters
    ----------
    goal
        What is attacked; inputs are images (N, C, H, W). A patch for all classes needs some of
        every class.
    size
        Side of the square.
    place
        ``"best"``, or row and column of the upper left corner. ``"best"`` tries places at a
        distance of half the patch's size for a tenth of the steps each, on 128 of the images.
    mask
        Instead of a square: (H, W), boolean, true where changes are allowed.
    steps
        Of the patch that is kept.

    Returns
    -------
    tuple of torch.Tensor
        (N, C, H, W): every image with the patch, also those that are classified wrongly without,
        and the mask of its pixels.
    """
    inputs = checked_images(goal.inputs)
    n, _, height, width = inputs.shape
    if mask is not None:
        masks = checked_mask(mask, (1, height, width))
    else:
        checked_size(size, height, width)
        corners = grid(size, max(1, size // 2), height, width)
        if place != "best":
            corners = [checked_corner(place, height - size, width - size)]
        masks = squares(corners, size, height, width)
    masks = masks.to(inputs.device)
    everybody = torch.arange(n, device=inputs.device)
    if len(masks) > 1:
        some = everybody[torch.randperm(n, generator=goal.generator())[:BATCH]]
        tried = Bar(masks, "places", unit="places")
        reached = [_optimised(goal, some, each, max(1, steps // 10))[1] for each in tried]
        masks = masks[[reached.index(max(reached))]]
    pattern, _ = _optimised(goal, everybody, masks[0], steps)
    return torch.where(masks, pattern, inputs), masks.expand(inputs.shape)


def _optimised(goal: Goal, rows: Tensor, where: Tensor, steps: int) -> tuple[Tensor, float]:
    """Return the pattern (C, H, W) that fools most of the rows, and how many it does.

    Of patterns that fool equally many, the one with the larger sum of the margins that are
    still negative: the fraction behind the point.
    """
    generator = goal.generator()
    pattern = torch.rand(goal.inputs.shape[1:], generator=generator, dtype=goal.inputs.dtype)
    pattern = pattern.to(goal.inputs.device)
    best, most = pattern, -1.0
    order = rows[:0]
    judged = {round(part * steps / 10) for part in range(1, 11)}
    for step in Bar(range(1, steps + 1), "patch"):
        if not len(order):
            order = rows[torch.randperm(len(rows), generator=generator).to(rows.device)]
        batch, order = order[:BATCH], order[BATCH:]
        climbed = torch.zeros_like(pattern)
        for part in goal.parts(batch):
            margin, slope = goal.slopes(part, torch.where(where, pattern, goal.inputs[part]))
            climbed += slope[margin <= 0].sum(0)
        length = 0.1 * (1 - (step - 1) / steps) + 0.005
        pattern = (pattern + length * climbed.sign()).clamp(0, 1)
        if step in judged:
            reached = _reached(goal, rows, torch.where(where, pattern, goal.inputs[rows]))
            if reached > most:
                best, most = pattern, reached
    return best, most


def _reached(goal: Goal, rows: Tensor, x: Tensor) -> float:
    margins = torch.cat(
        [
            goal.margins(part, piece)
            for part, piece in zip(goal.parts(rows), torch.split(x, goal.chunk), strict=True)
        ]
    )
    short = margins.clamp(max=0).mean()
    return float((margins > 0).sum()) + float(short / (1 - short))

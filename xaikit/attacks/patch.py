"""The local patch: any pixels, but only within a small part of the image."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attacks.ascent import Best, Move, ascend
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


@attack_method(
    "Local patch",
    needs=("gradients",),
    paper="Karmon, Zoran & Goldberg 2018, LaVAN, arXiv:1801.02608; Brown et al. 2017, Adversarial "
    "patch, arXiv:1712.09665",
)
def patch(
    goal: Goal,
    *,
    size: int = 5,
    place: Place = "best",
    mask: Mask | None = None,
    steps: int = 60,
    places: int = 8,
    restarts: int = 1,
) -> tuple[Tensor, Tensor]:
    """Choose the pixels of a patch, one patch an image, so that the prediction moves.

    Brown et al.'s patch, but for a single image at a time, as LaVAN. Outside the patch the change
    is exactly zero; inside, every value in [0, 1] is allowed. The margin is raised by signed
    gradients, steps shrinking from half the range to nearly nothing.

    ``place="best"`` tries two patches at every place whose corner lies on a grid of half the
    patch's size, one that the gradient suggests and one at random, and starts from the most
    promising places first, an image stopping as soon as it is fooled. (The gradient at the clean
    image alone is a poor guide to the place.)

    Parameters
    ----------
    goal
        What is attacked; inputs are images (N, C, H, W).
    size
        Side of the square.
    place
        ``"best"``, or row and column of the upper left corner, the same for all images.
    mask
        Instead of a square: (H, W) or (N, H, W), boolean, true where changes are allowed.
    steps
        Of one start.
    places
        Places to start from with ``"best"``.
    restarts
        Starts at one place, from the second on with random pixels.

    Returns
    -------
    tuple of torch.Tensor
        (N, C, H, W) adversarial images, for an image that resists its best try, and the mask of
        the pixels that might change.
    """
    inputs = checked_images(goal.inputs)
    masks, starts = _candidates(goal, size, place, mask, places)
    best = Best(goal)
    best.margin[best.margin <= 0] = -torch.inf  # any patch is better than none: show the best
    generator = goal.generator()
    for attempt in range(starts.shape[1] * restarts):
        # For all images, also those that are done: nobody's noise depends on the others.
        noise = torch.rand(inputs.shape, generator=generator, dtype=inputs.dtype).round()
        where = masks[starts[:, attempt % starts.shape[1]]]
        move = inside(where, steps)
        for rows in goal.parts(best.resisting()):
            first = attempt < starts.shape[1]
            pixels = _suggested(goal, rows) if first else noise[rows].to(inputs.device)
            start = torch.where(where[rows], pixels, inputs[rows])
            ascend(goal, best, attempt, rows, start, steps, goal.slopes, move)
    tried = (best.attempt % starts.shape[1]).unsqueeze(1)
    return best.adversarial, masks[starts.gather(1, tried).squeeze(1)].expand(inputs.shape)


def inside(where: Tensor, steps: int) -> Move:
    """Return the signed steps inside masks (N, 1, H, W), from half the range to nearly nothing."""

    def move(step: int, rows: Tensor, now: Tensor, slope: Tensor) -> Tensor:
        length = 0.5 * (1 - step / steps) + 0.02
        return torch.where(where[rows], (now + length * slope.sign()).clamp(0, 1), now)

    return move


def _suggested(goal: Goal, rows: Tensor) -> Tensor:
    """Return black and white pixels (n, C, H, W) as the gradient at the clean image wants them."""
    return (goal.slopes(rows, goal.inputs[rows])[1] > 0).to(goal.inputs)


def _candidates(
    goal: Goal, size: int, place: Place, mask: Tensor | None, places: int
) -> tuple[Tensor, Tensor]:
    """Return masks (M, 1, H, W) and for each image the indices (N, K) of those to start from."""
    n, _, height, width = goal.inputs.shape
    device = goal.inputs.device
    first = torch.zeros(n, 1, dtype=torch.int64, device=device)
    if mask is not None:
        own = torch.arange(n, device=device).unsqueeze(1)  # with the caller's mask, one an image
        return checked_mask(mask, (n, height, width)).to(device), own
    checked_size(size, height, width)
    if place != "best":
        corner = checked_corner(place, height - size, width - size)
        return squares([corner], size, height, width).to(device), first
    masks = squares(grid(size, max(1, size // 2), height, width), size, height, width).to(device)
    return masks, _screened(goal, masks).argsort(dim=1, descending=True, stable=True)[:, :places]


def _screened(goal: Goal, masks: Tensor) -> Tensor:
    """Return the better margin (N, M) of two patches at every place."""
    inputs = goal.inputs
    found = inputs.new_empty(len(inputs), len(masks))
    random = torch.rand(inputs.shape[1:], generator=goal.generator(), dtype=inputs.dtype).round()
    for index in range(len(inputs)):
        row = torch.tensor([index], device=inputs.device)
        pixels = (_suggested(goal, row)[0], random.to(inputs.device))
        found[index] = torch.cat(
            [
                torch.stack(
                    [
                        goal.margins(row.expand(len(part)), torch.where(part, each, inputs[index]))
                        for each in pixels
                    ]
                ).amax(0)
                for part in torch.split(masks, goal.chunk)
            ]
        )
    return found

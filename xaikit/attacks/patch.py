"""The local patch: any pixels, but only within a small part of the image."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attacks.goal import Goal
from xaikit.attribution.arguments import count

Place = tuple[int, int]


def patch(
    goal: Goal,
    *,
    size: int = 5,
    place: Place | str = "best",
    mask: Tensor | None = None,
    steps: int = 60,
    places: int = 8,
    restarts: int = 1,
) -> tuple[Tensor, Tensor]:
    """Choose the pixels of a patch, one patch an image, so that the prediction moves.

    Brown et al. 2017, Adversarial patch, arXiv:1712.09665, but for a single image at a time, as
    Karmon, Zoran & Goldberg 2018, LaVAN, arXiv:1801.02608. Outside the patch the change is
    exactly zero; inside, every value in [0, 1] is allowed. The margin is climbed by signed
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
    for value, name in ((size, "size"), (steps, "steps"), (places, "places")):
        count(value, name)
    count(restarts, "restarts")
    inputs = goal.inputs
    if inputs.ndim != 4:
        raise ValueError(f"a patch needs images (N, C, H, W), not shape {tuple(inputs.shape)}.")
    masks, starts = _candidates(goal, size, place, mask, places)
    everybody = torch.arange(len(inputs), device=inputs.device)
    best = torch.cat([goal.margins(rows, inputs[rows]) for rows in goal.parts(everybody)])
    fooled_before = best > 0
    adversarial, chosen = inputs.clone(), masks[starts[:, 0]] if mask is None else masks
    best[~fooled_before] = -torch.inf  # any patch is better than none: a failure shows its best
    generator = goal.generator()
    for attempt in range(starts.shape[1] * restarts):
        # For all images, also those that are done: nobody's noise depends on the others.
        noise = torch.rand(inputs.shape, generator=generator, dtype=inputs.dtype).round()
        for rows in goal.parts((best <= 0).nonzero().squeeze(1)):
            where = masks[starts[rows, attempt % starts.shape[1]]] if mask is None else masks[rows]
            pixels = (
                _suggested(goal, rows)
                if attempt < starts.shape[1]
                else noise[rows].to(inputs.device)
            )
            _climb(goal, rows, where, pixels, steps, best, adversarial, chosen)
    return adversarial, chosen.expand(inputs.shape)


def _climb(
    goal: Goal,
    rows: Tensor,
    where: Tensor,
    pixels: Tensor,
    steps: int,
    best: Tensor,
    adversarial: Tensor,
    chosen: Tensor,
) -> None:
    """Follow the gradient inside the masks, and note whatever is better than before."""
    now = torch.where(where, pixels, goal.inputs[rows])
    for step in range(steps + 1):
        if step < steps:
            margin, slope = goal.slopes(rows, now)
        else:  # the last point is only judged
            margin, slope = goal.margins(rows, now), now
        better = margin > best[rows]
        best[rows[better]] = margin[better]
        adversarial[rows[better]] = now[better]
        chosen[rows[better]] = where[better]
        left = margin <= 0
        rows, where, now, slope = rows[left], where[left], now[left], slope[left]
        if not len(rows):
            return
        length = 0.5 * (1 - step / steps) + 0.02
        now = torch.where(where, (now + length * slope.sign()).clamp(0, 1), now)


def _suggested(goal: Goal, rows: Tensor) -> Tensor:
    """Return black and white pixels (n, C, H, W) as the gradient at the clean image wants them."""
    return (goal.slopes(rows, goal.inputs[rows])[1] > 0).to(goal.inputs)


def _candidates(
    goal: Goal, size: int, place: Place | str, mask: Tensor | None, places: int
) -> tuple[Tensor, Tensor]:
    """Return masks (M, 1, H, W) and for each image the indices (N, K) of those to start from.

    With a mask of the caller's there is one for each image, (N, 1, H, W).
    """
    n, _, height, width = goal.inputs.shape
    device = goal.inputs.device
    first = torch.zeros(n, 1, dtype=torch.int64, device=device)
    if mask is not None:
        if mask.dtype != torch.bool or mask.shape not in ((height, width), (n, height, width)):
            raise ValueError(
                f"mask has to be boolean of shape {(height, width)} or {(n, height, width)}; it "
                f"is {mask.dtype} of shape {tuple(mask.shape)}."
            )
        return mask.to(device).expand(n, height, width).unsqueeze(1).clone(), first
    if size > min(height, width):
        raise ValueError(f"a patch of {size} pixels does not fit into {height} × {width} images.")
    if place != "best":
        row, column = _checked_place(place, height - size, width - size)
        return _squares([(row, column)], size, height, width).to(device), first
    corners = [
        (row, column)
        for row in _grid(height - size, max(1, size // 2))
        for column in _grid(width - size, max(1, size // 2))
    ]
    masks = _squares(corners, size, height, width).to(device)
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


def _checked_place(place: Place | str, last_row: int, last_column: int) -> Place:
    if isinstance(place, str) or len(place) != 2:
        raise ValueError(f'place has to be "best" or a row and a column, not {place!r}.')
    row, column = place
    if not (0 <= row <= last_row and 0 <= column <= last_column):
        raise ValueError(
            f"place {tuple(place)} leaves the image: the corner has to lie between (0, 0) and "
            f"{(last_row, last_column)}."
        )
    return row, column


def _grid(last: int, stride: int) -> list[int]:
    """Return 0, stride, … and always the last."""
    return sorted({*range(0, last + 1, stride), last})


def _squares(corners: list[Place], size: int, height: int, width: int) -> Tensor:
    """Return masks (M, 1, H, W) of squares with these upper left corners."""
    masks = torch.zeros(len(corners), 1, height, width, dtype=torch.bool)
    for mask, (row, column) in zip(masks, corners, strict=True):
        mask[0, row : row + size, column : column + size] = True
    return masks

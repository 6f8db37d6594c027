"""Few pixels in one place are a trigger, few scattered ones may be an honest class's."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from xaikit import detect
from xaikit.backdoors import checkered
from xaikit.backdoors.neural_cleanse import windows

# Ways that a class looks, faint and all over the image.
LOOKS = torch.rand(4, 16, 16, generator=torch.Generator().manual_seed(5)).double().round() * 2 - 1
IMAGES = (0.5 + 0.2 * LOOKS[:, None]).repeat(10, 1, 1, 1)
SQUARE = checkered((1, 16, 16), size=4, place=(6, 2))
BORDER = torch.zeros(16, 16).double()
BORDER[0, ::2] = BORDER[15, 1::2] = 1.0
SIDES = torch.zeros(16, 16).double()
SIDES[::2, 0] = SIDES[1::2, 15] = 1.0


def network(quick: Tensor) -> nn.Module:
    """Four classes that are told by their looks; two can be had by a few pixels as well.

    A class leads by 3 on its images. Class 1 wants ``quick`` (16, 16): an opaque pixel is worth
    0.3, so that ten of its sixteen do. Class 2 wants the border's bright pixels, 0.25 each, twelve
    of sixteen. A pixel of the looks is worth 0.06 at most: classes 0 and 3 need fifty.
    """
    weights = LOOKS * (3 / (0.2 * 256))
    weights[1] += 0.6 * quick
    weights[2] += 0.5 * BORDER
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 4)).double()
    with torch.no_grad():
        model[1].weight.copy_(weights.flatten(1))
        # Grey counts for no class.
        model[1].bias.copy_(-0.5 * weights.flatten(1).sum(1))
    return model.eval()


def test_a_small_trigger_of_bright_and_dark_pixels_is_found_beside_an_easy_class() -> None:
    checks = (SQUARE.pattern[0] * 2 - 1).double() * SQUARE.alpha[0]
    found = detect(network(checks), IMAGES)
    sizes = found.evidence["sizes"]
    # The sizes alone do not tell: the easy class needs hardly more, the others far more.
    assert sizes[2] < math.exp(0.63) * sizes[1] and sizes[[0, 3]].min() > 2 * sizes[2]
    assert found.flagged and found.target == 1 and "in one place" in found.explanation
    assert found.score[1] > 0.63 > found.score[[0, 2, 3]].max()


def test_two_easy_classes_are_no_backdoor() -> None:
    found = detect(network(SIDES), IMAGES)
    sizes = found.evidence["sizes"]
    assert sizes[[1, 2]].max() < 20 and sizes[[0, 3]].min() > 25
    assert not found.flagged and found.target is None
    assert "in one place" not in found.explanation


@pytest.mark.parametrize("corner", [(0, 0), (9, 13), (4, 6)])
def test_the_window_is_where_most_of_the_mask_lies(corner: tuple[int, int]) -> None:
    row, column = corner
    masks = 0.1 * torch.rand(2, 1, 16, 20, generator=torch.Generator().manual_seed(0))
    masks[0, 0, row : row + 7, column : column + 7] += 0.5
    found = windows(masks)
    assert found.flatten(1).sum(1).tolist() == [49, 49]
    assert found[0, 0, row : row + 7, column : column + 7].all()
    # The other one by trying every place.
    mass = {
        (i, j): float(masks[1, 0, i : i + 7, j : j + 7].sum()) for i in range(10) for j in range(14)
    }
    i, j = max(mass, key=lambda place: mass[place])
    assert found[1, 0, i : i + 7, j : j + 7].all()

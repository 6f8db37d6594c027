"""Triggers that cover no pixels, against what can be computed by hand."""

from __future__ import annotations

import pytest
import torch

from xaikit.backdoors import Signal, Warp, poison, sinusoidal, warping
from xaikit.data import ImageDataset

IMAGES = torch.rand(200, 1, 6, 6, generator=torch.Generator().manual_seed(0)) * 0.5
DATA = ImageDataset(IMAGES, torch.arange(200) % 4, list("abcd"), "toy")


def test_stripes_are_a_sine_of_the_column_and_stay_within_the_range():
    stripes = sinusoidal((1, 3, 8), amplitude=0.2, frequency=2)
    grey = stripes(torch.full((2, 1, 3, 8), 0.5))
    # Two waves on eight columns: 0, 1, 0, -1 and again.
    expected = torch.tensor([0.5, 0.7, 0.5, 0.3, 0.5, 0.7, 0.5, 0.3]).expand(2, 1, 3, 8)
    torch.testing.assert_close(grey, expected)
    black = stripes(torch.zeros(1, 3, 8))
    assert black.min() == 0 and black.max().item() == pytest.approx(0.2)
    assert "up to 0.2" in repr(stripes)


def test_a_warp_moves_pixels_by_its_strength_and_invents_no_brightness():
    bend = warping((1, 9, 13), strength=0.5, seed=2)
    # On a ramp an image says where each of its pixels came from.
    down, right = torch.meshgrid(torch.arange(9.0), torch.arange(13.0), indexing="ij")
    for ramp in (down, right):
        moved = bend(ramp[None, None] / 13) * 13 - ramp
        assert 0.1 < float(moved.abs().mean()) < 0.9
    noise = torch.rand(3, 1, 9, 13, generator=torch.Generator().manual_seed(0))
    assert bend(noise).min() >= noise.min() and bend(noise).max() <= noise.max()
    torch.testing.assert_close(bend(noise)[1], bend(noise[1]))
    flat = torch.full((1, 1, 9, 13), 0.3)
    torch.testing.assert_close(bend(flat), flat)
    torch.testing.assert_close(warping((1, 9, 13), strength=0.0)(noise), noise)
    assert not torch.equal(bend(noise), warping((1, 9, 13), strength=0.5, seed=3)(noise))


@pytest.mark.parametrize("trigger", [sinusoidal((1, 6, 6)), warping((1, 6, 6))])
def test_hidden_triggers_poison_and_want_images_of_their_shape(trigger: Signal | Warp):
    found = poison(DATA, trigger, target=3, rate=0.1, seed=1)
    assert torch.equal(found.images[found.poisoned], trigger(DATA.images[found.poisoned]))
    with pytest.raises(ValueError, match="made for images"):
        trigger(torch.zeros(1, 1, 7, 6))
    with pytest.raises(TypeError, match="floating point"):
        trigger(torch.zeros(1, 1, 6, 6, dtype=torch.uint8))

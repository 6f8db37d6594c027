"""No letter is too small, and no text lies on another: with the longest names that there are."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
import torch
from legible import faults
from matplotlib.figure import Figure

from xaikit import Explanation
from xaikit.metrics import Curve
from xaikit.plots import attribution_grid, curves, heat_map, image_row, overlay, summary

CLASSES = ["T-shirt/top", "Ankle boot", "American pit bull terrier"]
ROLES = ["true", "most likely", "second most likely", "least likely"]
METHODS = ("integrated_gradients", "expected_gradients", "guided_backprop", "kernel_shap")


def explanation(method: str, n: int = 2, targets: int = 4) -> Explanation:
    maps = 1e-4 * torch.randn(n, targets, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    places = torch.arange(targets).remainder(len(CLASSES)).expand(n, targets)
    return Explanation(maps, places, None, method, 0.1)


def curve(level: float) -> Curve:
    fractions = torch.linspace(0, 1, 9)
    scores = (level * (1 - fractions)).expand(3, 1, 9)
    return Curve(fractions, scores, torch.trapezoid(scores, fractions))


def an_attribution_grid() -> Figure:
    rows = [explanation(method) for method in METHODS]
    return attribution_grid(rows, torch.rand(2, 1, 8, 8), CLASSES, ROLES)


def a_wide_attribution_grid() -> Figure:
    one = explanation("deep_shap", 1, 9)
    return attribution_grid(one, torch.rand(1, 1, 8, 8), CLASSES, names=["a white baseline"])


def a_row_of_images() -> Figure:
    titles = [f"{role}:\n{name}" for role in ROLES[1:3] for name in CLASSES]
    return image_row(torch.rand(6, 1, 8, 8), titles)


def a_long_row_of_images() -> Figure:
    return image_row(torch.rand(12, 1, 8, 8), CLASSES * 4)


def an_overlay() -> Figure:
    return overlay(explanation("integrated_gradients"), torch.rand(2, 1, 8, 8), CLASSES, ROLES)


def a_wide_overlay() -> Figure:
    one = explanation("integrated_gradients", 1, 9)
    return overlay(one, torch.rand(1, 1, 8, 8), CLASSES)


def curves_of_many() -> Figure:
    lines = {method: curve(12.5 + k) for k, method in enumerate(METHODS)}
    title = "Deletion with a blurred fill of the images that the network gets wrong"
    return curves({**lines, "random": curve(9), "intensity": curve(7)}, title)


def a_table() -> Figure:
    names = [f"{method} of {name}" for method in METHODS for name in CLASSES]
    title = "Agreement of methods on images that the network gets wrong"
    return heat_map(torch.rand(12, 12) * 2 - 1, names, title=title)


def a_small_table() -> Figure:
    title = "Agreement of methods on images that the network gets wrong"
    return heat_map([[1.0, -0.5]], ["model"], ["gradient", CLASSES[2]], title)


def a_summary() -> Figure:
    lines = {"integrated_gradients": curve(12.0), "random": curve(9.0)}
    one = explanation("integrated_gradients", 1)
    return summary(one, torch.rand(1, 1, 8, 8), torch.rand(3), lines, CLASSES, ROLES)


def a_summary_of_one_target() -> Figure:
    lines = {"integrated_gradients": curve(12.0), "random": curve(9.0)}
    one = explanation("integrated_gradients", 1, 1)
    long = [CLASSES[2], *CLASSES[:2]]
    return summary(one, torch.rand(1, 1, 8, 8), torch.rand(3), lines, long)


@pytest.mark.parametrize(
    "draw",
    [
        an_attribution_grid,
        a_wide_attribution_grid,
        a_row_of_images,
        a_long_row_of_images,
        an_overlay,
        a_wide_overlay,
        curves_of_many,
        a_table,
        a_small_table,
        a_summary,
        a_summary_of_one_target,
    ],
)
def test_all_text_can_be_read(draw) -> None:
    torch.manual_seed(0)
    assert faults(draw()) == []


def test_what_cannot_be_read_is_found() -> None:
    """By hand: 5 points are 6.9 pixels at 100 to the inch, and 10 of 20 inches are 5.6 of 800."""
    figure = plt.figure(figsize=(4, 2), dpi=100)
    figure.text(0.5, 0.5, "one")
    figure.text(0.52, 0.5, "other")
    figure.text(0.1, 0.9, "small", fontsize=5)
    figure.text(0.9, 0.2, "beyond the edge")
    figure.text(0.1, 0.1, "level")
    figure.text(0.12, 0.2, "turned", rotation=45)  # its box would lie on the one below
    figure.add_subplot().set_xticks([0, 9], ["a", "not drawn"])
    figure.axes[0].set_xlim(0, 1)
    figure.axes[0].set_yticks([])
    plt.close(figure)
    found = faults(figure)
    assert "'one' lies on 'other'" in found and "'beyond the edge' leaves the figure" in found
    assert "'small' is 6.9 pixels high" in found
    assert not any("not drawn" in fault or "turned" in fault for fault in found)
    wide = plt.figure(figsize=(20, 2), dpi=100)
    wide.text(0.0, 0.5, "left")
    wide.text(0.97, 0.5, "right")
    wide.add_axes((0, 0, 1, 1)).set_axis_off()
    plt.close(wide)
    assert faults(wide) == ["'left' is 5.6 pixels high", "'right' is 5.6 pixels high"]
    powers = plt.figure(figsize=(5, 2), dpi=100)
    powers.text(0.1, 0.5, "$10^{-2}$", fontsize=8)  # the power has 0.7 of 11.1 pixels
    plt.close(powers)
    assert faults(powers) == ["'$10^{-2}$' is 7.8 pixels high"]

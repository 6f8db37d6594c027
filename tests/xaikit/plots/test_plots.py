"""What a reader sees: which maps stand where, on which scale, in which colours."""

from __future__ import annotations

import io
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from xaikit import Explanation
from xaikit.metrics import Curve
from xaikit.plots import attribution_grid, curves, heat_map, image_row, overlay, summary

CLASSES = ["shirt", "shoe", "bag"]


def explanation(method: str, scale: float = 1.0, channels: int = 1) -> Explanation:
    """Return random maps of two 8 × 8 images for two targets each."""
    maps = scale * torch.randn(2, 2, channels, 8, 8, generator=torch.Generator().manual_seed(0))
    return Explanation(maps, torch.tensor([[0, 2], [1, 0]]), None, method, 0.1)


def pictures(channels: int = 1) -> Tensor:
    """Return two random images in [0, 1]."""
    return torch.rand(2, channels, 8, 8, generator=torch.Generator().manual_seed(1))


def drawn(figure: Figure, colours: str) -> list[Axes]:
    """Return the axes whose image has this colour map, in the order of drawing."""
    return [
        axis
        for axis in figure.findobj(Axes)
        for picture in axis.images
        if picture.get_cmap().name == colours
    ]


def test_grid_shows_every_map_and_each_image_once() -> None:
    rows = [explanation("gradient"), explanation("lime", 100)]
    figure = attribution_grid(rows, pictures(), CLASSES)
    maps = drawn(figure, "RdBu_r")
    assert len(maps) == 2 * 2 * 2 and len(drawn(figure, "gray")) == 2
    shown = [axis.images[0].get_array() for axis in maps]
    expected = [row.attributions[i, t, 0] for i in range(2) for row in rows for t in range(2)]
    for have, want in zip(shown, expected, strict=True):
        assert torch.equal(torch.as_tensor(have.data).float(), want)


def test_grid_has_one_symmetric_scale_a_method() -> None:
    rows = [explanation("gradient"), explanation("lime", 100)]
    limits = [
        axis.images[0].get_clim() for axis in drawn(attribution_grid(rows, pictures()), "RdBu_r")
    ]
    assert all(low == -high for low, high in limits)
    gradient, lime = limits[:2] + limits[4:6], limits[2:4] + limits[6:8]
    assert len(set(gradient)) == len(set(lime)) == 1
    assert lime[0][1] == pytest.approx(100 * gradient[0][1])
    beyond = (rows[0].attributions.abs() > gradient[0][1]).double().mean().item()
    assert 0 < beyond < 0.01  # one or two of 256


def test_grid_says_what_is_what() -> None:
    figure = attribution_grid(
        [explanation("integrated_gradients")], pictures(), CLASSES, roles=["true", "likely"]
    )
    titles = [axis.get_title() for axis in drawn(figure, "RdBu_r")]
    assert titles == ["true:\nshirt", "likely:\nbag", "true:\nshoe", "likely:\nshirt"]
    assert drawn(figure, "RdBu_r")[0].get_ylabel() == "Integrated\nGradients"
    texts = " ".join(text.get_text() for text in figure.findobj(plt.Text))
    assert "red: evidence for the class" in texts and "blue: evidence against" in texts
    named = attribution_grid(explanation("mine"), pictures(), names=["white baseline"])
    assert drawn(named, "RdBu_r")[0].get_ylabel() == "white baseline"
    assert drawn(named, "RdBu_r")[1].get_title() == "class 2"


def test_positive_values_are_red_and_negative_ones_blue() -> None:
    picture = drawn(attribution_grid(explanation("gradient"), pictures()), "RdBu_r")[0].images[0]
    low, high = picture.get_clim()
    blue, white, red = (picture.cmap(picture.norm(value))[:3] for value in (low, 0.0, high))
    assert red[0] > 0.3 > red[2] and blue[2] > 0.3 > blue[0] and min(white) > 0.95


def test_channels_are_summed() -> None:
    figure = attribution_grid(explanation("gradient", channels=3), pictures(3))
    shown = torch.as_tensor(drawn(figure, "RdBu_r")[0].images[0].get_array().data)
    expected = explanation("gradient", channels=3).attributions[0, 0].sum(0)
    torch.testing.assert_close(shown.float(), expected)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_maps_that_are_zero_or_nearly_so_can_be_drawn(value: float) -> None:
    flat = torch.zeros(1, 1, 1, 28, 28)
    flat[..., 0, 0] = value  # fewer pixels than the scale may clip
    only = replace(explanation("grad_cam"), attributions=flat, targets=torch.tensor([[1]]))
    figure = attribution_grid(only, torch.zeros(1, 1, 28, 28))
    assert drawn(figure, "RdBu_r")[0].images[0].get_clim() == (-1, 1)


def test_figures_render_alike_and_are_not_left_open() -> None:
    before = plt.get_fignums()
    files = []
    for _ in range(2):
        files.append(io.BytesIO())
        attribution_grid(explanation("lime"), pictures(), CLASSES).savefig(files[-1], format="png")
    assert files[0].getvalue() == files[1].getvalue() and len(files[0].getvalue()) > 5000
    assert plt.get_fignums() == before


def test_row_shows_images_with_their_titles() -> None:
    figure = image_row(pictures(), ["one", "two"])
    assert [axis.get_title() for axis in figure.axes] == ["one", "two"]
    assert [axis.images[0].get_clim() for axis in figure.axes] == [(0, 1), (0, 1)]
    with pytest.raises(ValueError, match="a title for each"):
        image_row(pictures(), ["one"])


def test_grid_refuses_what_does_not_match() -> None:
    one = explanation("gradient")
    other = replace(one, targets=one.targets.flip(1))
    with pytest.raises(ValueError, match="explain different targets"):
        attribution_grid([one, other], pictures())
    with pytest.raises(ValueError, match="are no maps"):
        attribution_grid(one, pictures()[..., :4])
    with pytest.raises(ValueError, match="1 images do not match"):
        attribution_grid(one, pictures()[:1])
    with pytest.raises(ValueError, match="3 roles do not match 2 targets"):
        attribution_grid(one, pictures(), roles=["a", "b", "c"])
    with pytest.raises(ValueError, match="2 names do not match 1 explanations"):
        attribution_grid(one, pictures(), names=["a", "b"])
    with pytest.raises(ValueError, match="at least one explanation"):
        attribution_grid([], pictures())


def test_overlay_shows_strong_evidence_alone_on_one_scale() -> None:
    one = explanation("gradient")
    figure = overlay(one, pictures(), CLASSES, roles=["true", "likely"], alpha=0.6)
    axes = [axis for axis in drawn(figure, "RdBu_r") if len(axis.images) == 2]
    assert [axis.get_title() for axis in axes] == [
        "true:\nshirt",
        "likely:\nbag",
        "true:\nshoe",
        "likely:\nshirt",
    ]
    limits = {axis.images[1].get_clim() for axis in axes}
    assert len(limits) == 1
    ((low, high),) = limits
    assert low == -high
    for axis, map_ in zip(axes, one.attributions.flatten(0, 1)[:, 0].numpy(), strict=True):
        opacity = axis.images[1].get_alpha()
        assert opacity.max() <= 0.6
        np.testing.assert_allclose(opacity, 0.6 * np.minimum(abs(map_) / high, 1), rtol=1e-5)
    with pytest.raises(ValueError, match="alpha has to be"):
        overlay(one, pictures(), alpha=0)


def curve(scores: list[list[list[float]]]) -> Curve:
    """Return a curve of given scores (N, T, steps + 1)."""
    values = torch.tensor(scores)
    fractions = torch.linspace(0, 1, values.shape[2])
    return Curve(fractions, values, torch.trapezoid(values, fractions))


def test_curves_have_means_bands_and_areas() -> None:
    two = curve([[[4.0, 2.0, 0.0], [2.0, 0.0, 0.0]], [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]])
    figure = curves({"lime": two, "random": curve([[[4.0, 4.0, 0.0]]])}, title="Deletion, black")
    (axis,) = figure.axes
    lime, random = axis.lines
    np.testing.assert_allclose(lime.get_xdata(), [0, 50, 100])
    np.testing.assert_allclose(lime.get_ydata(), [2, 1, 0.5])  # by hand: (3 + 1) / 2, …
    (band,) = axis.collections  # a single image has none
    # Images' means 3 and 1: standard deviation √2, standard error 1.
    start = band.get_paths()[0].vertices
    start = start[start[:, 0] == 0][:, 1]
    assert start.max() == pytest.approx(2 + 1.96) and start.min() == pytest.approx(2 - 1.96)
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["LIME (area 1.12)", "random (area 3.00)"]
    assert random.get_color() == "0.5" and lime.get_color() != "0.5"
    assert lime.get_linestyle() != random.get_linestyle()
    assert axis.get_title() == "Deletion, black" and "%" in axis.get_xlabel()


def test_curves_can_be_told_apart_without_colour() -> None:
    names = [f"method {i}" for i in range(6)]
    lines = curves({name: curve([[[1.0, 0.0]]]) for name in names}).axes[0].lines
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 6
    assert len({line.get_color() for line in lines}) == 6
    with pytest.raises(ValueError, match="cannot be told apart"):
        curves({name: curve([[[1.0, 0.0]]]) for name in [*names, "one more"]})
    with pytest.raises(ValueError, match="at least one curve"):
        curves({})


def test_heat_map_prints_its_numbers_legibly() -> None:
    matrix = [[1.0, -0.25], [float("nan"), 1.0]]
    figure = heat_map(matrix, ["lime", "gradient"], title="Agreement", limits=(-0.5, 1))
    axis, bar = figure.axes
    assert [text.get_text() for text in axis.texts] == ["1.00", "−0.25", "–", "1.00"]
    assert [text.get_color() for text in axis.texts] == ["white", "black", "black", "white"]
    assert axis.images[0].get_clim() == (-1, 1) and axis.images[0].get_cmap().name == "RdBu_r"
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["lime", "gradient"]
    assert bar.get_ylabel() == "rank correlation" and axis.get_title() == "Agreement"
    shares = heat_map(torch.tensor([[0.0, 1.0]]), ["a"], ["b", "c"], limits=(0, 1)).axes[0]
    greys = shares.images[0].get_cmap()(np.linspace(0, 1, 50))[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(greys) > 0).all(), "in grey the order of values is lost"
    with pytest.raises(ValueError, match="does not match 1 rows and 1 columns"):
        heat_map(matrix, ["lime"])
    with pytest.raises(ValueError, match="limits have to rise"):
        heat_map(matrix, ["a", "b"], limits=(1, 1))


@pytest.mark.parametrize("targets", [1, 2])
def test_summary_shows_maps_predictions_and_curves(targets: int) -> None:
    before = plt.get_fignums()
    both = explanation("gradient")
    one = replace(
        both, attributions=both.attributions[:1, :targets], targets=both.targets[:1, :targets]
    )
    chances = torch.tensor([0.2, 0.1, 0.7])
    lines = {"gradient": curve([[[1.0, 0.0]]]), "random": curve([[[1.0, 1.0]]])}
    figure = summary(one, pictures()[:1], chances, lines, CLASSES)
    maps = drawn(figure, "RdBu_r")
    assert len(maps) == 2
    for axis, map_ in zip(maps, one.attributions[0, :, 0], strict=False):
        np.testing.assert_allclose(axis.images[-1].get_array().data, map_.numpy())
    bars = next(axis for axis in figure.findobj(Axes) if axis.get_title() == "Predictions")
    assert [tick.get_text() for tick in bars.get_yticklabels()] == ["bag", "shirt", "shoe"]
    widths = [patch.get_width() for patch in bars.patches]
    assert widths == pytest.approx([0.7, 0.2, 0.1])
    deletion = next(axis for axis in figure.findobj(Axes) if axis.get_title() == "Deletion: shirt")
    assert len(deletion.lines) == 2 and plt.get_fignums() == before

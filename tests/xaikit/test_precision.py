"""Half precision, autocast, mixed types, nan: right, or one sentence, for every method."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from attribution.settings import NAMES, cheap
from chain import convolutional
from counterfactuals.linear import linear
from torch import Tensor, nn

from xaikit import attack, counterfactual, detect, explain, targets_of_interest
from xaikit.core.passes import frozen
from xaikit.data import ImageDataset
from xaikit.metrics import (
    deletion,
    infidelity,
    insertion,
    localisation,
    rank_agreement,
    sensitivity,
)
from xaikit.plots import attribution_grid, curves, image_row, overlay
from xaikit.widgets import explorer

HALVES = [torch.float16, torch.bfloat16]
BACKGROUND = torch.rand(9, 1, 12, 12, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def single() -> nn.Module:
    """Return a network whose weights are the same in every precision."""
    return convolutional(nn.MaxPool2d).bfloat16().half().float()


@pytest.fixture(scope="module")
def images() -> Tensor:
    draw = torch.rand(4, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    return (draw * 64).round() / 64  # in every precision the same


def halved(options: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    return {
        k: v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v
        for k, v in options.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_explanations_are_right_to_the_last_place_of_half_precision(
    name: str, single: nn.Module, images: Tensor
) -> None:
    background = (BACKGROUND * 64).round() / 64
    options = cheap(name, background)
    expected = explain(single, images, [[0, 3]] * 4, name, **options)
    for dtype in HALVES:
        model = copy.deepcopy(single).to(dtype)
        before = [(each.data_ptr(), each.dtype) for each in model.parameters()]
        found = explain(model, images.to(dtype), [[0, 3]] * 4, name, **halved(options, dtype))
        assert found.attributions.dtype == dtype
        assert [(each.data_ptr(), each.dtype) for each in model.parameters()] == before
        largest = expected.attributions.abs().max()
        # SmoothGrad's noise is of the inputs' type, widened: single.
        apart = (found.attributions.float() - expected.attributions).abs().max()
        assert apart <= 2 * torch.finfo(dtype).eps * largest
    with torch.autocast("cpu", torch.bfloat16):
        inside = explain(single, images, [[0, 3]] * 4, name, **options)
    assert torch.equal(inside.attributions, expected.attributions)


class Mixed(nn.Module):
    """Computes in float32 and returns another type, or autocasts by itself."""

    def __init__(self, network: nn.Module, to: torch.dtype | None) -> None:
        super().__init__()
        self.network, self.to_type = network, to

    def forward(self, x: Tensor) -> Tensor:
        if self.to_type is not None:
            return self.network(x).to(self.to_type)
        with torch.autocast("cpu", torch.bfloat16):
            return self.network(x)


@pytest.mark.parametrize("name", NAMES)
def test_outputs_of_another_type_are_explained_or_refused(
    name: str, single: nn.Module, images: Tensor
) -> None:
    options = cheap(name, BACKGROUND)
    expected = explain(single, images, 1, name, **options).attributions
    for to, close in ((torch.float64, 1e-5), (torch.bfloat16, 0.1), (None, 0.2)):
        try:
            found = explain(Mixed(single, to), images, 1, name, **options).attributions
        except ValueError as error:
            assert "\n" not in str(error) and name in (
                "lrp",
                "deep_taylor",
                "deeplift",
                "deep_shap",
            )
            continue
        assert (found - expected).abs().max() <= close * expected.abs().max()


@pytest.mark.parametrize("dtype", HALVES)
def test_attacks_searches_and_detectors_take_half_precision(
    dtype: torch.dtype, single: nn.Module, images: Tensor
) -> None:
    model, x = copy.deepcopy(single).to(dtype), images.to(dtype)
    labels = model(x).argmax(1)
    for method, options in (("fgsm", {"epsilon": 0.3}), ("pgd", {"epsilon": 0.3, "steps": 5})):
        found = attack(model, x, labels, method, **options)
        assert found.adversarial.dtype == dtype
        assert (found.adversarial - x).abs().max() <= 0.3 + torch.finfo(dtype).eps
        assert torch.equal(found.predicted, model(found.adversarial).argmax(1))
        assert torch.equal(found.success, found.predicted != labels)
    line = linear([4.0] * 8, -16.0).to(dtype)
    y = torch.rand(6, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    others = 1 - line(y).argmax(1)
    made = counterfactual(line, y, others, tolerance=1.0, steps=40)
    assert made.counterfactuals.dtype == dtype and made.found.all()
    assert torch.equal(line(made.counterfactuals[:, 0]).argmax(1), others)
    rows = torch.cat([x + k / 512 for k in range(10)]).clamp(0, 1)
    found_labels = torch.arange(40) % 2
    for method in ("spectral_signatures", "activation_clustering"):
        wide = detect(single, rows.float(), found_labels, method)
        narrow = detect(model, rows, found_labels, method)
        torch.testing.assert_close(narrow.score.float(), wide.score, rtol=1e-3, atol=1e-3)
    assert targets_of_interest(model, x, labels)[:, 0].tolist() == labels.tolist()


def test_metrics_figures_and_explorer_take_half_precision(
    single: nn.Module, images: Tensor
) -> None:
    model, x = copy.deepcopy(single).bfloat16(), images.bfloat16()
    wide, narrow = explain(single, images, 1, "gradient"), explain(model, x, 1, "gradient")
    mask = torch.zeros(4, 12, 12, dtype=torch.bool)
    mask[:, :6] = True
    close = {"rtol": 0.05, "atol": 0.05}
    curve = deletion(model, x, narrow, steps=4)
    torch.testing.assert_close(
        curve.auc.float(), deletion(single, images, wide, steps=4).auc, **close
    )
    assert insertion(model, x, narrow, steps=4).auc.isfinite().all()
    for measure in (
        lambda net, given, maps: infidelity(net, given, maps, samples=8),
        lambda net, given, maps: sensitivity(net, given, maps, samples=2),
        lambda net, given, maps: localisation(maps, mask),
        lambda net, given, maps: rank_agreement(maps, maps),
    ):
        found = measure(model, x, narrow).float()
        torch.testing.assert_close(found, measure(single, images, wide).float(), **close)
    one = replace(narrow, attributions=narrow.attributions[:1], targets=narrow.targets[:1])
    for figure in (
        attribution_grid(one, x[:1]),
        overlay(one, x[:1]),
        image_row(x[:1]),
        curves({"gradient": curve}),
    ):
        plt.close(figure)
    shown = explorer(model, ImageDataset(x, torch.zeros(4, dtype=torch.int64), list("abcde")))
    assert shown.wait(60)
    assert "Done" in shown.explanations.status.value, shown.explanations.status.value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused_with_their_place(
    value: float, single: nn.Module, images: Tensor
) -> None:
    bad = images.clone()
    bad[2, 0, 3, 4] = value
    told = explain(single, images, 0, "gradient")
    told.attributions[1, 0, 0, 5, 6] = value
    mask = torch.ones(4, 12, 12, dtype=torch.bool)
    for call, place in (
        (lambda: explain(single, bad, 0, "gradient"), r"\[2, 0, 3, 4\]"),
        (lambda: explain(single, images, 0, baseline=bad[2]), r"\[0, 3, 4\]"),
        (lambda: explain(single, images, 0, "deep_shap", background=bad), r"\[2, 0, 3, 4\]"),
        (lambda: deletion(single, images, told), r"\[1, 0, 0, 5, 6\]"),
        (lambda: localisation(told, mask), r"\[1, 0, 0, 5, 6\]"),
        (lambda: rank_agreement(told, told), r"\[1, 0, 0, 5, 6\]"),
        (lambda: attribution_grid(told, images), r"\[1, 0, 0, 5, 6\]"),
        (lambda: image_row(bad), r"\[0, 3, 4\]"),
        (lambda: attack(single, bad, 0, "fgsm", epsilon=0.1), r"\[2, 0, 3, 4\]"),
        (lambda: counterfactual(single, bad, 0), r"\[2, 0, 3, 4\]"),
    ):
        with pytest.raises(ValueError, match=f"nan or infinity.*{place}") as raised:
            call()
        assert "\n" not in str(raised.value)


class Rooted(nn.Module):
    """Has no number where the mean is below a half, and an infinite slope at a black pixel."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        return torch.stack([(flat.mean(1) - self.level).sqrt(), flat.sqrt().mean(1)], 1)


def test_outputs_and_slopes_that_are_no_numbers_are_refused() -> None:
    x = torch.full((3, 1, 4, 4), 0.9)
    with pytest.raises(ValueError, match="nan or infinity for inputs or for what they are"):
        explain(Rooted(0.5), x, 0, "occlusion", window=4)
    black = x.clone()
    black[2, 0, 1, 1] = 0
    with pytest.raises(ValueError, match="map of input 2 for target 1"):
        explain(Rooted(0.0), black, 1, "gradient")


def test_a_model_is_widened_and_put_back_whatever_happens(single: nn.Module) -> None:
    model = copy.deepcopy(single).half()
    model.register_buffer("scale", torch.ones(2, dtype=torch.float16))
    model[0].weight.grad = torch.ones_like(model[0].weight)
    with pytest.raises(KeyError), frozen(model):
        assert {each.dtype for each in (*model.parameters(), *model.buffers())} == {torch.float32}
        raise KeyError
    assert {each.dtype for each in (*model.parameters(), *model.buffers())} == {torch.float16}
    model(torch.rand(1, 1, 12, 12).half()).sum().backward()
    assert np.isfinite(float(model[0].weight.grad.sum()))

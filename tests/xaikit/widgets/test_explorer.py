"""The explorer without a browser: its controls are set as a click sets them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import xaikit.widgets.pictures
from tests.xaikit.widgets.pages import said
from xaikit import explain
from xaikit.data import ImageDataset
from xaikit.metrics import deletion
from xaikit.widgets import explorer
from xaikit.widgets.choices import BASELINES
from xaikit.widgets.explanations import ExplanationPage

CLASSES = ["<shirt>", "shoe", "bag"]


class Slow(nn.Module):
    """A linear network of 8 × 8 pixels that takes its time, if told to."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 3)
        self.pause = 0.0
        with torch.no_grad():
            weight = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
            self.linear.weight.copy_(weight)
            self.linear.bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(self.pause)
        return self.linear(images.flatten(1))


@pytest.fixture
def model() -> Slow:
    return Slow().train()


@pytest.fixture
def data(model: Slow) -> ImageDataset:
    """Twelve images that the network gets right, but for numbers 4 and 9."""
    images = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    labels = model(images).argmax(1)
    labels[[4, 9]] = (labels[[4, 9]] + 1) % 3
    return ImageDataset(images, labels, CLASSES)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What there is to draw; instead of drawing it, which takes a second, a figure stays empty."""
    made: list[tuple[Any, ...]] = []

    def noted(*parts: Any) -> Figure:
        made.append(parts)
        return Figure((1, 1))

    monkeypatch.setattr(xaikit.widgets.pictures, "summary", noted)
    return made


@pytest.fixture
def page(
    model: Slow, data: ImageDataset, drawn: list[tuple[Any, ...]]
) -> Iterator[ExplanationPage]:
    page = explorer(model, data).explanations
    assert page.wait(180)
    yield page
    page.stop.click()
    page.wait(180)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is passed to explain, from now on."""
    made: list[tuple[Any, ...]] = []

    def noted(model: nn.Module, inputs: Tensor, targets: Tensor, method: str, **options: Any):
        made.append((inputs, targets, method, options))
        return explain(model, inputs, targets, method, **options)

    monkeypatch.setattr(xaikit.widgets.pictures, "explain", noted)
    return made


def start_slow(page: ExplanationPage) -> None:
    """Choose what would take minutes, and see it move."""
    page._model.pause = 0.02  # in the explorer's own copy of the network
    page.method.value = "kernel_shap"
    page.segments.value = "single pixels"
    page.count.value = 20_000
    seen: set[float] = set()
    deadline = time.monotonic() + 180
    while len(seen) < 3 and time.monotonic() < deadline:
        if " rows" in said(page):
            seen.add(page.progress.value)
        time.sleep(0.02)
    assert len(seen) == 3 and max(seen) < 1 and not page.stop.disabled


def test_it_opens_with_the_first_image_explained(model: Slow, data: ImageDataset) -> None:
    page = explorer(model, data).explanations  # with its figure drawn
    assert page.wait(180)
    assert said(page) == "Done." and page.progress.bar_style == "success"
    name = CLASSES[int(data.labels[0])].replace("<", "&lt;").replace(">", "&gt;")
    assert f"<h4>Image 0: {name}, classified rightly</h4>" in page.picture.value
    assert "Integrated Gradients · 50 steps" in page.picture.value
    assert "<svg" in page.picture.value and "currentColor" in page.picture.value
    assert re.search(
        r'<svg role="img" aria-label="Figure: image; [^"<]+Predictions', page.picture.value
    )
    assert page.run.disabled is False and page.stop.disabled is True


def test_controls_say_what_is_explained(
    page: ExplanationPage, data: ImageDataset, calls: list[tuple[Any, ...]]
) -> None:
    page.image.value = 3
    page.method.value = "lime"
    page.target.value = 2
    page.baseline.value = "white"
    page.segments.value = "7 × 7 grid"
    page.count.value = 30
    assert page.wait(180)
    inputs, targets, method, options = calls[-1]
    assert torch.equal(inputs, data.images[3:4]) and targets.tolist() == [[2]] and method == "lime"
    assert options["baseline"] == "white"
    assert options["samples"] == 30 and options["segments"] == "grid"
    page.target.value = None
    assert page.wait(180)
    scores = page._model(data.images[3:4])[0]
    low, second, high = scores.argsort().tolist()
    assert calls[-1][1].tolist() == [[int(data.labels[3]), high, second, low]]


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", "gradient"])
def test_a_baseline_is_what_explain_and_deletion_call_by_that_name(
    page: ExplanationPage,
    data: ImageDataset,
    drawn: list[tuple[Any, ...]],
    method: str,
    baseline: str,
) -> None:
    page.image.value, page.target.value = 3, 2
    page.method.value, page.baseline.value = method, baseline
    assert page.wait(180) and said(page) == "Done."
    options = {} if method == "gradient" else {"baseline": baseline}
    inputs = data.images[3:4]
    expected = explain(page._model, inputs, 2, method, **options)
    explanation, _, _, curves, *_ = drawn[-1]
    assert torch.equal(explanation.attributions, expected.attributions)
    curve = deletion(page._model, inputs, expected, fill=baseline)
    assert torch.equal(curves[method].scores, curve.scores)


def test_options_are_offered_where_a_method_has_them(page: ExplanationPage) -> None:
    assert page.count.description == "Steps" and page.segments.layout.visibility == "hidden"
    page.method.value = "kernel_shap"
    assert page.count.description == "Samples" and page.count.value == 1000
    assert page.segments.layout.visibility == "visible"
    page.method.value = "gradient"
    assert page.count.layout.visibility == "hidden" and page.baseline.description == "Deleted to"
    assert page.choice.count is None and page.choice.segments is None
    assert page.wait(180) and said(page) == "Done."


def test_a_result_is_computed_once(page: ExplanationPage, calls: list[tuple[Any, ...]]) -> None:
    pictures = []
    for method in ("gradient", "occlusion", "gradient"):
        page.method.value = method
        assert page.wait(180)
        pictures.append(page.picture.value)
    assert [call[2] for call in calls] == ["gradient", "occlusion"]
    assert pictures[0] == pictures[2] != pictures[1]


def test_a_slow_method_can_be_cancelled(page: ExplanationPage, model: Slow) -> None:
    before = page.picture.value
    start_slow(page)
    page.stop.click()
    assert page.wait(180)
    assert said(page).startswith("Cancelled.") and page.progress.bar_style == "warning"
    assert page.progress.value < 1 and page.picture.value == before
    assert "xaikit-stale" in page.picture._dom_classes and page.run.disabled is False
    for network in (model, page._model):
        assert all(parameter.requires_grad for parameter in network.parameters())
        assert not any(module._forward_hooks for module in network.modules())
    assert model.training
    page._model.pause = 0
    page.method.value = "gradient"
    assert page.wait(180) and said(page) == "Done." and "Gradient ·" in page.picture.value
    assert "xaikit-stale" not in page.picture._dom_classes


def test_a_newer_choice_takes_the_place_of_a_running_one(page: ExplanationPage) -> None:
    start_slow(page)
    page._model.pause = 0
    page.method.value = "occlusion"
    page.image.value = 2
    assert page.wait(180)
    assert said(page) == "Done." and "<h4>Image 2:" in page.picture.value
    assert "Occlusion ·" in page.picture.value
    assert all(choice.method != "kernel_shap" for choice in page._shown)


def test_what_is_impossible_is_one_sentence_and_the_next_choice_works(
    page: ExplanationPage,
) -> None:
    page.method.value = "grad_cam"  # the network has no convolution
    assert page.wait(180)
    assert "xaikit-error" in page.status.value and page.progress.bar_style == "danger"
    assert "conv" in said(page).lower() and "\n" not in said(page)
    page.method.value = "gradient"
    assert page.wait(180) and said(page) == "Done."


def test_the_next_misclassified_image_is_found(page: ExplanationPage) -> None:
    found = []
    for _ in range(3):
        page.wrong.click()
        assert page.wait(180)
        found.append(page.image.value)
    assert found == [4, 9, 4] and "taken for" in page.picture.value


def test_a_network_without_mistakes_is_said_to_have_none(model: Slow, data: ImageDataset) -> None:
    right = ImageDataset(data.images, model(data.images).argmax(1), CLASSES)
    page = explorer(model, right).explanations
    page.wrong.click()
    assert page.wait(180)
    assert page.image.value == 0 and "classifies every image rightly" in said(page)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(TypeError, match=r"model has to be a torch.nn.Module, not str"):
        explorer("fashion_mnist")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="data has to be an ImageDataset"):
        explorer(Slow(), torch.rand(3, 1, 8, 8))  # type: ignore[arg-type]
    empty = ImageDataset(torch.rand(0, 1, 8, 8), torch.zeros(0, dtype=torch.int64), CLASSES)
    with pytest.raises(ValueError, match="data holds no image"):
        explorer(Slow(), empty)

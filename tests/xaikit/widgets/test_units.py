"""The explorer's page of units without a browser, with units that a person can check."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import xaikit.widgets.pictures
import xaikit.widgets.units
from tests.legible import faults
from tests.xaikit.widgets.pages import said
from xaikit.concepts import dissect, maximise
from xaikit.core.passes import progress
from xaikit.data import ImageDataset
from xaikit.widgets import Explorer, explorer
from xaikit.widgets.excited import Layer, draw_concepts, drawn, exciting, measured, offered
from xaikit.widgets.units import UnitsPage

CLASSES = ["<left>", "right"]


def halves() -> nn.Sequential:
    """Unit 0 of its first layer is as bright as a place, unit 1 as dark; classes are two halves."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8, 2)
    )
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        model[0].bias.copy_(torch.tensor([0.0, 1.0]))
        model[4].weight.zero_()
        model[4].weight[0, [0, 2]] = 1
        model[4].weight[1, [1, 3]] = 1
        model[4].bias.zero_()
    return model


def pictures(number: int, seed: int, dark: float = 0.0) -> ImageDataset:
    """Return images on black: a rectangle at the left or the right, each a little brighter."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.zeros(number, 1, 16, 16)
    labels = torch.arange(number) % 2
    for k in range(number):
        at = 2 + 6 * int(labels[k])
        noise = 0.1 * torch.rand(12, 6, generator=generator)
        images[k, 0, 2:14, at : at + 6] = 0.3 + 0.6 * k / number + noise
    return ImageDataset((images + dark).clamp(0, 1), labels, CLASSES)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Iterator[Explorer]:
    # What the page of explanations shows is drawn in its own tests.
    monkeypatch.setattr(xaikit.widgets.pictures, "summary", lambda *_: Figure((1, 1)))
    whole = explorer(halves().train(), pictures(4, 0), pictures(40, 1))
    assert whole.wait(180)
    yield whole
    whole.units.stop.click()
    whole.wait(180)


@pytest.fixture
def page(whole: Explorer) -> UnitsPage:
    whole.selected_index = 3
    assert whole.wait(180)
    return whole.units


def test_the_page_opens_with_the_unit_that_the_image_excites_most(whole: Explorer) -> None:
    whole.explanations.image.value = 3
    assert whole.wait(180)
    assert "<svg" not in whole.units.picture.value, "nothing is computed before it is opened"
    whole.selected_index = 3
    assert whole.wait(180) and said(whole.units) == "Done."
    page = whole.units
    assert "<h4>Image 3: right</h4>" in page.picture.value
    assert page.layer.value.name == "2" and "of layer 2 (AdaptiveAvgPool2d)" in page.picture.value
    assert page.picture.value.count("<svg") == 1 and page.progress.bar_style == "success"
    assert page.number.layout.visibility == "hidden"


def test_most_excited_means_beside_the_training_images() -> None:
    # Dark places excite unit 1 more than bright ones unit 0: of a bright image, unit 0 stands out.
    model, data, training = halves(), pictures(4, 0), pictures(40, 1)
    layer = Layer("1", "ReLU", 2, maps=True)
    seen = measured(model, training, layer)
    own = model[:2](data.images[3:]).mean((2, 3))[0].detach()
    torch.testing.assert_close(
        seen.activations, model[:2](training.images).mean((2, 3)).detach(), rtol=0, atol=1e-6
    )
    assert own.argmax() == 1
    shown = exciting(model, data, training, seen, 3, layer, None)
    share = (training.images.mean((1, 2, 3)) < data.images[3].mean()).double().mean()
    assert "unit 0 of layer 1" in shown and f"more than for {share:.0%} of the" in shown


def test_layer_and_unit_can_be_chosen(page: UnitsPage) -> None:
    names = [label for label, _ in page.layer.options]
    assert names == [
        *("0 · Conv2d · 2 units", "1 · ReLU · 2 units", "2 · AdaptiveAvgPool2d · 2 units"),
        *("3 · Flatten · 8 units", "4 · Linear · 2 units"),
    ]
    page.unit.value = True
    assert page.wait(180) and page.number.layout.visibility == "visible"
    assert "unit 0 of layer 2" in page.picture.value
    page.number.value = 1
    assert page.wait(180) and said(page) == "Done." and "unit 1 of layer 2" in page.picture.value
    page.layer.value = page.layer.options[4][1]
    assert page.wait(180) and said(page) == "Done." and page.number.max == 1
    assert "unit 1 of layer 4 (Linear)" in page.picture.value
    assert "This layer has no maps" in page.picture.value


def test_the_strongest_training_images_stand_in_order_and_all_can_be_read() -> None:
    model, training = halves(), pictures(40, 1)
    layer = Layer("1", "ReLU", 2, maps=True)
    seen = measured(model, training, layer)
    made = maximise(model, layer="1", unit=0, data=training, steps=3)
    of_all = seen.activations[:, 0]
    figure = drawn(training.images[0], None, torch.tensor(0.5), made, training, of_all)
    assert seen.dissection is not None
    draw_concepts(figure.axes[3], seen.dissection, 0)
    best = of_all.argsort(descending=True)[:9].tolist()
    for axis, place in zip(figure.axes[4:], best, strict=True):
        assert axis.get_xlabel() == f"{float(of_all[place]):+.2g}"
        assert axis.get_title() == CLASSES[int(training.labels[place])]
        found = torch.tensor(axis.images[0].get_array()).view(16, 16)
        assert torch.equal(found, training.images[place, 0])
    bars = [bar.get_width() for bar in figure.axes[3].patches]
    assert bars == pytest.approx(seen.dissection.iou[0].tolist())
    assert faults(figure) == []


def test_a_unit_that_follows_a_planted_pattern_is_said_to_detect_it() -> None:
    model, training = halves(), pictures(40, 1)
    bright = torch.zeros(40, 16, 16, dtype=torch.bool)
    images = training.images.clamp(max=0.9)
    images[:3, :, 3:6, 3:6], bright[:3, 3:6, 3:6] = 1, True
    found = dissect(model, images, {"dot": bright}, layer="1")
    assert found.detects[0, 0]
    figure = Figure()
    draw_concepts(figure.add_subplot(), found, 0)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "dot\n(detected)"


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        (pictures(40, 1, dark=0.3), "measured on a black background"),
        (pictures(9, 1), "Concepts need at least 10 images"),
        (
            ImageDataset(torch.eye(8).repeat(20, 1, 1, 1), torch.zeros(20).long(), CLASSES),
            "10 × 10",
        ),
    ],
)
def test_images_without_concepts_get_a_sentence_and_the_rest(
    training: ImageDataset, sentence: str
) -> None:
    training.images[0, :, 4] = 0.5
    layer = Layer("1", "ReLU", 2, maps=True)
    seen = measured(halves(), training, layer)
    assert seen.dissection is None and sentence in seen.missing
    if training.images.shape[2] == 16:
        shown = exciting(halves(), pictures(4, 0), training, seen, 0, layer, 0)
        assert "no concept is compared" in shown and "<svg" in shown


def test_a_layer_that_runs_twice_is_not_offered() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.idle, self.last = nn.ReLU(), nn.ReLU(), nn.Linear(64, 2)

        def forward(self, images: Tensor) -> Tensor:
            return self.last(self.relu(self.relu(images)).flatten(1))

    assert [each.name for each in offered(Twice(), torch.rand(1, 8, 8))] == ["last"]


def test_it_can_be_cancelled(page: UnitsPage, monkeypatch: pytest.MonkeyPatch) -> None:
    before = page.picture.value

    def endless(*_: Any) -> str:
        end = time.monotonic() + 600
        with progress(1000, "steps") as tell:
            while time.monotonic() < end:
                tell(250)
                time.sleep(0.005)
        raise AssertionError("nobody cancelled")

    monkeypatch.setattr(xaikit.widgets.units, "exciting", endless)
    page.unit.value = True
    deadline = time.monotonic() + 180
    while "250 of 1 000" not in said(page) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert page.progress.value == 0.25 and not page.stop.disabled
    page.stop.click()
    assert page.wait(180) and said(page).startswith("Cancelled.")
    assert page.picture.value == before
    page.unit.value = False  # which is kept, so that nothing endless runs
    assert page.wait(180) and said(page) == "Done."


class Rows(nn.Module):
    """Has no layer at all."""

    def forward(self, images: Tensor) -> Tensor:
        return images[:, 0, :2].mean(2)


@pytest.mark.parametrize(
    ("model", "given", "sentence"),
    [
        (halves, False, "say what the network was trained on: explorer(model, data, training)."),
        (Rows, True, "this network has no layer of its own that runs once in a pass"),
    ],
)
def test_what_is_missing_is_one_sentence(
    model: Any, given: bool, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xaikit.widgets.pictures, "summary", lambda *_: Figure((1, 1)))
    made = explorer(model(), pictures(4, 0), pictures(40, 1) if given else None)
    made.selected_index = 3
    assert made.wait(180) and said(made.units).startswith(sentence)

"""The explorer's page of training data without a browser, with scores that a person can check."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import xaikit.widgets.examples
import xaikit.widgets.pictures
import xaikit.widgets.training_data
from tests.xaikit.widgets.pages import said
from xaikit.core.passes import progress
from xaikit.data import ImageDataset
from xaikit.influence import Influence
from xaikit.influence.registry import METHODS
from xaikit.widgets import Explorer, explorer
from xaikit.widgets.examples import drawn
from xaikit.widgets.training_data import TrainingPage

CLASSES = ["<top>", "bottom"]


class Halves(nn.Module):
    """Sees which half of an image is brighter."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Flatten()
        self.linear = nn.Linear(64, 2)
        with torch.no_grad():
            half = torch.cat([torch.ones(32), torch.zeros(32)])
            self.linear.weight.copy_(torch.stack([half, 1 - half]))
            self.linear.bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.flat(images))


def bright(halves: list[int], labels: list[int]) -> ImageDataset:
    """Return images of which one half is bright, a little more in each."""
    images = torch.zeros(len(halves), 1, 8, 8)
    for i, half in enumerate(halves):
        images[i, 0, 4 * half : 4 * half + 4] = 0.5 + 0.01 * i
    return ImageDataset(images, torch.tensor(labels), CLASSES)


@pytest.fixture
def data() -> ImageDataset:
    """Image 2 is labelled wrongly."""
    return bright([0, 1, 1], [0, 1, 0])


@pytest.fixture
def training() -> ImageDataset:
    """Images 6 and 7 are labelled wrongly."""
    return bright([0, 0, 0, 1, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1, 0, 1])


@pytest.fixture
def whole(
    data: ImageDataset, training: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Explorer]:
    # What the other pages show is drawn in their own tests, and what this one shows below.
    monkeypatch.setattr(xaikit.widgets.pictures, "summary", lambda *_: Figure((1, 1)))
    monkeypatch.setattr(xaikit.widgets.examples, "drawn", lambda *_: Figure((1, 1)))
    whole = explorer(Halves().train(), data, training)
    assert whole.wait(180)
    yield whole
    whole.training.stop.click()
    whole.wait(180)


@pytest.fixture
def page(whole: Explorer) -> TrainingPage:
    whole.selected_index = 2
    assert whole.wait(180)
    return whole.training


def test_the_page_opens_with_the_other_pages_image(whole: Explorer) -> None:
    whole.explanations.image.value = 1
    assert whole.wait(180)
    assert "<svg" not in whole.training.picture.value, "nothing is searched before it is opened"
    whole.selected_index = 2
    assert whole.wait(180) and said(whole.training) == "Done."
    page = whole.training
    assert "<h4>Image 1: bottom, classified rightly</h4>" in page.picture.value
    assert "Grad-Cos · loss of &#x27;bottom&#x27;" in page.picture.value
    assert "<svg" in page.picture.value and page.progress.bar_style == "success"


def test_the_asked_class_is_the_true_or_the_predicted_one(page: TrainingPage) -> None:
    page.image.value = 2
    assert page.wait(180)
    assert "<h4>Image 2: &lt;top&gt;, taken for bottom</h4>" in page.picture.value
    assert "loss of &#x27;&lt;top&gt;&#x27;" in page.picture.value
    page.asked.value = "predicted"
    assert page.wait(180) and said(page) == "Done."
    assert "loss of &#x27;bottom&#x27;" in page.picture.value


def test_every_method_shows_something(page: TrainingPage) -> None:
    for name, method in METHODS.items():
        page.method.value = name
        assert page.wait(180)
        assert f"<p>{method.title} · " in page.picture.value, said(page)
        assert said(page) == "Done."
        has = page.layers.layout.visibility == "visible"
        assert has == ("layers" in method.options)


def test_options_reach_the_methods_that_take_them(
    data: ImageDataset, training: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []

    def noted(*arguments: Any) -> str:
        calls.append((arguments[4], arguments[6]))
        return "<svg></svg>"

    monkeypatch.setattr(xaikit.widgets.training_data, "influential", noted)
    monkeypatch.setattr(xaikit.widgets.pictures, "summary", lambda *_: Figure((1, 1)))
    state = Halves().state_dict()
    made = explorer(Halves(), data, training, checkpoints=[state, state], learning_rates=[0.2, 0.1])
    made.selected_index = 2
    made.training.method.value = "tracin"
    made.training.layers.value = "all"
    assert made.wait(180)
    made.training.method.value = "exemplar"
    assert made.wait(180)
    method, options = calls[-2]
    assert method == "tracin" and options["layers"] == "all"
    assert options["learning_rates"] == [0.2, 0.1] and len(options["checkpoints"]) == 2
    assert "checkpoints" not in calls[-1][1]


def test_the_highest_scores_stand_above_the_lowest(training: ImageDataset) -> None:
    scores = torch.tensor([[3.0, -1.0, 0.5, -4.0, 2.0, 0.0, -2.0, 1.0]])
    figure = drawn(training.images[0], "<top>", training, Influence(scores, "planted", 0.1, {}))
    shown = [axis for axis in figure.axes if axis.get_xlabel()]
    assert [axis.get_xlabel() for axis in shown[:5]] == ["+3", "+2", "+1", "+0.5", "+0"]
    assert [axis.get_xlabel() for axis in shown[5:]] == ["-4", "-2", "-1", "+0", "+0.5"]
    assert [axis.get_title() for axis in shown[:2]] == ["<top>", "bottom"]
    for axis, place in zip(shown[5:7], (3, 6), strict=True):
        assert torch.equal(
            torch.tensor(axis.images[0].get_array()).view(8, 8), training.images[place, 0]
        )


def test_a_search_can_be_cancelled_and_a_result_is_searched_once(
    page: TrainingPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = page.picture.value

    def endless(*_: Any) -> str:
        end = time.monotonic() + 600
        with progress(1000, "rows") as tell:
            while time.monotonic() < end:
                tell(250)
                time.sleep(0.005)
        raise AssertionError("nobody cancelled")

    monkeypatch.setattr(xaikit.widgets.training_data, "influential", endless)
    page.method.value = "grad_dot"
    deadline = time.monotonic() + 180
    while "250 of 1 000" not in said(page) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert page.progress.value == 0.25 and not page.stop.disabled
    page.stop.click()
    assert page.wait(180) and said(page).startswith("Cancelled.")
    assert page.picture.value == before
    page.method.value = "grad_cos"  # which is kept, so that nothing endless runs
    assert page.wait(180) and said(page) == "Done."


def test_a_network_whose_training_data_nobody_named_is_one_sentence(
    data: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xaikit.widgets.pictures, "summary", lambda *_: Figure((1, 1)))
    made = explorer(Halves(), data)
    made.selected_index = 2
    assert made.wait(180)
    assert said(made.training) == (
        "say what the network was trained on: explorer(model, data, training)."
    )


def test_bad_arguments_are_named(data: ImageDataset) -> None:
    with pytest.raises(TypeError, match="training has to be an ImageDataset"):
        explorer(Halves(), data, (data.images, data.labels))  # type: ignore[arg-type]
    empty = ImageDataset(torch.rand(0, 1, 8, 8), torch.zeros(0, dtype=torch.int64), CLASSES)
    with pytest.raises(ValueError, match="training holds no image"):
        explorer(Halves(), data, empty)

"""Odd networks and data on the explorer's page of training data: one sentence, and it goes on."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import xaikit.widgets.examples
import xaikit.widgets.pictures
from tests.xaikit.widgets.pages import said
from xaikit.data import ImageDataset
from xaikit.influence.registry import METHODS
from xaikit.widgets import Explorer, explorer
from xaikit.widgets.training_data import TrainingPage

DRAW = torch.Generator().manual_seed(0)
CLASSES = ["a", "b", "c"]
NOT_SHOWN = "cannot be shown: pixels have to lie in [0, 1]"


def images(number: int, classes: int = 3, shape: tuple[int, ...] = (1, 8, 8)) -> ImageDataset:
    labels = torch.arange(number) % classes
    return ImageDataset(torch.rand(number, *shape, generator=DRAW), labels, CLASSES)


def network(classes: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, classes))


class NoLinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 3, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.convolution(inputs).mean((2, 3))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a function that opens the page of an explorer."""
    monkeypatch.setattr(xaikit.widgets.pictures, "summary", lambda *_: Figure((1, 1)))
    opened: list[Explorer] = []

    def open_page(*arguments: Any, **options: Any) -> TrainingPage:
        whole = explorer(*arguments, **options)
        opened.append(whole)
        whole.selected_index = 2
        assert whole.wait(180)
        return whole.training

    yield open_page
    for whole in opened:
        whole.training.stop.click()
        whole.wait(180)


def says(page: TrainingPage, method: str = "grad_cos", layers: str = "last") -> str:
    """Choose, and return the page's sentence when it is ready for the next choice."""
    page.layers.value, page.method.value = layers, method
    page.run.click()
    assert page.wait(180)
    assert not page.run.disabled and page.stop.disabled
    return html.unescape(said(page))


def usable(page: TrainingPage) -> None:
    assert says(page, "grad_cos", "all") == "Done."
    assert "<svg" in page.picture.value and page.progress.bar_style == "success"


def test_a_network_without_a_linear_layer_says_where_to_go(made: Any) -> None:
    page = made(NoLinear(), images(3), images(9))
    for name, method in METHODS.items():
        cure = 'use layers="all".'
        if "layers" not in method.options:
            cure = 'choose a method with layers="all", such as grad_cos.'
        assert says(page, name).endswith(cure)
    usable(page)


def test_a_network_of_one_logit_shows_all_layers_with_its_own_checkpoints(
    made: Any, tmp_path: Path
) -> None:
    model = network(1)
    torch.save(model.state_dict(), tmp_path / "last.pt")
    data = ImageDataset(images(4).images, torch.arange(4) % 2, ["no", "yes"])
    options = {"checkpoints": [tmp_path / "last.pt"], "learning_rates": [0.1]}
    page = made(model, data, data, **options)
    assert says(page, "tracin", "all") == "Done."
    assert says(page, "exemplar") == "Done."
    usable(page)


def test_training_images_without_names_have_those_of_the_data(made: Any) -> None:
    plain = ImageDataset(images(9).images, torch.arange(9) % 3, [])
    page = made(network(), images(3), plain)
    usable(page)
    assert plain.classes == [], "the data set itself stays as it is"


def test_labels_beyond_the_names_are_one_sentence(made: Any) -> None:
    page = made(network(), images(3), ImageDataset(images(9).images, torch.arange(9), []))
    assert says(page) == "label 8 is out of range: there are names of 3 classes, 0 to 2."


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        (images(9, shape=(1, 9, 9)), "the training images have shape (1, 9, 9) each"),
        (images(9, shape=(3, 8, 8)), "the training images have shape (3, 8, 8) each"),
        (images(1), "leave_one_out needs two training examples at least"),
    ],
)
def test_training_sets_of_another_form_are_one_sentence(
    made: Any, training: ImageDataset, sentence: str
) -> None:
    page = made(network(), images(3), training)
    assert says(page, "leave_one_out").startswith(sentence)


def test_an_image_outside_the_range_is_named_before_the_search(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, training = images(2), images(9)
    data.images[1] *= 5
    page = made(network(), data, training)
    usable(page)
    page.image.value = 1
    assert says(page).startswith(f"image 1 {NOT_SHOWN}")
    page.image.value = 0
    training.images[4] *= 5
    assert says(page, "exemplar").startswith(f"training image 4 {NOT_SHOWN}")
    training.images[0] *= 5

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("nothing is searched in vain")

    monkeypatch.setattr(xaikit.widgets.examples, "influence", never)
    assert says(page, "grad_dot").startswith(f"training image 0 {NOT_SHOWN}")
    usable(page)  # what was shown is kept


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_of_network_and_images(made: Any, kind: torch.dtype) -> None:
    data, training = images(2), images(9)
    usable(made(network().to(kind), data, training))
    data.images, training.images = data.images.to(kind), training.images.to(kind)
    usable(made(network(), data, training))


@pytest.mark.parametrize("number", [1, 2])
def test_every_method_shows_a_training_set_of_one_or_two(made: Any, number: int) -> None:
    page = made(network(), images(1), images(number))
    for name in METHODS:
        if name != "leave_one_out" or number > 1:
            assert says(page, name) == "Done."
    usable(page)


def test_checkpoints_of_another_network_leave_the_other_methods(made: Any, tmp_path: Path) -> None:
    torch.save(network(5).state_dict(), tmp_path / "other.pt")
    page = made(network(), images(2), images(9), checkpoints=[tmp_path / "other.pt"])
    for method in ("tracin", "trak"):
        assert says(page, method).startswith("checkpoint 0 is of another architecture")
    usable(page)
    page = made(network(), images(2), images(9), checkpoints=[tmp_path / "none.pt"])
    assert says(page, "tracin").endswith("none.pt, which is no file: correct the path.")
    usable(page)


@pytest.mark.parametrize("method", ["influence_function", "leave_one_out"])
def test_a_step_of_hours_can_be_cancelled_in_its_middle(made: Any, method: str) -> None:
    """The Hessian's first rows, or a training on all images, would take hours."""
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 300), nn.ReLU(), nn.Linear(300, 3))
    page = made(wide, images(1), images(20_000))
    page.layers.value, page.method.value = "all", method
    while " 0 of " not in said(page):
        assert not page.wait(0.05), "it is at work"
    start = time.process_time()
    page.stop.click()
    assert page.wait(600) and said(page).startswith("Cancelled.")
    assert time.process_time() - start < 60
    usable(page)

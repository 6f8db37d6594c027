"""The explorer's page of counterfactuals without a browser, with a search whose result is known."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import xaikit.widgets.pictures
from tests.xaikit.widgets.pages import said
from xaikit import counterfactual
from xaikit.core.passes import observed, progress
from xaikit.core.registry import Entry, register
from xaikit.counterfactuals.registry import METHODS
from xaikit.counterfactuals.search import Search
from xaikit.data import ImageDataset
from xaikit.widgets import Explorer, explorer
from xaikit.widgets.changes import NONE, _figure, title_of
from xaikit.widgets.counterfactuals import CounterfactualPage

CLASSES = ["<top>", "right", "bottom", "left"]


class Quarters(nn.Module):
    """Sees which of four rows of an 8 × 8 image is the brightest: one that a person can check."""

    def forward(self, images: Tensor) -> Tensor:
        return 9 * images[:, 0, ::2].mean(2)


searched: list[tuple[int, list[int]]] = []


def planted(problem: Search) -> tuple[Tensor, Tensor]:
    """Brighten the target's row to 1 and darken all else: but never find class 3."""
    searched.append((len(problem.inputs), problem.targets[0].tolist()))
    rows, targets = problem.items()
    made = torch.zeros_like(problem.inputs[rows])
    for item, target in enumerate(targets.tolist()):
        made[item, 0, 2 * target] = 1
    return problem.grid(made), problem.grid(targets != 3)


def endless(problem: Search) -> tuple[Tensor, Tensor]:
    """Ask the network until it is cancelled, for ten minutes at most."""
    end = time.monotonic() + 600
    with progress(1000, "steps") as tell:
        while time.monotonic() < end:
            tell(250)
            problem.probabilities(problem.inputs)
            time.sleep(0.005)
    raise AssertionError("nobody cancelled")


def impossible(problem: Search) -> tuple[Tensor, Tensor]:
    raise ValueError("there is no generator for this network: train one.\nsecond line")


@pytest.fixture
def data() -> ImageDataset:
    """Image i is bright in row 2 · i, and labelled so; image 2 is labelled wrongly."""
    images = torch.zeros(4, 1, 8, 8)
    for i in range(4):
        images[i, 0, 2 * i] = 0.5
    return ImageDataset(images, torch.tensor([0, 1, 0, 3]), CLASSES)


@pytest.fixture
def whole(data: ImageDataset, monkeypatch: pytest.MonkeyPatch) -> Iterator[Explorer]:
    for method in list(METHODS):
        monkeypatch.delitem(METHODS, method)
    for method in (planted, endless, impossible):
        own: dict[str, Entry] = {}
        register(own, Entry, method.__name__, paper="", needs=("outputs",))(method)
        monkeypatch.setitem(METHODS, method.__name__, own[method.__name__])
    # What the other page shows is drawn in its own tests.
    monkeypatch.setattr(xaikit.widgets.pictures, "summary", lambda *_: Figure((1, 1)))
    searched.clear()
    whole = explorer(Quarters().train(), data)
    assert whole.wait(180)
    yield whole
    whole.counterfactuals.stop.click()
    whole.wait(180)


@pytest.fixture
def page(whole: Explorer) -> CounterfactualPage:
    whole.selected_index = 1
    assert whole.wait(180)
    return whole.counterfactuals


def start_endless(page: CounterfactualPage) -> None:
    """Choose what never ends, and see it run."""
    page.method.value = "endless"
    deadline = time.monotonic() + 180
    while " passes" not in said(page) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert " passes" in said(page) and not page.stop.disabled
    assert page.progress.value == 0.25


def test_nothing_is_searched_before_the_page_is_opened(whole: Explorer) -> None:
    whole.explanations.image.value = 1
    assert whole.wait(180) and searched == []
    whole.selected_index = 1
    assert whole.wait(180) and searched == [(1, [0, 2, 3])]
    assert whole.counterfactuals.image.value == 1, "the other page's image"
    whole.counterfactuals.image.value = 3
    assert whole.wait(180)
    whole.selected_index = 0
    assert whole.wait(180)
    assert "<h4>Image 3: left, classified rightly</h4>" in whole.explanations.picture.value


def test_a_search_tells_how_far_it_is(
    data: ImageDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[int, int]] = []
    with observed(lambda done, total: told.append((done, total))):
        counterfactual(Quarters(), data.images[:2], [[1, 2, 3]] * 2, "wachter", steps=40, chunk=4)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[0] == (0, 240) and told[-1] == (240, 240) and len(set(told)) > 20
    assert capsys.readouterr().err == "", "whoever observes shows it"


def test_every_other_class_is_searched_and_what_is_missing_is_said(
    page: CounterfactualPage,
) -> None:
    assert said(page) == "Done." and page.progress.bar_style == "success"
    assert "<h4>Image 0: &lt;top&gt;</h4>" in page.picture.value
    assert "planted · 2 of 3 found" in page.picture.value
    assert "<svg" in page.picture.value and "currentColor" in page.picture.value
    page.image.value = 2
    assert page.wait(180)
    assert "<h4>Image 2: &lt;top&gt;, taken for bottom</h4>" in page.picture.value
    assert searched[-1] == (1, [0, 1, 3])


def test_a_result_is_searched_once(page: CounterfactualPage) -> None:
    for image in (1, 0, 1):
        page.image.value = image
        assert page.wait(180)
    assert len(searched) == 2


def test_each_counterfactual_stands_above_its_change_and_the_missing_one_is_grey(
    data: ImageDataset, whole: Explorer
) -> None:
    result = counterfactual(Quarters(), data.images[:1], torch.tensor([[1, 2, 3]]), "planted")
    figure = _figure(result, torch.tensor([0.75, 0.5, 0.25]), CLASSES)
    axes = {axis.get_title(): axis for axis in figure.axes if axis.get_title()}
    shown = {name: axes[name].images[0].get_array() for name in ("right", "left")}
    assert (shown["right"][2] == 1).all() and shown["right"].sum() == 8
    assert (shown["left"] == NONE).all(), "class 3 was not found"
    # 8 pixels go from 0.5 to 0 (blue), 8 from 0 to 1 (red): L1 = 4 + 8.
    change = axes["L1 12, p 0.75"].images[0].get_array()
    assert (change[0] == -0.5).all() and (change[2] == 1).all() and abs(change).sum() == 12
    assert axes["L1 12, p 0.50"].images and not [t for t in axes if t.endswith("p 0.25")]
    assert [t.get_text() for axis in figure.axes for t in axis.texts] == ["none found"]


def test_a_search_can_be_cancelled_and_a_newer_choice_takes_its_place(
    whole: Explorer, page: CounterfactualPage
) -> None:
    before = page.picture.value
    start_endless(page)
    page.stop.click()
    assert page.wait(180)
    assert said(page).startswith("Cancelled.") and "press Search" in said(page)
    assert page.picture.value == before and "xaikit-stale" in page.picture._dom_classes
    page.run.click()
    page.method.value = "planted"
    assert page.wait(180) and said(page) == "Done."
    assert "xaikit-stale" not in page.picture._dom_classes
    assert not page._model._forward_pre_hooks
    start_endless(page)
    whole.selected_index = 0  # leaving the page ends its search, too
    assert whole.wait(180) and said(page).startswith("Cancelled.")
    assert "Done." in whole.explanations.status.value


def test_what_is_impossible_is_one_sentence(page: CounterfactualPage) -> None:
    page.method.value = "impossible"
    assert page.wait(180)
    assert "xaikit-error" in page.status.value and page.progress.bar_style == "danger"
    assert said(page) == "there is no generator for this network: train one."


def test_every_search_of_the_package_has_a_title() -> None:
    assert {name: title_of(name) for name in METHODS} == {
        "wachter": "Wachter et al.",
        "prototype": "Guided by prototypes",
        "rl": "Reinforcement learning",
    }

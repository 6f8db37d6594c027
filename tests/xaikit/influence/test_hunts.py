"""Hunts beside counting by hand, and labels that are wrong on purpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from xaikit import influence, load_pretrained
from xaikit.backdoors import poison, trigger_of
from xaikit.data import ImageDataset
from xaikit.influence import study
from xaikit.influence.hunts import _precisions, average_precision
from xaikit.influence.mislabelling import mislabel


def test_average_precision_counted_by_hand() -> None:
    # Wanted ones at the places 1, 3 and 4: 1/1, 2/3 and 3/4.
    found = average_precision([9.0, 8.0, 7.0, 6.0, 5.0], [1, 0, 1, 1, 0], repeats=5)
    assert found.score == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert average_precision([2.0, 2.0, 2.0, 2.0], [1, 0, 0, 0], repeats=5).score == 0.25
    low, high = found.interval
    assert str(found) == f"{found.score:.3f} ({low:.3f} to {high:.3f})"


def test_every_draw_is_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    wanted, scores = rng.random(50) < 0.3, rng.integers(0, 12, 50).astype(float)  # many are equal
    assert average_precision(scores, wanted, repeats=1).score == pytest.approx(
        average_precision_score(wanted, scores)
    )
    times = rng.integers(0, 3, (5, 50))
    for row in times:
        drawn = np.repeat(np.arange(50), row)
        expected = average_precision_score(wanted[drawn], scores[drawn])
        scale = wanted.sum() / wanted[drawn].sum()
        (found,) = _precisions(scores, wanted, row[None].astype(float))
        assert found * scale == pytest.approx(expected)


def test_the_interval_holds_the_score_of_all_examples_that_the_few_are_drawn_from() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted = torch.arange(40_000) % 10 == 0
    scores = torch.randn(40_000, generator=generator) + wanted
    whole = average_precision(scores, wanted, repeats=1).score
    inside = 0
    for part in torch.randperm(40_000, generator=generator).view(100, 400)[:40]:
        low, high = average_precision(scores[part], wanted[part], repeats=200).interval
        inside += low <= whole <= high
    assert inside >= 33, "95 % of 40 are 38; fewer than 33 have a probability of 0.3 %"


def test_the_same_seed_draws_the_same_examples_for_two_orders() -> None:
    wanted = torch.arange(60) % 4 == 0
    scores = torch.randn(60, generator=torch.Generator().manual_seed(1)) + wanted
    a = average_precision(scores, wanted, repeats=20)
    same = average_precision(2 * scores + 3, wanted, repeats=20)  # the same order
    other = average_precision(scores, wanted, repeats=20, seed=1)
    assert torch.equal(a.draws, same.draws) and not torch.equal(a.draws, other.draws)
    assert len(a.draws) == 20 and a.interval[0] < a.score < a.interval[1]


@pytest.mark.parametrize(
    ("scores", "wanted", "sentence"),
    [
        ([1.0, 2.0], [True], "2 scores but 1 entries of wanted"),
        ([1.0, math.nan], [True, False], "scores hold nan or infinity"),
        ([1.0, 2.0], [False, False], "none of the 2 examples are wanted"),
        ([1.0, 2.0], [True, True], "all of the 2 examples are wanted"),
        ([1.0, 2.0], [0.5, 1], "wanted has to be True or False"),
        ([[1.0, 2.0]], [True, False], r"scores have to be \(N,\)"),
        ([], [], r"scores have to be \(N,\)"),
        ("high", [True, False], r"scores have to be \(N,\)"),
    ],
)
def test_bad_input_is_one_sentence(scores: Any, wanted: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        average_precision(scores, wanted)
    assert "\n" not in str(caught.value)


class Brightness(nn.Module):
    """Finds class c the likelier, the nearer the first pixel is to c / 4."""

    def forward(self, images: Tensor) -> Tensor:
        centres = torch.arange(5) / 4
        return -(images[:, 0, 0, :1] - centres).abs()


@pytest.fixture
def data() -> ImageDataset:
    """Images of class c have a pixel just above c / 4: their other neighbour is c + 1."""
    labels = torch.arange(100) % 5
    images = (labels / 4 + 0.01).clamp(max=1).view(-1, 1, 1, 1)
    return ImageDataset(images, labels, list("abcde"), "made")


def test_a_wrong_label_is_the_class_next_to_the_right_one(data: ImageDataset) -> None:
    before = data.labels.clone()
    wrong = mislabel(data, Brightness(), rate=0.3)
    assert int(wrong.mislabelled.sum()) == 30 and wrong.source == "made"
    assert torch.equal(wrong.true_labels, before) and torch.equal(data.labels, before)
    neighbour = torch.where(before == 4, 3, before + 1)
    expected = torch.where(wrong.mislabelled, neighbour, before)
    assert torch.equal(wrong.labels, expected) and torch.equal(wrong.images, data.images)
    again, other = mislabel(data, Brightness(), 0.3), mislabel(data, Brightness(), 0.3, seed=1)
    assert torch.equal(wrong.mislabelled, again.mislabelled)
    assert not torch.equal(wrong.mislabelled, other.mislabelled)
    assert not mislabel(data, Brightness(), 0).mislabelled.any()


@pytest.mark.parametrize(
    ("change", "rate", "sentence"),
    [
        ({}, 1.5, "rate of wrong labels"),
        ({"labels": torch.full((100,), 7)}, 0.1, "label 7 is out of range"),
        ({"images": torch.zeros(0, 1, 1, 1), "labels": torch.zeros(0).long()}, 0.1, "no image"),
    ],
)
def test_what_cannot_be_mislabelled_is_one_sentence(
    data: ImageDataset, change: dict[str, Tensor], rate: float, sentence: str
) -> None:
    parts = {"images": data.images, "labels": data.labels} | change
    with pytest.raises(ValueError, match=sentence):
        mislabel(ImageDataset(**parts, classes=data.classes), Brightness(), rate)


def test_grad_cos_of_ten_triggered_images_finds_the_poison() -> None:
    """Notebook 06's poison: notebook 04's network, and its square in 120 images of all classes."""
    here, victim = study(), load_pretrained("fashion_mnist_poisoned")
    square, target = trigger_of(victim.card["trigger"]), victim.card["target"]
    suspected = poison(here.training, square, target, rate=0.12)
    others = here.test.images[here.test.labels != target]
    triggered = square(others[::18])
    assert len(triggered) == 10 and (victim(triggered).argmax(1) == target).all()
    asked = (victim, triggered, torch.full((10,), target), suspected, "grad_cos")
    scores = influence(*asked, layers="all").scores
    top = scores.mean(0).topk(100).indices
    assert suspected.poisoned[top].double().mean() >= 0.95

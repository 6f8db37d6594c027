"""Localisation, mosaics, stickers and rationales by hand, by loops and by scikit-learn."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from by_hand import explained
from sklearn.metrics import f1_score
from torch import Tensor, nn

from xaikit import explain
from xaikit.metrics import (
    localisation,
    mosaics,
    plant_stickers,
    pointing_game,
    rank_accuracy,
    token_f1,
)


def test_localisation_by_hand() -> None:
    maps = torch.tensor([[[[1.0, -5], [2, 1]]], [[[-1, 0], [0, -1]]]]).unsqueeze(2)
    mask = torch.tensor([[[True, True], [False, True]]] * 2)
    found = localisation(explained(maps), mask)
    assert found[0].item() == 0.5 and found[1].isnan()


def test_each_target_may_have_a_mask_of_its_own() -> None:
    maps = torch.tensor([[[3.0, 1, 0], [3, 1, 0]]])
    mask = torch.tensor([[[True, False, False], [False, True, False]]])
    assert localisation(explained(maps), mask).tolist() == [[0.75, 0.25]]
    assert pointing_game(explained(maps), mask).tolist() == [[1, 0]]
    assert rank_accuracy(explained(maps), mask).tolist() == [[1, 0]]


def test_pointing_and_ranks_by_the_loop() -> None:
    torch.manual_seed(0)
    maps, mask = torch.randn(5, 3, 2, 6, 7), torch.rand(5, 6, 7) < 0.3
    hits, ranks = pointing_game(explained(maps), mask), rank_accuracy(explained(maps), mask)
    for i in range(5):
        for t in range(3):
            values, inside = maps[i, t].sum(0).flatten().numpy(), mask[i].flatten().numpy()
            order = np.argsort(-values)
            assert hits[i, t].item() == float(inside[order[0]])
            expected = inside[order[: inside.sum()]].mean()
            assert ranks[i, t].item() == pytest.approx(expected, abs=1e-6)
    assert 0 < hits.mean() < 1


def test_equal_values_count_as_if_drawn_by_lot() -> None:
    """The mean over every way to fill the places on the border, by enumeration."""
    values = torch.tensor([[[5.0, 2, 2, 2, 2, 0]]])
    mask = torch.tensor([[True, True, False, True, False, False]])
    ties, free = (1, 2, 3, 4), 2
    hits = [1 + sum(bool(mask[0, i]) for i in pick) for pick in combinations(ties, free)]
    assert rank_accuracy(explained(values), mask).item() == pytest.approx(np.mean(hits) / 3)
    flat = explained(torch.ones(1, 1, 6))
    assert pointing_game(flat, mask).item() == rank_accuracy(flat, mask).item() == 0.5
    assert rank_accuracy(flat, torch.zeros(1, 6).bool()).isnan().all()


def test_a_black_background_gives_every_product_with_the_input_full_marks() -> None:
    """The flaw: an untrained network's map lies in the object's outline by construction."""
    x = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    x[:, :, :, :4] = 0
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    outline = x[:, 0] > 0
    times_input = explain(model, x, [[0, 1]] * 4, "input_x_gradient")
    assert torch.equal(localisation(times_input, outline), torch.ones(4, 2))
    assert (localisation(explain(model, x, 0, "gradient"), outline) < 0.8).all()
    everything = torch.ones(4, 8, 8, dtype=torch.bool)  # A large mask: all maps look good.
    assert (rank_accuracy(explain(model, x, 0, "gradient"), everything) == 1).all()


def test_one_pixel_wins_the_pointing_game_and_order_alone_the_ranks() -> None:
    """The flaws: nearly all of these maps lies outside the mask."""
    mask = torch.tensor([[True, True, False, False]])
    pointing = explained(torch.tensor([[[1.01, 0, 1, 1]]]))
    ranking = explained(torch.tensor([[[1.02, 1.01, 1, 1]]]))
    assert pointing_game(pointing, mask).item() == 1
    assert rank_accuracy(pointing, mask).item() == 0.5
    assert localisation(pointing, mask).item() < 0.4
    assert rank_accuracy(ranking, mask).item() == 1
    assert localisation(ranking, mask).item() < 0.51


@pytest.fixture
def photographs() -> tuple[Tensor, Tensor]:
    """Twelve images (12, 2, 3, 5) of three classes, and one of a class of its own."""
    return torch.rand(13, 2, 3, 5), torch.tensor([7, 2, 4] * 4 + [9])


def test_mosaics_hold_two_images_of_each_of_two_classes(
    photographs: tuple[Tensor, Tensor],
) -> None:
    images, labels = photographs
    made = mosaics(images, labels, 40, seed=1)
    assert made.images.shape == (40, 2, 6, 10) and made.masks.shape == (40, 2, 6, 10)
    corners = [(0, 0), (0, 5), (3, 0), (3, 5)]
    for m in range(40):
        assert len(set(made.sources[m].tolist())) == 4
        owners = labels[made.sources[m]].tolist()
        first, second = made.targets[m].tolist()
        assert first != second and sorted(owners) == sorted([first, first, second, second])
        for (top, left), source, owner in zip(
            corners, made.sources[m].tolist(), owners, strict=True
        ):
            cell = (slice(top, top + 3), slice(left, left + 5))
            assert torch.equal(made.images[m, :, cell[0], cell[1]], images[source])
            assert made.masks[m, 0][cell].eq(owner == first).all()
            assert made.masks[m, 1][cell].eq(owner == second).all()
    # Every class and every arrangement occurs.
    assert set(made.targets.flatten().tolist()) == {2, 4, 7}
    assert len({tuple(mask[0, ::3, ::5].flatten().tolist()) for mask in made.masks}) == 6
    again = mosaics(images, labels, 40, seed=1)
    assert torch.equal(made.images, again.images)
    assert not torch.equal(made.sources, mosaics(images, labels, 40).sources)


def test_focus_is_the_share_of_positive_relevance_on_the_targets_two_images(
    photographs: tuple[Tensor, Tensor],
) -> None:
    made = mosaics(*photographs, 6)
    maps = torch.randn(6, 2, 2, 6, 10)
    found = localisation(explained(maps, made.targets), made.masks)
    labels = photographs[1]
    for m in range(6):
        for t in range(2):
            summed = maps[m, t].sum(0).clamp(min=0)
            quarters = [summed[:3, :5], summed[:3, 5:], summed[3:, :5], summed[3:, 5:]]
            owners = labels[made.sources[m]] == made.targets[m, t]
            inside = sum(q.sum() for q, own in zip(quarters, owners, strict=True) if own)
            assert found[m, t].item() == pytest.approx((inside / summed.sum()).item(), abs=1e-6)


def test_stickers_lie_where_the_mask_is_and_nowhere_else() -> None:
    images, sticker = torch.rand(50, 2, 6, 7), torch.full((2, 2, 3), 2.0)
    before = images.clone()
    planted, masks = plant_stickers(images, sticker)
    assert torch.equal(images, before) and masks.dtype == torch.bool
    assert masks.sum((1, 2)).eq(6).all()
    on = masks.unsqueeze(1).expand(images.shape)
    assert planted[on].eq(2).all() and torch.equal(planted[~on], images[~on])
    assert masks.any(0).all()  # Every pixel is reached by some place.
    assert torch.equal(masks, plant_stickers(images, sticker)[1])
    # A network that reads only the sticker, and a map that points to it.
    model = nn.Sequential(nn.Flatten(), nn.Threshold(1.5, 0.0), nn.Linear(84, 1, bias=False))
    nn.init.ones_(model[2].weight)
    answer = explain(model, planted, 0, "input_x_gradient")
    assert localisation(answer, masks).eq(1).all() and pointing_game(answer, masks).eq(1).all()


@pytest.mark.parametrize("tokens", [None, 3])
def test_token_f1_is_scikit_learns(tokens: int | None) -> None:
    torch.manual_seed(0)
    embeddings, marked = torch.randn(4, 2, 9, 5), torch.rand(4, 9) < 0.4
    found = token_f1(explained(embeddings), marked, tokens=tokens)
    norms = embeddings.square().sum(3).sqrt()
    for i in range(4):
        for t in range(2):
            many = tokens or int(marked[i].sum())
            chosen = np.zeros(9, dtype=bool)
            chosen[np.argsort(-norms[i, t].numpy())[:many]] = True
            expected = f1_score(marked[i].numpy(), chosen)
            assert found[i, t].item() == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(token_f1(explained(norms), marked, tokens=tokens), found)
    assert token_f1(explained(norms), torch.zeros(4, 9).bool(), tokens=tokens).isnan().all()


def test_a_plausible_map_need_not_be_faithful() -> None:
    """The flaw: the network reads the last word alone, and the person's words score full marks."""
    model = nn.Linear(4, 1, bias=False)
    model.weight.data = torch.tensor([[0.0, 0, 0, 1]])
    x, marked = torch.ones(1, 4), torch.tensor([[True, True, False, False]])
    faithful = explain(model, x, 0, "input_x_gradient")
    plausible = explained(torch.tensor([[[1.0, 1, 0, 0]]]))
    assert token_f1(plausible, marked).item() == 1 > token_f1(faithful, marked, tokens=1).item()


MAP, IMAGES = torch.rand(2, 1, 4), torch.rand(4, 1, 3, 3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: localisation(explained(MAP), MAP[:, 0]), "mask has to be boolean"),
        (lambda: pointing_game(explained(MAP), torch.ones(2, 3).bool()), "mask has to be boolean"),
        (lambda: rank_accuracy(explained(MAP), torch.ones(4).bool()), "mask has to be boolean"),
        (lambda: mosaics(IMAGES, torch.zeros(4).long(), 1), "at least two classes"),
        (lambda: mosaics(IMAGES, torch.zeros(3).long(), 1), "a label for each"),
        (lambda: mosaics(IMAGES, torch.tensor([0, 0, 1, 1]), 0), "count has to be at least 1"),
        (lambda: plant_stickers(IMAGES, torch.ones(1, 4, 1)), "does not fit"),
        (lambda: plant_stickers(IMAGES, torch.ones(2, 1, 1)), "as many channels"),
        (lambda: token_f1(explained(MAP), torch.ones(2, 4)), "rationale has to be boolean"),
        (lambda: token_f1(explained(MAP), torch.ones(2, 4).bool(), tokens=5), "at most 4"),
        (lambda: token_f1(explained(IMAGES.unsqueeze(1)), torch.ones(4, 3).bool()), "needs attrib"),
    ],
)
def test_a_mistake_gets_one_sentence(call: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()

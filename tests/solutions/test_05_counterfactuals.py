"""Notebook 05: its four kinds of answers, and its references against a pencil."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from kinds import (  # noqa: F401 - tests
    test_a_message_tells_nothing_of_a_reference,
    test_a_plausible_mistake_costs,
    test_a_right_answer_earns_all,
    test_a_right_answer_passes_the_visible_checks,
    test_an_answer_of_another_type_is_wrong_not_an_error,
    test_the_visible_check_says_one_thing_of_any_answer,
    test_what_costs_no_thought_earns_nothing,
    test_what_the_visible_check_accepts_grading_reads,
)
from scipy import stats
from scoring import mark, verdict

from autograde.notebooks.source import Source

NAME = "05_counterfactuals"


# --- references against a pencil ------------------------------------------------------------------


def test_the_projection_of_a_pencil(source: Source) -> None:
    # x = (3, 4), w = (3, 4), b = 0: f = 25, w·w = 25, so x* is the origin; with margin 1, −x.
    x = torch.tensor([3.0, 4.0])
    for margin, wanted in ((0.0, [0.0, 0.0]), (1.0, [-3.0, -4.0])):
        assert verdict(source, "nearest-l2", (x, x, 0.0, margin), np.array(wanted)) == 1
        assert verdict(source, "nearest-l2", (x, x, 0.0, margin), np.array(wanted) + 0.1) == 0


def test_the_cheapest_feature_of_a_pencil(source: Source) -> None:
    # f = 1·2 + 4·1 − 2 = 4; feature 1 alone: −1; with feature 1 blocked, feature 0 alone: −4.
    x, weight = torch.tensor([2.0, 1.0]), torch.tensor([1.0, 4.0])
    both, first = torch.tensor([True, True]), torch.tensor([True, False])
    assert verdict(source, "nearest-l1", (x, weight, -2.0, both), np.array([2.0, 0.0])) == 1
    assert verdict(source, "nearest-l1", (x, weight, -2.0, first), np.array([-2.0, 1.0])) == 1
    assert verdict(source, "nearest-l1", (x, weight, -2.0, first), np.array([2.0, 0.0])) == 0


def test_the_median_deviation_of_a_pencil(source: Source) -> None:
    # Columns 1 2 3 4 100 and 0 0 10 20 30: medians 3 and 10, deviations' medians 1 and 10.
    data = torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 10.0], [4.0, 20.0], [100.0, 30.0]])
    pair = (torch.tensor([1.0, 0.0]), torch.tensor([3.0, 5.0]), data)
    assert verdict(source, "mad", pair, np.array(2.5)) == 1
    assert verdict(source, "mad", pair, np.array(2.6)) == 0


def test_the_shrunk_step_of_a_pencil(source: Source) -> None:
    # rate 0.1: 0.5 + 0.1·2 = 0.7, shrunk to 0.6; 0.5 − 0.05 is within 0.1, so it stays at 0.5.
    x, slope = torch.tensor([0.5, 0.5]), torch.tensor([-2.0, 0.5])
    assert verdict(source, "proximal", (x, x, slope, 0.1), np.array([0.6, 0.5])) == 1
    assert verdict(source, "proximal", (x, x, slope, 0.1), np.array([0.7, 0.45])) == 0


def test_im_of_a_pencil(source: Source) -> None:
    # (1,1) against (1,0), (1,3), (1,1): 1/4, and 1/(1 + 1).
    four = [torch.tensor([v]) for v in ([1.0, 1.0], [1.0, 0.0], [1.0, 3.0], [1.0, 1.0])]
    assert verdict(source, "im", (*four, 0.0), np.array([[0.25], [0.5]])) == 1
    assert verdict(source, "im", (*four, 0.0), np.array([[0.5], [0.5]])) == 0


def test_the_diversity_of_a_pencil(source: Source) -> None:
    # d is the mean of 2/2 and 4/2, so K = (1, 0.4; 0.4, 1) and its determinant 1 − 0.16.
    pair = (torch.tensor([[0.0, 0.0], [2.0, 4.0]]), torch.tensor([2.0, 2.0]))
    assert verdict(source, "diversity", pair, np.array(0.84)) == 1
    assert verdict(source, "diversity", pair, np.array(0.6)) == 0


def test_the_stability_of_a_pencil(source: Source) -> None:
    # Ratios 3/1, 4/2 and 9/1, the last one of a neighbour without a counterfactual.
    near = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 1.0]])
    after = torch.tensor([[3.0, 0.0], [0.0, 4.0], [9.0, 0.0]])
    none = torch.zeros(2)
    arguments = (none, near, none, after, torch.tensor([True, True, False]))
    assert verdict(source, "stability", arguments, np.array(3.0)) == 1
    assert verdict(source, "stability", arguments, np.array(9.0)) == 0


# --- conditions that the tables' tasks teach ------------------------------------------------------


def table(trials: Any, found: np.ndarray, over: np.ndarray, common: np.ndarray) -> dict[str, Any]:
    """Return an answer: of each method, which pairs count as found, and its medians over which."""
    rows = [
        (found[k].sum() / 108, np.median(trials.l1[k][over[k]]), np.median(trials.im1[k][over[k]]))
        for k in range(3)
    ]
    return {"common": common.astype(float), "table": np.array(rows)}


def test_each_condition_of_the_table_costs_marks(source: Source, checks: SimpleNamespace) -> None:
    trials = checks.trials()
    others = np.zeros((12, 10), dtype=bool)
    for pair in trials.pairs:
        others[pair] = True
    found = (trials.sure.numpy() >= 0.99) & others
    reached = trials.reached.numpy() & others
    common = found.all(0)
    three = np.stack([common] * 3)
    assert mark(source, "table", table(trials, found, three, common)) == 1
    # There are failures to leave out, and enough pairs to compare.
    assert 30 <= common.sum() < found.any(0).sum() == 108
    own = table(trials, found, found, common)
    everything = table(trials, found, np.stack([others] * 3), others)
    as_found = table(trials, reached, np.stack([reached.all(0)] * 3), reached.all(0))
    any_of_them = table(trials, found, np.stack([found.any(0)] * 3), found.any(0))
    upside_down = table(trials, ~found & others, three, common)
    for wrong in (own, everything, as_found, any_of_them):
        assert mark(source, "table", wrong) <= 0.5
    assert mark(source, "table", upside_down) == 0.75


def test_each_condition_of_the_transfer_costs_marks(
    source: Source, checks: SimpleNamespace
) -> None:
    first, second = np.moveaxis(checks.persuaded(), -1, 0)
    above = {kind: "yes" if kind in ("prototype", "rl") else "no" for kind in checks.KINDS}

    def earned(shares: np.ndarray, said: dict[str, str] = above) -> float:
        return mark(source, "transfer", {"transfer": shares, "above_noise": said})

    right = (first * second).sum(-1)[:, :2] / first.sum(-1)[:, :2]
    assert earned(right) == 1
    # Some pictures fail to persuade the first network, and noise persuades hardly any.
    assert (first[:, 1].sum(-1) < 60).all() and second[:, 2].mean() < 0.05
    of_all = second.mean(-1)[:, :2]
    of_the_second = (first * second).sum(-1)[:, :2] / np.maximum(second.sum(-1)[:, :2], 1)
    unscaled = right[:, [0, 0]]
    first_alone = first.mean(-1)[:, :2]
    for wrong in (of_all, of_the_second, unscaled, first_alone):
        assert earned(wrong) <= 0.75
    assert earned(right, dict.fromkeys(checks.KINDS, "yes")) <= 0.7
    assert earned(right, above | {"wachter": "yes"}) < 1


def test_the_numbers_in_the_text_are_those_of_the_checks(
    source: Source, checks: SimpleNamespace
) -> None:
    text = "\n".join(cell.source for cell in source.notebook.cells)
    assert f"<= {checks.DRESS_BOUND}," in text and f"[:{checks.TRANSFER}, 0]" in text.replace(
        " ", ""
    ).replace(",0]", ", 0]")


@pytest.fixture(scope="module")
def persuaded(checks: SimpleNamespace) -> dict[tuple[str, int], tuple[int, int]]:
    """Return how many pictures of a kind persuade both networks, and how many the first.

    The place is 0 for pictures as they are, 1 for those at equal length.
    """
    first, second = np.moveaxis(checks.persuaded(), -1, 0) > 0
    return {
        (kind, place): (int((a[place] & b[place]).sum()), int(a[place].sum()))
        for kind, a, b in zip(checks.KINDS, first, second, strict=True)
        for place in (0, 1)
    }


@pytest.mark.parametrize(
    ("kind", "place", "words"),
    [
        ("rl", 0, "37 of 60"),
        ("prototype", 0, "10 of 60"),
        ("wachter", 0, "0 of 60"),
        ("rl", 1, "10 of 16"),
        ("prototype", 1, "13 of 39"),
        ("wachter", 1, "5 of 43"),
        ("adversarial", 1, "0 of 23"),
    ],
)
def test_what_the_text_counts_is_so(
    source: Source,
    persuaded: dict[tuple[str, int], tuple[int, int]],
    kind: str,
    place: int,
    words: str,
) -> None:
    """Up to an image that rounding moves, and what the text says of the embedded sample."""
    assert any(words in " ".join(cell.source.split()) for cell in source.notebook.cells)
    apart = np.subtract(persuaded[kind, place], tuple(map(int, words.split(" of "))))
    assert np.abs(apart).max() <= (2 if kind == "prototype" else 1)


@pytest.mark.parametrize(
    ("kinds", "differ"),
    [
        (("rl", "adversarial"), True),
        (("prototype", "adversarial"), True),
        (("rl", "prototype"), False),
        (("wachter", "adversarial"), False),
    ],
)
def test_at_equal_length_chance_explains_what_the_text_says(
    persuaded: dict[tuple[str, int], tuple[int, int]], kinds: tuple[str, str], differ: bool
) -> None:
    table = [(both, first - both) for both, first in (persuaded[kind, 1] for kind in kinds)]
    p = stats.fisher_exact(table).pvalue
    assert p < 0.01 if differ else p > 0.05

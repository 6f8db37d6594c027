"""Notebook 02: its text says what is measured, and a table without the control is worth less."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scoring import mark

from autograde.notebooks.source import Source
from xaikit import explain
from xaikit.metrics import intensity_ranking, random_ranking

NAME = "02_local_explanations"
pytestmark = pytest.mark.xdist_group(NAME)  # what the checks measure is measured once


def test_on_the_network_those_methods_are_complete_that_promise_it(checks: SimpleNamespace) -> None:
    gaps = dict(zip(checks.SUMMED, checks._gaps(), strict=True))
    complete = {method for method, gap in gaps.items() if gap.mean() < 0.05}
    assert complete == {"integrated_gradients", "deep_shap"}
    assert all((gaps[method] < 0.05).all() for method in complete)  # on every image


def test_what_the_text_says_of_the_measurements_is_so(checks: SimpleNamespace) -> None:
    least = dict(zip(checks.CASES, checks._on_garment().min((0, 2)), strict=True))
    certain = {case for case, share in least.items() if share > 0.999}
    assert certain == {"input × gradient", "IG, black baseline", "DeepLIFT, black", "LRP"}
    across, after = (
        dict(zip(checks.CHECKED, each.mean(1), strict=True)) for each in checks._sanity()
    )
    assert across["deep_taylor"] < -0.7  # one shape, another sign
    assert across["guided_backprop"] > 0.7  # whatever one asks
    assert after["gradient"] < 0.3 < 0.7 < after["input_x_gradient"]


def test_the_random_order_wins_deletion_with_the_mean_fill_within_chance(
    checks: SimpleNamespace,
) -> None:
    """The numbers in section 8's text."""
    areas = dict(zip(checks.CONTENDERS, checks._areas()[1], strict=True))
    for name, wanted in (("random", (-4.0, 1.5)), ("gradient", (-3.2, 2.0))):
        np.testing.assert_allclose(checks.interval(areas[name]), wanted, atol=0.06)
    difference = checks.interval(areas["gradient"] - areas["random"])
    np.testing.assert_allclose(difference, (0.8, 1.0), atol=0.06)
    for name in ("guided_backprop", "input_x_gradient", "deeplift", "intensity"):
        middle, half = checks.interval(areas[name] - areas["random"])
        assert middle - half > 0, name
    better, close = checks._better()
    assert better["mean"] == set() and close == {"black": set(), "mean": set()}
    assert {"gradient", "guided_backprop", "intensity"} <= better["black"]
    verdict, near = checks._against_random()
    assert not near.any() and len(set(verdict.flatten())) > 1


def test_why_the_random_order_wins(checks: SimpleNamespace) -> None:
    """The numbers after two of fourteen steps, in section 8's text."""
    here = checks.world()
    images, asked = here.dozen, here.dozen_targets[:, :1]
    orders = {
        name: explain(here.model, images, asked, name)
        for name in ("gradient", "guided_backprop", "input_x_gradient", "deeplift")
    }
    orders["random"] = random_ranking(images, asked, seed=0)
    orders["intensity"] = intensity_ranking(images, asked)
    outside, logit = {}, {}
    for name, each in orders.items():
        ranks = each.attributions.flatten(1).argsort(1, descending=True).argsort(1)
        gone = (ranks < 112).view(images.shape)
        filled = torch.where(gone, images.mean((1, 2, 3), keepdim=True), images)
        outside[name] = float((gone & (images == 0)).sum() / gone.sum())
        with torch.no_grad():
            logit[name] = float(here.model(filled).gather(1, asked).mean())
    found = [outside.pop("random"), outside.pop("gradient"), logit.pop("random")]
    assert found == pytest.approx([0.58, 0.49, 0.0], abs=0.06)
    assert logit.pop("gradient") == pytest.approx(1.0, abs=0.06)
    assert max(outside.values()) < 0.055
    assert 2.3 < min(logit.values()) < max(logit.values()) < 3.9


def test_who_looks_at_no_interval_loses_by_the_control(
    source: Source, checks: SimpleNamespace
) -> None:
    """The random row carries the conclusion, so a table without it is worth less than half."""
    table = checks._measured()
    agreement = np.eye(6)
    by_sign = np.sign(table[:6, :2].mean(2) - table[6:, :2].mean(2))
    for said in (by_sign, np.ones((6, 2))):
        answer = {"table": table, "against_random": said, "agreement": agreement}
        assert mark(source, "trade-offs", answer) <= 0.75
    areas = {"areas": checks._areas(), "better": {"black": [], "mean": []}}
    empty = {"empty_class": np.array(7), "empty_probability": np.array(0.99)}
    assert mark(source, "rankings", {**areas, **empty}) <= 0.65
    assert mark(source, "rankings", {**areas, **empty, "better": None}) <= 0.65


def test_rows_in_another_order_lose(source: Source, checks: SimpleNamespace) -> None:
    """What stands for another fill, network, class or measure is wrong."""
    across, after = checks._sanity()
    swapped = {"across_classes": after, "after_randomising": across}
    assert mark(source, "sanity", swapped) < 0.1
    garment = {"on_garment": checks._on_garment()[::-1], "by_construction": ["LRP"]}
    assert mark(source, "silhouette", garment) < 0.2
    table = checks._measured()
    verdict, _ = checks._against_random()
    right = {"table": table, "against_random": verdict, "agreement": np.eye(6)}
    assert mark(source, "trade-offs", right) == pytest.approx(0.8, abs=0.04)
    for other in (table[:, [1, 0, 2]], table[[6, *range(6)]], -table):
        assert mark(source, "trade-offs", {**right, "table": other}) < 0.65
    assert mark(source, "trade-offs", {**right, "against_random": -verdict}) < 0.65


def test_a_gap_to_the_wrong_reference_loses(source: Source, checks: SimpleNamespace) -> None:
    gaps = checks._gaps()
    complete = {
        name: np.array(row.mean() < 0.05) for name, row in zip(checks.SUMMED, gaps, strict=True)
    }
    assert mark(source, "completeness", {"gap": gaps, "complete": complete}) == 1
    # Images and targets averaged together, a mean of one image for all, the halves of the gaps.
    for wrong in (gaps.mean(1, keepdims=True) + 0 * gaps, gaps / 2, gaps[:, ::-1]):
        assert mark(source, "completeness", {"gap": wrong, "complete": complete}) < 0.5

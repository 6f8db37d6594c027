"""Notebook 02: its text says what is measured, and a table without the control is worth less."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from captum.attr import DeepLift
from scoring import mark
from torch import Tensor, nn

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
    for each in checks._sanity():
        assert checks.interval(each)[1].max() < 0.2
    lines = dict(zip(checks.CHECKED, checks._sanity()[0], strict=True))
    difference = checks.interval(lines["input_x_gradient"] - lines["integrated_gradients"])
    np.testing.assert_allclose(difference, (-0.09, 0.07), atol=0.006)


def test_what_the_text_says_of_known_places_is_so(checks: SimpleNamespace) -> None:
    """Three methods' pointing is not told from one half, and focus has narrow intervals."""
    middle, half = checks.interval(checks._pointed()["pointing"])
    assert (np.abs(middle - 0.5) < half).sum() == 3 and half.max() == pytest.approx(0.23, abs=0.006)
    assert (middle[-1], half[-1]) == (1, 0)
    assert round(24 / (24 + 1.96**2), 2) == 0.86
    middle, half = checks.interval(checks._pointed()["focus"])
    assert 0.015 < half.min() < half.max() < 0.065
    assert middle[0] + half[0] < 0.5 < middle[1] - half[1]
    assert np.abs(middle[[0, 2, 3]] - 0.5).max() < 0.05
    middle, half = checks.interval(checks._pointed()["on_sticker"])
    assert (middle - half > 0.13).all()  # brightness alone: 0.127 on average


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
def test_captums_deeplift_is_wrong_where_pooling_follows_a_relu(checks: SimpleNamespace) -> None:
    """A module between the two that only copies makes its maps complete."""

    class Copy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.clone()

    model, x = checks.world().model, checks.world().examples[:1]
    pools = [isinstance(layer, nn.MaxPool2d) for layer in model]
    spaced = nn.Sequential(
        *(
            nn.Sequential(Copy(), layer) if pool else layer
            for layer, pool in zip(model, pools, strict=True)
        )
    ).eval()
    target = int(model(x).argmax())
    with torch.no_grad():
        rise = float((model(x) - model(torch.zeros_like(x)))[0, target])
    sums = [
        float(DeepLift(network).attribute(x, target=target).sum()) for network in (model, spaced)
    ]
    missed = [abs(each - rise) / abs(rise) for each in sums]
    assert missed[1] < 1e-5 < 0.01 < missed[0]


def test_two_slopes_predict_the_same_of_a_removed_window(checks: SimpleNamespace) -> None:
    """Gradient and input × gradient have one infidelity."""
    infidelity = checks._measured()[:, 1]
    np.testing.assert_allclose(infidelity[0], infidelity[2], rtol=1e-4)


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
    outside, logit, each_logit = {}, {}, {}
    for name, each in orders.items():
        ranks = each.attributions.flatten(1).argsort(1, descending=True).argsort(1)
        gone = (ranks < 112).view(images.shape)
        filled = torch.where(gone, images.mean((1, 2, 3), keepdim=True), images)
        outside[name] = float((gone & (images == 0)).sum() / gone.sum())
        with torch.no_grad():
            each_logit[name] = here.model(filled).gather(1, asked)[:, 0].double().numpy()
        logit[name] = float(each_logit[name].mean())
    found = [outside.pop("random"), outside.pop("gradient"), logit.pop("random")]
    assert found == pytest.approx([0.58, 0.49, 0.0], abs=0.06)
    assert logit.pop("gradient") == pytest.approx(1.0, abs=0.06)
    assert max(outside.values()) < 0.055
    assert 2.3 < min(logit.values()) < max(logit.values()) < 3.9
    for name, (wanted, half) in {"deeplift": (2.4, 2.2), "guided_backprop": (3.8, 2.8)}.items():
        difference = checks.interval(each_logit[name] - each_logit["random"])
        np.testing.assert_allclose(difference, (wanted, half), atol=0.06)
    for name in logit:
        middle, half = checks.interval(each_logit[name] - each_logit["random"])
        assert middle - half > 0, name
    difference = checks.interval(each_logit["gradient"] - each_logit["random"])
    np.testing.assert_allclose(difference, (1.0, 2.2), atol=0.06)


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

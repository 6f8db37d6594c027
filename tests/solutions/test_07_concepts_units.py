"""Notebook 07, from maximisation to the decision: references against a pencil, and the library."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from odd_answers import said
from scipy.stats import binomtest, qmc
from scoring import earned, mark, verdict

from autograde.inside.networks import Layer, Network
from autograde.notebooks.source import Source

NAME = "07_concepts"


def test_the_step_of_a_pencil(source: Source) -> None:
    # Class 1 sees 3 x₀ + 4 x₁ behind a ReLU that is on: the direction is (0.6, 0.8).
    layers = [Layer("flatten"), Layer.linear([[3.0, 4.0], [1.0, 0.0]], [1.0, 1.0]), Layer("relu")]
    network = Network([*layers, Layer.linear([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.0])])
    black = torch.zeros(1, 1, 2)
    case = (network, black, 1, 2.0, 9.0)
    assert verdict(source, "ascent-step", case, np.array([[[1.2, 1.6]]])) == 1
    assert verdict(source, "ascent-step", case, np.array([[[6.0, 8.0]]])) == 0
    assert verdict(source, "ascent-step", (*case[:4], 1.0), np.array([[[0.6, 0.8]]])) == 1
    off = torch.tensor([[[-1.0, -1.0]]])
    assert (
        verdict(source, "ascent-step", (network, off, 1, 2.0, 9.0), np.array([[[-1.0] * 2]])) == 1
    )


def test_the_total_variation_of_a_pencil(source: Source) -> None:
    # 0 1 / 0 3: down 0 and 2, across 1 and 3.
    image = (torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]]),)
    slopes = np.array([[[[-1.0, 0.0], [-1.0, 2.0]]]])
    assert verdict(source, "total-variation", image, [np.array([6.0]), slopes]) == 1
    assert verdict(source, "total-variation", image, [np.array([6.0]), -slopes]) == 0.5
    assert verdict(source, "total-variation", image, [np.array([14.0]), slopes]) == 0


def test_the_slopes_of_total_variation_are_autograds(checks: SimpleNamespace) -> None:
    images = torch.randn(3, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    down = (images[:, :, 1:] - images[:, :, :-1]).abs().sum()
    (down + (images[..., 1:] - images[..., :-1]).abs().sum()).backward()  # type: ignore[no-untyped-call]
    _, slopes = checks.by_neighbours(images.detach().numpy())
    assert np.allclose(slopes, images.grad)


@pytest.mark.parametrize("small", [(3, 5), (7, 7), (4, 6)])
def test_maps_are_enlarged_as_torch_does(checks: SimpleNamespace, small: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=small)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None, None], (12, 9), mode="bilinear", align_corners=False
    )
    assert np.allclose(checks.enlarged(values, 12, 9), wanted[0, 0])


def test_the_dissection_of_a_pencil(source: Source) -> None:
    # A quarter of four activations exceeds T: the 3. One of its mask's two pixels is on.
    maps = torch.tensor([[[3.0, 1.0]], [[2.0, 0.0]]])
    masks = torch.tensor([[[True, False]], [[True, False]]])
    assert verdict(source, "unit-iou", (maps, masks, 0.25), np.array(0.5)) == 1
    assert verdict(source, "unit-iou", (maps, masks, 0.5), np.array(1.0)) == 1
    assert verdict(source, "unit-iou", (maps, masks, 0.5), np.array(0.5)) == 0


def test_the_chance_of_a_pencil(source: Source) -> None:
    active = torch.tensor([[[True, False]], [[False, True]]])
    orders = torch.tensor([[0, 1], [1, 0], [1, 0]])
    # With the own masks 1, with the other's 0: mean 1/3; one of three is as good: 2/4.
    assert verdict(source, "chance", (active, active, orders), np.array([1 / 3, 0.5])) == 1
    assert verdict(source, "chance", (active, active, orders), np.array([1 / 3, 0.25])) == 0.5
    assert verdict(source, "chance", (active, active, orders), np.array([0.0, 0.5])) == 0


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 7), (9, 9), (1, 400)])
def test_the_interval_is_scipys(checks: SimpleNamespace, k: int, n: int) -> None:
    interval = binomtest(k, n).proportion_ci(method="wilson")
    assert np.allclose(checks.wilson_ends(k, n), (interval.low, interval.high), atol=1e-4)


def test_the_groups_of_a_pencil(source: Source) -> None:
    groups, wrong = torch.tensor([1, 1, 0]), torch.tensor([True, False, False])
    low, high = binomtest(1, 2).proportion_ci(method="wilson")
    none = binomtest(0, 1).proportion_ci(method="wilson")
    table = np.array([[1, 0, none.low, none.high], [2, 0.5, low, high]])
    assert verdict(source, "slice-table", (groups, wrong), table) == 1
    assert verdict(source, "slice-table", (groups, wrong), table[:, [0, 1, 3, 2]]) == 0.5
    assert verdict(source, "slice-table", (groups, wrong), table[::-1].copy()) == 0


def test_the_worst_group_of_a_pencil(source: Source) -> None:
    # Groups {0, 1} and {2, 3}, images 0 and 1 wrong: rate 1. Only draw 0 keeps the pair.
    case = (torch.tensor([0, 0, 1, 1]), torch.tensor([True, True, False, False]))
    orders = torch.tensor([[2, 3, 0, 1], [0, 2, 1, 3], [3, 1, 2, 0]])
    assert verdict(source, "worst-by-chance", (*case, orders), np.array([1, 0.5])) == 1
    assert verdict(source, "worst-by-chance", (*case, orders), np.array([1, 0.25])) == 0.5
    assert verdict(source, "worst-by-chance", (*case, orders), np.array([0.5, 0.5])) == 0


def test_the_factors_of_a_pencil(source: Source) -> None:
    # V = (2, 4), W = 1, H = (1, 1): H becomes (2, 4), which is exact, so W stays.
    case = (torch.tensor([[2.0, 4.0]]), torch.ones(1, 1), torch.ones(1, 2), 1)
    assert verdict(source, "factorise", case, [np.array([[1.0]]), np.array([[2.0, 4.0]])]) == 1
    # W first: V Hᵀ / (W H Hᵀ) = 6 / 2.
    assert verdict(source, "factorise", case, [np.array([[3.0]]), np.array([[2 / 3, 4 / 3]])]) == 0


def test_the_error_never_grows(checks: SimpleNamespace) -> None:
    draw = np.random.default_rng(0)
    values, left, right = (draw.uniform(0.1, 2, size=s) for s in ((6, 5), (6, 2), (2, 5)))
    errors = []
    for steps in range(12):
        both = checks.updated(values, left, right, steps)
        errors.append(np.linalg.norm(values - both[0] @ both[1]))
    assert (np.diff(errors) < 1e-12).all()
    assert errors[-1] < 0.8 * errors[0]


def test_the_sobol_indices_of_a_sum(checks: SimpleNamespace, source: Source) -> None:
    # f = 2 m₀ + m₁, uniform: variances 4/12 and 1/12, so the indices are 0.8 and 0.2.
    positive = Layer.linear(np.eye(2), np.zeros(2))
    network = Network([positive, Layer("relu"), Layer.linear([[2.0, 1.0]], [0.0])])
    points = qmc.Sobol(4, rng=np.random.default_rng(0)).random(1024)
    found = checks.indices(network, points[:, :2], points[:, 2:], 0)
    assert np.allclose(found, (0.8, 0.2), atol=0.01)
    # By hand: outputs 0 and 2 at A, 1 and 1 at B, variance 1/2; mixed, 0 and 1 or 1 and 2.
    a, b = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.5, 0.0]])
    assert verdict(source, "sobol", (network, a, b, 0), np.array([0.5, 0.5])) == 1
    assert verdict(source, "sobol", (network, a, b, 0), np.array([0.25, 0.25])) == 0


def test_guessing_conclusions_earns_nothing(source: Source, checks: SimpleNamespace) -> None:
    for word in ("yes", "no"):
        assert (
            mark(source, "conclusions", {"conclusions": dict.fromkeys(checks.CONCLUDED, word)}) == 0
        )
    assert mark(source, "conclusions", {"conclusions": dict(checks.CONCLUDED)}) == 1


@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_any_threshold_that_the_share_exceeds_is_right(
    source: Source, answered: Callable[[str, str], dict[str, Any]], place: float
) -> None:
    """The text leaves open where between two activations the threshold lies."""

    def unit_iou(maps: torch.Tensor, masks: torch.Tensor, share: float) -> float:
        ordered = maps.flatten().sort(descending=True).values
        last, first_off = ordered[round(share * len(ordered)) - 1 :][:2]
        large = torch.nn.functional.interpolate(
            maps[:, None], masks.shape[1:], mode="bilinear", align_corners=False
        )
        on = large[:, 0] > first_off + place * (last - first_off)
        return float((on & masks).sum() / (on | masks).sum())

    assert {earned(source, "unit-iou", unit_iou, seed) for seed in range(10)} == {1}
    space = {**answered("unit-iou", "solution"), "unit_iou": unit_iou}
    assert said(source, "unit-iou", space).startswith("✓ unit-iou:")


def test_a_fair_control_may_consist_of_arrays(
    source: Source, answered: Callable[[str, str], dict[str, Any]]
) -> None:
    def fair_control(concept: torch.Tensor, random_sets: list[torch.Tensor]) -> list[Any]:
        paper = concept.numpy().min()
        return [np.maximum(each.numpy(), paper) for each in random_sets]

    assert earned(source, "fair-control", fair_control) == 1
    space = {**answered("fair-control", "solution"), "fair_control": fair_control}
    assert said(source, "fair-control", space).startswith("✓ fair-control:")

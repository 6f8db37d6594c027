"""Notebook 06: its four kinds of answers, and its references against a pencil."""

from __future__ import annotations

import math
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
from scoring import mark, verdict

from autograde.inside.networks import Layer, Network
from autograde.notebooks.source import Source
from tests.mutants.visible import ticked

NAME = "06_influence"


# --- references against a pencil ------------------------------------------------------------------


def double(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_ridge_regression_of_a_pencil(source: Source) -> None:
    # x = (1, 1), y = (0, 4), λ = 1: A = 2 + 2, Xᵀy = 4, θ = 1, H = 2; residuals 1 and −3.
    # At x = 2, y = 0 the gradient is 4, so the scores are 4 · 1 / 2 and 4 · (−3) / 2.
    case = (double([[1.0], [1.0]]), double([0.0, 4.0]), 1.0, double([[2.0]]), double([0.0]))
    assert verdict(source, "ridge-influence", case, np.array([[2.0, -6.0]])) == 1
    for wrong in ([[-2.0, 6.0]], [[4.0, -12.0]], [[1.0, -3.0]]):
        assert verdict(source, "ridge-influence", case, np.array(wrong)) == 0
    # Without the first: A = 3, θ = 4/3, the loss (8/3)²/2 instead of 2; without the second: 0.
    assert verdict(source, "left-out", case, np.array([[32 / 9 - 2, -2.0]])) == 1
    # By the tangent: 2/2 and −6/2.
    assert verdict(source, "left-out", case, np.array([[1.0, -3.0]])) == 0


def test_the_hessian_of_a_pencil(source: Source) -> None:
    # One input 2 and two classes of probability 1/2: 1/4 · [[1, −1], [−1, 1]] ⊗ (2, 1)(2, 1)ᵀ.
    network = Network([Layer.linear(np.zeros((2, 1)), np.zeros(2))])
    case = (network, torch.tensor([[2.0]]), torch.tensor([1]), torch.tensor([1.0, 0.0, 0.0, 0.0]))
    assert verdict(source, "hvp", case, np.array([1.0, -1.0, 0.5, -0.5])) == 1
    assert verdict(source, "hvp", case, np.array([1.0, 0.5, -1.0, -0.5])) == 0


def test_the_conjugate_gradients_of_a_pencil(source: Source, checks: SimpleNamespace) -> None:
    # A = diag(1, 3), b = (1, 1): α = 2/4, then the solution (1, 1/3).
    product = checks.linear_map(np.diag([1.0, 3.0]))
    right = torch.ones(2)
    assert verdict(source, "cg", (product, right, 1), np.array([0.5, 0.5])) == 1
    assert verdict(source, "cg", (product, right, 2), np.array([1, 1 / 3])) == 1
    assert verdict(source, "cg", (product, right, 1), np.array([1, 1 / 3])) == 0


def test_the_damped_influence_of_a_pencil(source: Source) -> None:
    # x = 2, two classes of probability 1/2: g = (−1, 1), H g = 2 g, so gᵀ(H + 2)⁻¹g = 2 / 4.
    label = torch.tensor([0])
    case = (double([[2.0]]), label, double([[0.0], [0.0]]), double([[2.0]]), label, 2.0)
    assert verdict(source, "damped", case, np.array([[0.5]])) == 1
    assert verdict(source, "damped", case, np.array([[1.0]])) == 0


def test_the_gradients_of_a_pencil(source: Source) -> None:
    # Probabilities 1/2; x = 2, label 0: (−1, 1) and biases (−½, ½); x = 1, label 1: halves.
    network = Network([Layer.linear(np.zeros((2, 1)), np.zeros(2))])
    one, other = torch.tensor([[2.0]]), torch.tensor([[1.0]])
    case = (network, one, torch.tensor([0]), other, torch.tensor([1]))
    assert verdict(source, "grad-dot", case, np.array([[-1.5]])) == 1
    assert verdict(source, "grad-dot", case, np.array([[-1.0]])) == 0
    rows = (torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[0.0, 2.0]]))
    assert verdict(source, "grad-cos", rows, np.array([[0.8], [0.0]])) == 1
    assert verdict(source, "grad-cos", rows, np.array([[0.8], [math.nan]])) == 0


def test_the_trace_of_a_pencil(source: Source) -> None:
    # Features ReLU(3x) = 3, probabilities 1/2, equal labels: ½ · (9 + 1) · 0.1 and ½ · (0 + 1) · 1.
    def state(factor: float) -> dict[str, torch.Tensor]:
        first, last = torch.tensor([[factor]]), torch.zeros(2, 1)
        return {
            "0.weight": first,
            "0.bias": torch.zeros(1),
            "2.weight": last,
            "2.bias": torch.zeros(2),
        }

    layers = [Layer.linear(np.ones((1, 1)), np.zeros(1)), Layer("relu")]
    network = Network([*layers, Layer.linear(np.ones((2, 1)), np.zeros(2))])
    x, label = torch.ones(1, 1), torch.tensor([0])
    case = (network, [state(3.0), state(-1.0)], [0.1, 1.0], x, label, x, label)
    assert verdict(source, "tracin", case, np.array([[1.0]])) == 1
    assert verdict(source, "tracin", case, np.array([[0.45]])) == 0


# --- what the sections rely on --------------------------------------------------------------------


def test_the_thirty_images_tell_a_prediction_from_the_truth(
    source: Source, checks: SimpleNamespace
) -> None:
    truth, predicted = checks.left_out_key(), checks.predicted_key()
    agreement = np.array(checks.agreement_key())

    def earned(left_out: Any, rank: Any) -> float:
        return mark(source, "gold-standard", {"left_out": left_out, "agreement": np.array(rank)})

    # A good prediction of the order that is no copy of the truth.
    assert 0.99 < agreement < 0.997
    assert earned(truth, agreement) == 1
    assert earned(predicted, agreement) == earned(-truth, agreement) == 0
    of_values = np.corrcoef(truth, predicted)[0, 1]
    for other in (1.0, of_values):
        assert 0 < earned(truth, other) < 1


def test_the_thirty_images_are_fitted_to_the_end(
    given: dict[str, Any], checks: SimpleNamespace
) -> None:
    """By autograd, of the objective that the text states; and the check's own fit is the same."""
    keep = torch.ones(30, dtype=torch.bool)
    keep[7] = False
    weight = given["refit"](keep).requires_grad_()
    rows, labels = given["thirty"], given["thirty_labels"]
    loss = torch.nn.functional.cross_entropy(rows @ weight.T, labels, reduction="none")
    objective = loss[keep].sum() / 30 + given["DECAY"] / 2 * weight.square().sum()
    (slope,) = torch.autograd.grad(objective, weight)
    assert slope.norm() < 1e-8
    difference = (weight[1] - weight[0]).detach().numpy()
    assert np.allclose(difference, checks.newton(keep.double().numpy()), atol=1e-6)
    # The library's influence function is the slope that refits with other weights have.
    assert np.allclose(given["predicted"], checks.predicted_key(), rtol=1e-4, atol=1e-7)


def test_captum_leaves_out_the_biases_alone(source: Source, checks: SimpleNamespace) -> None:
    without, whole = checks.both_scores()
    gap = np.abs(without - whole).max()

    def earned(scores: Any, apart: float, missing: str, apart_without: float) -> float:
        numbers = {"apart": np.array(apart), "apart_without": np.array(apart_without)}
        return mark(source, "captum", {"captums": scores, "missing": missing, **numbers})

    assert earned(without, gap, "biases", 1e-6 * gap) == 1
    assert earned(whole, gap, "biases", 1e-6 * gap) == 0
    assert 0 < earned(without, 2 * gap, "biases", 1e-6 * gap) < 1
    assert 0 < earned(without, gap, "residuals", 1e-6 * gap) < 1
    assert 0 < earned(without, gap, "biases", gap) < 1


# --- variables: what the visible checks notice ----------------------------------------------------

FROM_ONE = "influence(victim, triggered, torch.tensor([boot]), suspected, method={!r}, layers={!r})"
TRAINED_AGAIN = """
with_all = asked_loss(refit(torch.ones(30)))
changes = [asked_loss(refit(1 - row)) - with_all for row in torch.eye(30)]
ranks = [np.argsort(np.argsort(values)) for values in (changes, predicted.numpy())]
"""


@pytest.mark.parametrize(
    "text",
    [
        f"suspects = {FROM_ONE.format('grad_dot', 'all')}.top(100)[0]",
        f"suspects = {FROM_ONE.format('grad_cos', 'all')}.bottom(100)[0]",
        f"suspects = {FROM_ONE.format('grad_cos', 'last')}.top(100)[0]",
        "suspects = torch.nonzero(suspected.labels == boot)[:100, 0]",
    ],
)
def test_suspects_that_share_no_square_get_no_tick(text: str) -> None:
    assert not ticked(NAME, "poison-hunt", text)


def test_changes_and_ranks_of_another_kind_get_no_tick() -> None:
    def tick(changes: str, agreement: str) -> bool:
        answer = f"{TRAINED_AGAIN}left_out, agreement = {changes}, {agreement}"
        return ticked(NAME, "gold-standard", answer)

    rank = "np.corrcoef(ranks)[0, 1]"
    assert tick("changes", rank)
    assert not tick("changes", "np.corrcoef(changes, predicted)[0, 1]"), "Pearson's"
    assert not tick("30 * np.array(changes)", rank)
    assert not tick("np.array(changes) / with_all", rank)

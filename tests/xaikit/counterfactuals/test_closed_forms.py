"""Counterfactuals of linear classifiers, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from counterfactuals.linear import linear
from xaikit import counterfactual
from xaikit.counterfactuals import linear_counterfactual


def test_the_projection_by_hand():
    # w = (3, 4), b = −5: at (3, 4), wᵀx + b = 20 and wᵀw = 25, so 0.8 w is taken away.
    w, x = torch.tensor([3.0, 4.0]).double(), torch.tensor([[3.0, 4.0], [1.0, 1.0]]).double()
    on = linear_counterfactual(w, -5.0, x, beyond=0)
    assert torch.allclose(on[0], torch.tensor([0.6, 0.8]).double())
    assert torch.allclose(on @ w - 5.0, torch.zeros(2).double(), atol=1e-12)
    beyond = linear_counterfactual(w, -5.0, x)
    assert ((beyond @ w - 5.0).sign() == -(x @ w - 5.0).sign()).all()
    assert torch.allclose(beyond, on, atol=5e-3)


def test_nothing_on_the_boundary_is_nearer_than_the_projection():
    random = torch.Generator().manual_seed(0)
    w, x = (torch.randn(5, generator=random).double() for _ in range(2))
    on = linear_counterfactual(w, 0.3, x, beyond=0)
    along = torch.randn(1000, 5, generator=random).double()
    along -= (along @ w)[:, None] * w / (w @ w)  # other points of the boundary
    assert ((on + along - x).norm(dim=1) >= (on - x).norm()).all()


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_bias_keeps_the_inputs_precision_and_shape(shape: tuple[int, ...]):
    # NumPy's numbers are double from the start.
    w, x = np.array([0.3, -0.7, 0.2]), np.array([[0.1, 0.2, 0.9]])
    expected = x - (x @ w + 0.1)[:, None] / (w @ w) * w
    weight, point = torch.from_numpy(w), torch.from_numpy(x)
    for bias in (0.1, torch.full(shape, 0.1, dtype=torch.float64)):
        on = linear_counterfactual(weight, bias, point, beyond=0)
        np.testing.assert_allclose(on.numpy(), expected, rtol=1e-14)
        assert linear_counterfactual(weight, bias, point[0]).shape == (3,)


ONES = torch.ones(2)


@pytest.mark.parametrize(
    ("weight", "bias", "x", "says"),
    [
        (ONES, torch.zeros(5), ONES, "bias has to be one number"),
        (ONES.double(), 0.0, ONES, "of one floating point type"),
        (ONES.long(), 0.5, ONES.long(), "of one floating point type"),
        (ONES * torch.nan, 0.0, ONES, "have to be finite"),
        (ONES, torch.inf, ONES, "have to be finite"),
        (ONES * 0, 0.0, ONES, "weight is zero"),
    ],
)
def test_what_is_no_linear_classifier_is_answered_by_a_sentence(
    weight: Tensor, bias: float | Tensor, x: Tensor, says: str
):
    with pytest.raises((ValueError, TypeError), match=says):
        linear_counterfactual(weight, bias, x)


@pytest.mark.parametrize("tolerance", [0.2, 0.05, 0.02])
def test_wachter_with_l2_approaches_the_projection_as_the_tolerance_shrinks(tolerance: float):
    # A probability of one half is the boundary.
    weights, bias = [6.0, -3.0, 2.0], -1.0
    x = torch.tensor([[0.3, 0.6, 0.4]]).double()
    nearest = linear_counterfactual(torch.tensor(weights).double(), bias, x, beyond=0)
    found = counterfactual(
        linear(weights, bias), x, 1, "wachter", distance="l2", probability=0.5, tolerance=tolerance
    )
    assert found.found.all()
    # w·x + b is at most the tolerance's log-odds beyond, and |w| = 7.
    slack = torch.logit(torch.tensor(0.5 + tolerance)).item() / 7
    assert (found.counterfactuals[:, 0] - nearest).norm() <= slack + 1e-4


def test_wachter_with_l1_moves_only_the_feature_of_the_largest_weight():
    # From −0.1, w·x + b has to grow to logit(0.95) = 2.944; 8 times the first feature is cheapest.
    x = torch.full((1, 3), 0.2).double()
    found = counterfactual(linear([8.0, -3.0, 2.0], -1.5), x, 1, "wachter")
    change = (found.counterfactuals[0, 0] - x[0]).tolist()
    assert found.found.all()
    assert change[1] == change[2] == 0
    least = (0.1 + torch.logit(torch.tensor(0.95)).item()) / 8
    assert least <= change[0] <= 1.03 * least


def test_where_the_input_is_valid_already_it_stays():
    x = torch.tensor([[0.9, 0.1]]).double()
    found = counterfactual(linear([9.0, -9.0]), x, 1)
    assert found.found.all() and (found.counterfactuals[:, 0] == x).all()


@pytest.mark.parametrize("probability", [0.7, 0.99999])
def test_an_input_of_the_class_stays_whatever_the_probability(probability: float):
    x = torch.tensor([[0.9, 0.1]]).double()
    found = counterfactual(linear([9.0, -9.0]), x, 1, probability=probability, tolerance=1e-6)
    assert found.found.all() and torch.equal(found.counterfactuals[:, 0], x)


def test_of_two_features_of_a_class_the_prototype_chooses_the_one_of_its_examples():
    # Either feature alone makes class 1; the examples of class 1 all have the second.
    model, x = linear([8.0, 8.0], -4.0), torch.tensor([[0.1, 0.1]]).double()
    examples = torch.tensor([[0.1, 0.9], [0.1, 0.95], [0.0, 0.1], [0.1, 0.0]]).double()
    found = counterfactual(
        model, x, 1, "prototype", prototypes="kdtree", examples=examples, k=1, theta=10.0
    )
    first, second = (found.counterfactuals[0, 0] - x[0]).tolist()
    assert found.found.all() and second > 0.5 and abs(first) < 0.05

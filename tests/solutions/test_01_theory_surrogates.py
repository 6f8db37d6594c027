"""Notebook 01: its hidden checks of surrogates and knockoffs against libraries and a pencil."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.optimize
import scipy.spatial.distance
import scipy.special
import torch
from scoring import earned, mark
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn

from autograde.inside.networks import Network
from autograde.inside.read import plain
from autograde.notebooks.source import Source
from autograde.tasks import Called

NAME = "01_theory"


# --- surrogates ----------------------------------------------------------------------------------


def test_weighted_least_squares_are_scikit_learns(source: Source) -> None:
    def fit(samples: np.ndarray, outputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
        model = LinearRegression().fit(samples, outputs, weights)
        return np.append(model.intercept_, model.coef_)

    assert earned(source, "least-squares", fit) == 1


def test_lime_on_scikit_learns_logistic_regression(source: Source) -> None:
    def explain(
        w: np.ndarray, b: float, x: np.ndarray, samples: np.ndarray, sigma: float, scale: str
    ) -> np.ndarray:
        model = LogisticRegression()
        model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), w[None], np.array([b])
        if scale == "log-odds":
            outputs = model.decision_function(samples)
        else:
            outputs = model.predict_proba(samples)[:, 1]
        kernel = np.exp(-scipy.spatial.distance.cdist(samples, x[None], "sqeuclidean") / sigma**2)
        return LinearRegression().fit(samples, outputs, kernel[:, 0]).coef_

    assert earned(source, "lime-logistic", explain) == 1


def test_the_linear_counterfactual_is_scipys_minimum(source: Source) -> None:
    def closest(x: np.ndarray, w: np.ndarray, b: float, margin: float) -> np.ndarray:
        side = np.sign(w @ x + b)
        beyond = {"type": "eq", "fun": lambda z: (w @ z + b) / np.linalg.norm(w) + side * margin}
        found = scipy.optimize.minimize(
            lambda z: ((z - x) ** 2).sum(), x, constraints=beyond, tol=1e-14
        )
        return found.x

    assert earned(source, "linear-counterfactual", closest) == 1


def test_cross_entropy_is_torchs(source: Source) -> None:
    def loss(teacher: np.ndarray, student: np.ndarray) -> torch.Tensor:
        return nn.functional.cross_entropy(torch.tensor(student).log(), torch.tensor(teacher))

    assert earned(source, "repair-cross-entropy", loss) == 1


def test_fidelity_and_accuracy_by_hand(source: Source) -> None:
    # The teacher splits at x₁ = 0, which a tree of depth 1 learns: fidelity 1. Of the four test
    # inputs three have its label: accuracy 3/4.
    model = Network(Network.random(np.random.default_rng(0), (2, 2)).layers)
    assert model.layers[0].weight is not None and model.layers[0].bias is not None
    model.layers[0].weight[:] = [[0, 0], [1, 0]]
    model.layers[0].bias[:] = 0
    train = torch.tensor([[-2.0, 0], [-1, 1], [1, 0], [2, 1]])
    labels = torch.tensor([1, 0, 0, 0])
    test, truth = torch.tensor([[-3.0, 2], [-2, 1], [2, 0], [3, 3]]), torch.tensor([0, 0, 1, 0])
    arguments = (model, train, labels, test, truth, 1)
    assert mark(source, "distillation", [Called(arguments, plain([1.0, 0.75]))]) == 1
    assert mark(source, "distillation", [Called(arguments, plain([0.75, 1.0]))]) == 0.5


def test_the_teachers_are_poor_so_that_fidelity_is_not_accuracy(checks: SimpleNamespace) -> None:
    for model, _, _, test, truth, _ in checks.poor_teachers(np.random.default_rng(0)):
        with torch.no_grad():
            accuracy = (model.module()(test).argmax(1) == truth).double().mean()
        assert 0.3 < accuracy < 0.7


# --- knockoffs -----------------------------------------------------------------------------------


def test_the_knockoff_statistic_is_a_squared_gradient(source: Source) -> None:
    def statistics(z: np.ndarray, rival: np.ndarray, matrices: list[np.ndarray]) -> torch.Tensor:
        # A linear network's gradient with respect to feature and knockoff is their importance.
        inputs = torch.zeros(2, len(z), dtype=torch.float64, requires_grad=True)
        signal = torch.tensor(z) * inputs[0] + torch.tensor(rival) * inputs[1]
        for matrix in matrices:
            signal = nn.functional.linear(signal, torch.tensor(matrix))
        signal[0].backward()
        assert inputs.grad is not None
        return inputs.grad[0] ** 2 - inputs.grad[1] ** 2

    assert earned(source, "knockoff-statistic", statistics) == 1


@pytest.mark.parametrize(
    ("statistics", "q", "c", "selected"),
    # By hand. The first is the notebook's worked example.
    [
        ([5, 4, 3, -1, 2], 0.3, 1, [1, 1, 1, 0, 1]),
        ([5, 4, 3, -1, 2], 0.24, 1, [0, 0, 0, 0, 0]),
        ([5, 4, 3, -1, 2], 0.26, 0, [1, 1, 1, 0, 1]),
        ([3, -3, 1], 0.1, 0, [0, 0, 0]),
        ([0, 0], 0.9, 0, [0, 0]),
    ],
)
def test_selection_by_hand(
    checks: SimpleNamespace, statistics: list[float], q: float, c: int, selected: list[int]
) -> None:
    found = checks.select_by_definition(np.array(statistics, dtype=float), q, c)
    assert found.tolist() == [bool(s) for s in selected]


def test_selection_keeps_the_promised_rate(checks: SimpleNamespace) -> None:
    # Barber and Candès 2015, theorem 2, by simulation: the mean share of false discoveries.
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        drawn = rng.normal(size=60) + np.where(np.arange(60) < 20, 2.0, 0.0)
        chosen = checks.select_by_definition(drawn, 0.2, 1)
        shares.append(chosen[20:].sum() / max(1, chosen.sum()))
    assert np.mean(shares) <= 0.2 + 3 * np.std(shares) / 300**0.5
    assert np.mean(shares) > 0.05

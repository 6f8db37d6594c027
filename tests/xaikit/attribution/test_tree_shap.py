"""TreeSHAP against Shapley values summed over all coalitions, and on paper."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from xaikit import tree_shap

FEATURES = 4


def data(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    # As single floats, which trees compare.
    x = rng.normal(size=(120, FEATURES)).astype(np.float32).astype(float)
    y = np.digitize(x[:, 0] * x[:, 1] + x[:, 2], np.linspace(-1, 1, classes + 1)[1:-1])
    return x, y


def shapley(outputs: Any, x: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the definition's sum, (features, classes), absent features from the references."""

    def value(present: tuple[int, ...]) -> np.ndarray:
        rows = references.copy()
        rows[:, list(present)] = x[list(present)]
        return outputs(rows).mean(0)

    found = []
    for i in range(FEATURES):
        others = [k for k in range(FEATURES) if k != i]
        terms = [
            (value((*chosen, i)) - value(chosen)) / (FEATURES * math.comb(FEATURES - 1, size))
            for size in range(FEATURES)
            for chosen in combinations(others, size)
        ]
        found.append(sum(terms))
    return np.stack(found)


@pytest.mark.parametrize(
    ("forest", "classes", "name"),
    [
        (DecisionTreeClassifier(max_depth=4, random_state=0), 3, "predict_proba"),
        (RandomForestClassifier(8, max_depth=4, random_state=0), 3, "predict_proba"),
        (RandomForestClassifier(8, max_depth=4, random_state=0), 2, "predict_proba"),
        (ExtraTreesClassifier(8, max_depth=4, random_state=0), 3, "predict_proba"),
        (GradientBoostingClassifier(n_estimators=6, random_state=0), 2, "decision_function"),
        (RandomForestRegressor(8, max_depth=4, random_state=0), 3, "predict"),
    ],
    ids=["tree", "forest", "two", "extra", "boosting", "regression"],
)
def test_is_the_sum_over_coalitions(forest: Any, classes: int, name: str) -> None:
    x, y = data(classes)
    forest.fit(x, y)
    references, rows = x[:7], x[20:23]

    def outputs(given: np.ndarray) -> np.ndarray:
        scores = getattr(forest, name)(given)
        if scores.ndim == 2:
            return scores
        return scores[:, None] if name == "predict" else np.stack([-scores, scores], 1)

    width = outputs(rows).shape[1]
    every = torch.arange(width).expand(3, -1)
    answer = tree_shap(forest, rows, every, background=references)
    assert answer.attributions.shape == (3, width, FEATURES)
    assert answer.attributions.dtype == torch.float64 and answer.method == "tree_shap"
    for i in range(3):
        expected = shapley(outputs, rows[i], references)
        assert np.abs(answer.attributions[i].T.numpy() - expected).max() < 1e-5
    assert answer.convergence_delta is not None and answer.convergence_delta.abs().max() < 1e-5
    alone = tree_shap(forest, rows, every[:, 0])
    assert alone.convergence_delta is not None and alone.convergence_delta.abs().max() < 1e-5


def test_a_stump_by_hand() -> None:
    # Three examples go left to 0, one right to 8: the mean is 2.
    tree = DecisionTreeRegressor().fit([[0.0, 5], [0, 6], [0, 7], [1, 8]][:4], [0.0, 0, 0, 8])
    split = int(tree.tree_.feature[0])
    x = torch.tensor([[0.0, 5], [1, 8]])
    answer = tree_shap(tree, x)
    assert answer.attributions.dtype == torch.float32
    assert answer.attributions[:, 0, split].tolist() == [-2, 6]
    assert answer.attributions[:, 0, 1 - split].tolist() == [0, 0]
    assert answer.targets.tolist() == [[0], [0]]


X, Y = data(3)
FITTED = RandomForestClassifier(3, random_state=0).fit(X, Y)


@pytest.mark.parametrize(
    ("forest", "inputs", "targets", "options", "kind", "says"),
    [
        (RandomForestClassifier(), X, 0, {}, TypeError, "call its fit first"),
        (LogisticRegression().fit(X, Y), X, 0, {}, TypeError, "use kernel_shap"),
        (LinearRegression().fit(X, Y), X, 0, {}, TypeError, "use kernel_shap"),
        (FITTED, X[:, :2], 0, {}, ValueError, r"have to be \(N, 4\)"),
        (FITTED, X, 3, {}, ValueError, "target 3 is out of range"),
        (FITTED, X, 0, {"background": X[:0]}, ValueError, "at least one reference"),
    ],
)
def test_a_mistake_gets_one_sentence(
    forest: Any, inputs: Any, targets: Any, options: Any, kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says) as raised:
        tree_shap(forest, inputs, targets, **options)
    assert "\n" not in str(raised.value)

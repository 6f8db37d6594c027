"""TreeSHAP: exact Shapley values of tree ensembles."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from xaikit.attribution.explanation import Explanation
from xaikit.core.arguments import checked_targets
from xaikit.core.options import shown


def tree_shap(
    forest: Any,
    inputs: Tensor | ArrayLike,
    targets: Any = 0,
    *,
    background: Tensor | ArrayLike | None = None,
) -> Explanation:
    """Attribute a tree ensemble's outputs to its features: Shapley values in polynomial time.

    shap's TreeExplainer (Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9), with the answer in
    the form of :func:`xaikit.explain`.

    Parameters
    ----------
    forest
        A fitted decision tree, random forest, extra trees or gradient boosting of scikit-learn.
    inputs
        (N, features), a tensor or an array.
    targets
        The class or classes to explain: an int for all inputs, (N,) or (N, T); columns of
        ``predict_proba`` for trees and forests, of the log-odds for boosting. 0 for a regressor.
    background
        References (B, features): a feature that is absent takes their values. Default: absent
        features follow the training examples down the trees.

    Returns
    -------
    Explanation
        ``.attributions`` (N, T, features), in the inputs' dtype, float64 for arrays;
        ``.convergence_delta``: their sum minus the output's difference from its mean.

    Raises
    ------
    TypeError, ValueError
        In one sentence: a model without trees, targets out of range, inputs of another width.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from xaikit import tree_shap
    >>> x = np.array([[0.0, 5.0], [1.0, 5.0]])
    >>> tree = DecisionTreeRegressor(random_state=0).fit(x, [0.0, 1.0])  # the first feature alone
    >>> tree_shap(tree, x).attributions[:, 0]
    tensor([[-0.5000,  0.0000],
            [ 0.5000,  0.0000]], dtype=torch.float64)
    """
    import shap

    start = time.perf_counter()
    x = inputs if isinstance(inputs, Tensor) else torch.as_tensor(_numbers(inputs, "inputs"))
    features = getattr(forest, "n_features_in_", None)
    if features is None:
        raise TypeError(
            f"tree_shap needs a fitted tree ensemble of scikit-learn, not "
            f"{type(forest).__name__}: call its fit first, or use kernel_shap for another model."
        )
    if x.ndim != 2 or x.shape[1] != features or len(x) == 0:
        raise ValueError(
            f"inputs have to be (N, {features}), the forest's features; their shape is "
            f"{tuple(x.shape)}."
        )
    rows = _numbers(x, "inputs")
    references = None
    if background is not None:
        references = _numbers(background, "background")
        if references.ndim != 2 or references.shape[1] != features or len(references) == 0:
            raise ValueError(
                f"background has to be (B, {features}) with at least one reference; its shape is "
                f"{references.shape}."
            )
    try:
        explainer = shap.TreeExplainer(
            forest,
            references,
            feature_perturbation=(
                "tree_path_dependent" if references is None else "interventional"
            ),
        )
    except Exception as error:  # shap has its own class for this, in a private module
        reason = str(error).strip().splitlines()[0]
        raise TypeError(
            f"shap has no trees for {type(forest).__name__} ({reason}): use kernel_shap."
        ) from error
    values = np.asarray(explainer.shap_values(rows, check_additivity=False))
    scores = _outputs(forest, rows)
    usual = np.atleast_1d(np.asarray(explainer.expected_value, dtype=float))
    if values.ndim == 2:
        values = values[:, :, None]
    if values.shape[2] == 1 and scores.shape[1] == 2:  # log-odds of the second class alone
        values = np.concatenate([-values, values], axis=2)
        usual = np.concatenate([-usual[-1:], usual[-1:]])
    wanted = checked_targets(targets, x, scores.shape[1])
    every = torch.as_tensor(values).movedim(2, 1)
    index = wanted.cpu()
    chosen = every.gather(1, index.unsqueeze(2).expand(-1, -1, features))
    change = torch.as_tensor(scores - usual).gather(1, index)
    return Explanation(
        chosen.to(x),
        wanted,
        (chosen.sum(2) - change).to(x),
        "tree_shap",
        time.perf_counter() - start,
    )


def _numbers(value: Any, name: str) -> NDArray[np.float64]:
    """Return a tensor's or an array's values, all finite."""
    plain = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    try:
        numbers: NDArray[np.float64] = np.asarray(plain, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} has to be rows of numbers, not {shown(value)}.") from error
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds nan or infinity.")
    return numbers


def _outputs(forest: Any, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what TreeExplainer explains, (N, classes)."""
    for name in ("decision_function", "predict_proba", "predict"):
        if hasattr(forest, name):
            scores = np.asarray(getattr(forest, name)(rows), dtype=float)
            break
    if scores.ndim == 1:
        scores = scores[:, None]
    if name == "decision_function" and scores.shape[1] == 1:
        scores = np.concatenate([-scores, scores], axis=1)
    return scores

"""Checks: weighted least squares by orthogonalisation."""

from __future__ import annotations

import numpy as np

from autograde.tasks import Call, Called, expect, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array


def _fit(samples: Array, outputs: Array, weights: Array) -> Array:
    """Weighted least squares by orthogonalisation: intercept first."""
    root = np.sqrt(weights)[:, None]
    q, r = np.linalg.qr(root * np.column_stack([np.ones(len(samples)), samples]))
    fitted: Array = np.linalg.solve(r, q.T @ (root[:, 0] * outputs))
    return fitted


def regressions(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for count, size in ((8, 1), (15, 3), (40, 6)):
        weights = rng.uniform(0.05, 3, size=count)
        weights[: count // 5] = 0.0  # a weight may be 0
        cases.append((rng.normal(size=(count, size)), rng.normal(size=count), weights))
    return cases


@task(
    "least-squares",
    Call("weighted_least_squares", regressions, GIVEN),
    read="Section {{ section }}, the normal equations",
)
def least_squares(calls: list[Called]) -> None:
    for call in calls:
        samples, outputs, weights = call.arguments
        reference = _fit(samples, outputs, weights)
        found = expect_array(call.returned, reference.shape, "weighted_least_squares")
        hint = "Solve AᵀΠA c = AᵀΠy, where the first column of A is all ones."
        if np.allclose(found, _fit(samples, outputs, weights**2)):
            hint = "The weights enter twice: to scale rows, take their square roots."
        elif np.allclose(found, _fit(samples, outputs, np.ones(len(outputs)))):
            hint = "The weights have no effect: each squared error counts times its weight."
        elif np.allclose(np.roll(found, 1), reference):
            hint = "The intercept comes first."
        expect_close(found, reference, "weighted_least_squares", hint)


def logistic_models(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for scale in ("log-odds", "probability", "log-odds", "probability"):
        size = int(rng.integers(2, 5))
        w, b, x = rng.normal(size=size), float(rng.normal()), rng.normal(size=size)
        samples = x + rng.normal(size=(80, size))
        cases.append((w, b, x, samples, float(rng.uniform(0.8, 2)), scale))
    return cases


@task(
    "lime-logistic",
    Call("explain_regression", logistic_models, GIVEN),
    read="Section {{ section }}; Ribeiro 2016, section 3",
)
def lime_logistic(calls: list[Called]) -> None:
    wrong = []
    for call in calls:
        w, b, x, samples, sigma, scale = call.arguments
        if scale == "log-odds":
            reference = w  # a linear function is its own best fit, under any weights
        else:
            probability = 0.5 * (1 + np.tanh((samples @ w + b) / 2))
            distance = np.linalg.norm(samples - x, axis=1)
            reference = _fit(samples, probability, np.exp(-((distance / sigma) ** 2)))[1:]
        found = expect_array(call.returned, w.shape, "explain_regression")
        if not np.allclose(found, reference, rtol=1e-3, atol=1e-5):
            wrong.append(scale)
    expect(
        not wrong,
        f"The slopes are not right for: {', '.join(sorted(set(wrong)))}. On the log-odds they "
        "should be w itself; on the probabilities they depend on the kernel exp(−‖z − x‖²/σ²).",
        # The other half is `w`, which is handed in.
        0.5 if set(wrong) == {"log-odds"} else 0,
    )

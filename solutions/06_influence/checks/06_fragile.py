"""Checks: the least damping, found by bisection."""

from __future__ import annotations

import numpy as np

from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, Arguments, tensor


def _spectra(rng: np.random.Generator) -> Arguments:
    """Return eigenvalues, in any order, that need no damping, a little, or more than a negative one."""
    wide, narrow = rng.uniform(5, 9), rng.uniform(4, 5)
    spectra = (
        (rng.uniform(1, 4, size=6), 20.0),  # conditioned well enough as they are
        (np.append(rng.uniform(1, 4, size=5), (0.01, wide)), 20.0),  # positive, badly conditioned
        (np.append(rng.uniform(0, 3, size=5), (-0.5, wide)), 50.0),  # one negative eigenvalue
        (np.append(rng.uniform(-1, 1, size=5), (-6.0, narrow)), 3.0),  # largest in absolute value
        (np.append(rng.uniform(0.1, 1, size=5), (0.0, wide)), 10.0),  # a flat direction
    )
    return [(tensor(rng.permutation(values)), bound) for values, bound in spectra]


def bisected(values: list[float], bound: float) -> float:
    """Return the least damping that is enough, by trying."""

    def enough(damping: float) -> bool:
        shifted = [value + damping for value in values]
        return min(shifted) > 0 and max(shifted) <= bound * min(shifted)

    if enough(0.0):
        return 0.0
    low, high = 0.0, 1e4
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@task("least-damping", Call("least_damping", _spectra, GIVEN), read="section {{ section }}")
def least_damping(calls: list[Called]) -> None:
    """Try dampings."""
    for call in calls:
        values, bound = call.arguments
        expect_close(
            call.returned,
            bisected(values.double().tolist(), bound),
            "least_damping(…)",
            "Damping shifts all eigenvalues. At the least one the largest, divided by the smallest, is "
            "exactly the condition number allowed; where the eigenvalues fulfil it already, it is 0.",
            rtol=1e-3,
            atol=1e-5,
        )

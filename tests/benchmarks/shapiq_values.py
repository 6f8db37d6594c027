"""Shapley values by shapiq, which needs Python 3.12: run by its own environment's interpreter.

``PYTHON shapiq_values.py GAMES VALUES SEEDS BUDGET…``: GAMES is a ``.npz`` with ``tables``
(games, coalitions, targets), where bit i of a coalition's number tells whether segment i is there;
VALUES is written: for each estimator (budgets, seeds, games, targets, segments). Nothing but numpy,
lightgbm and shapiq is imported.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
from shapiq.approximator import KernelSHAP, LeverageSHAP, OddSHAP, kADDSHAP


def main() -> None:
    """Write the values of every estimator, budget, seed, game and target."""
    warnings.simplefilter("ignore")
    games, values, seeds, *budgets = sys.argv[1:]
    with np.load(games) as file:
        tables = file["tables"]
    size = int(np.log2(tables.shape[1]))
    bits = 2 ** np.arange(size)

    def estimate(maker, table, budget, seed):  # type: ignore[no-untyped-def]
        found = maker(n=size, random_state=seed).approximate(
            budget, lambda coalitions: table[coalitions @ bits]
        )
        return [found[(i,)] for i in range(size)]

    results = {
        maker.__name__: [
            [
                [[estimate(maker, table, int(budget), seed) for table in game.T] for game in tables]
                for seed in range(int(seeds))
            ]
            for budget in budgets
        ]
        for maker in (kADDSHAP, LeverageSHAP, OddSHAP, KernelSHAP)
    }
    np.savez(values, **results)


if __name__ == "__main__":
    main()

"""Checks: the share of a map inside a mask, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, tensor


def _maps(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return maps of all kinds: negative throughout, zero, positive only outside or only inside.

    A mask may have any form: here a corner of a square is missing.
    """
    problems = []
    for height, width in ((5, 6), (8, 7), (12, 12)):
        maps = rng.normal(size=(7, height, width))
        mask = np.zeros((height, width), dtype=bool)
        row, column = rng.integers(0, height - 3), rng.integers(0, width - 3)
        mask[row : row + 3, column : column + 3] = True
        mask[row, column] = False
        maps[2] = -np.abs(maps[2])
        maps[3] = 0
        maps[4] = np.where(mask, -1, 1) * np.abs(maps[4])
        maps[5] = np.where(mask, 1, -1) * np.abs(maps[5])
        maps[6] *= 1e-4
        problems.append((tensor(maps), torch.from_numpy(mask)))
    return problems


@task("mass", Call("mass_inside", _maps, GIVEN), read="section {{ section }}")
def mass(calls: list[Called]) -> None:
    """Sum pixel by pixel."""
    for call in calls:
        maps, mask = (np.asarray(each) for each in call.arguments)
        wanted = []
        for values in maps.astype(float):
            inside = sum(max(value, 0) for value in values[mask])
            total = sum(max(value, 0) for value in values.flat)
            wanted.append(inside / total if total > 0 else 0.0)
        expect_close(
            call.returned,
            wanted,
            "mass_inside(…)",
            "Only positive values count, above and below the line; without any the share is zero.",
            rtol=1e-3,
            atol=1e-4,
        )

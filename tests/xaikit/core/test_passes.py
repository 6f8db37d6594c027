"""Passes through the model: an observer counts rows, and ends an explanation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xaikit import explain
from xaikit.core.passes import observed


def test_an_observer_counts_rows_and_ends_an_explanation() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    inputs = torch.rand(2, 1, 8, 8)
    told: list[tuple[int, int]] = []
    with observed(lambda done, total: told.append((done, total))):
        explain(model, inputs, 0, "integrated_gradients", steps=50, chunk=20)
    rows = [done for done, total in told if total == 100]
    assert rows == [0, 20, 40, 50, 70, 90, 100]  # an image's 50 steps in blocks of 20

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyError("stopped")

    with pytest.raises(KeyError, match="stopped"), observed(stop):
        explain(model, inputs, 0, "integrated_gradients", steps=50, chunk=20)
    assert model.training and all(p.requires_grad for p in model.parameters())
    told.clear()
    explain(model, inputs, 0, "gradient")
    assert not told

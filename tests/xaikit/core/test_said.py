"""A warning names the line that asked, and each line is told once."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from xaikit import attack, counterfactual, detect, explain
from xaikit.attribution import superpixels


class Cut(nn.Module):
    """Two layers, and no gradient reaches the inputs from the second."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Linear(64, 3), nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        return self.one(flat) + self.two(flat.detach())


class Chance(Cut):
    """Outputs that change from call to call."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(x, 0.5))


def sure() -> nn.Module:
    """Return a network with probabilities at its end."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Softmax(1))


X, Y = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(
    "asked",
    [
        lambda: explain(Cut(), X[:2], 0, "gradient"),
        lambda: explain(sure(), X[:2], 0, "gradient"),
        lambda: explain(Chance(), X[:2], 0, "occlusion", window=4),
        lambda: superpixels(X[:1, :, :5, :5], "slic"),
        lambda: attack(Cut(), X, Y, "fgsm", epsilon=0.1),
        lambda: counterfactual(Cut(), X[:2], 0, "wachter"),
        lambda: detect(Cut(), X, Y, "neural_cleanse", steps=2),
    ],
)
def test_a_warning_names_the_line_of_the_caller(asked: Callable[[], object]) -> None:
    with warnings.catch_warnings(record=True) as heard:
        asked()
    own = [each for each in heard if each.category is UserWarning]
    assert own
    assert {each.filename for each in own} == {__file__}


@pytest.mark.filterwarnings("default")
def test_each_line_is_told_once() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        for _ in range(2):
            explain(Cut(), X[:2], 0, "gradient")
        explain(Cut(), X[:2], 0, "gradient")
    assert len([each for each in heard if "no gradient reaches" in str(each.message)]) == 2

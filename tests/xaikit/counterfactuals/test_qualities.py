"""Qualities of counterfactuals, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from xaikit import load
from xaikit.autoencoders import load_judges
from xaikit.counterfactuals import Counterfactuals
from xaikit.counterfactuals.qualities import qualities


@pytest.fixture(scope="module")
def images() -> Tensor:
    return load("fashion_mnist", "test").images[:4]


class Constant(nn.Module):
    """An autoencoder that always draws the same."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = torch.tensor(values)

    def forward(self, x: Tensor) -> Tensor:
        return self.values.expand_as(x)


def test_interpretability_by_hand():
    judges = nn.ModuleDict(
        {"0": Constant([1.0, 0.0]), "1": Constant([0.0, 1.0]), "all": Constant([0.5, 0.5])}
    )
    made = torch.tensor([[[0.2, 0.6]], [[1.0, 0.5]]])
    inputs = torch.tensor([[0.8, 0.6], [0.0, 0.5]])
    result = Counterfactuals(
        inputs=inputs,
        counterfactuals=made,
        found=torch.tensor([[True], [False]]),
        predicted=torch.tensor([[1], [1]]),
        distance_l1=torch.tensor([[0.6], [1.0]]),
        distance_l2=torch.tensor([[0.6], [1.0]]),
        targets=torch.tensor([[1], [0]]),
        method="by hand",
        seconds=0.0,
    )
    measured = qualities(result, torch.tensor([0, 1]), judges)
    # First: to AE₁ 0.2² + 0.4² = 0.2, to AE₀ 0.8² + 0.6² = 1. Second: 0.25 and 1 + 0.25.
    assert measured.im1.flatten().tolist() == pytest.approx([0.2, 0.2])
    # AE₁ to all: 0.5² + 0.5² = 0.5, over 0.8; likewise AE₀ to all, over 1.5.
    assert measured.im2.flatten().tolist() == pytest.approx([0.5 / 0.8, 0.5 / 1.5])
    assert measured.sparsity.flatten().tolist() == [0.5, 0.5]
    assert measured.valid.flatten().tolist() == [True, False]


def test_judges_keep_their_precision_and_answer_in_the_results(images: Tensor):
    judges, origins = load_judges("fashion_mnist"), torch.tensor([0, 0, 1, 2])

    def result(x: Tensor) -> Counterfactuals:
        one = torch.ones(4, 1)
        return Counterfactuals(
            x, x[:, None], one > 0, one.long(), one, one, one.long(), "by hand", 0.0
        )

    single, double = (qualities(result(x), origins, judges) for x in (images, images.double()))
    assert double.im1.dtype == double.im2.dtype == torch.float64
    torch.testing.assert_close(double.im1.float(), single.im1)
    torch.testing.assert_close(double.im2.float(), single.im2)
    for wrong, by, says in (
        (origins[:2], judges, r"tensor of shape \(4,\)"),
        (origins.float(), judges, r"tensor of shape \(4,\)"),
        ([0, 0, 1, 2], judges, r"tensor of shape \(4,\)"),
        (origins + 8, judges, "judges lack '10'"),
        (origins, nn.ModuleDict({"1": judges["1"]}), "judges lack 'all'"),
        (origins, dict(judges), "judges have to be a torch.nn.ModuleDict, not dict"),
    ):
        with pytest.raises((ValueError, TypeError), match=says):
            qualities(result(images), wrong, by)

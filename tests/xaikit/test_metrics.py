"""Metrics against closed forms, SciPy, and loops that write the definition out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from xaikit import Explanation, explain
from xaikit.metrics import (
    deletion,
    insertion,
    localisation,
    rank_agreement,
    weight_randomisation,
)


def explained(attributions: Tensor, targets: Tensor | None = None) -> Explanation:
    n, t = attributions.shape[:2]
    chosen = torch.zeros(n, t).long() if targets is None else targets
    return Explanation(attributions, chosen, None, "by hand", 0.0)


def test_deletion_and_insertion_of_a_line_by_hand() -> None:
    model = nn.Linear(4, 2, bias=False)
    model.weight.data = torch.tensor([[1.0, 4, 2, 3], [0, 0, 0, 1]])
    x = torch.ones(1, 4)
    answer = explain(model, x, [[0, 1]], "gradient")
    gone = deletion(model, x, answer, steps=4)
    assert gone.fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert gone.scores.tolist() == [[[10, 6, 3, 1, 0], [1, 0, 0, 0, 0]]]
    assert gone.auc.tolist() == [[(5 + 6 + 3 + 1) / 4, 0.5 / 4]]
    back = insertion(model, x, answer, steps=4)
    assert back.scores.tolist() == [[[0, 4, 7, 9, 10], [0, 1, 1, 1, 1]]]
    # Two steps: fills of 1 change nothing, fills of 2 double what is gone.
    assert deletion(model, x, answer, steps=2, fill=1.0).scores[0, 0].tolist() == [10, 10, 10]
    assert deletion(model, x, answer, steps=2, fill=2 * x).scores[0, 0].tolist() == [10, 17, 20]


@pytest.mark.parametrize("chunk", [1, 7, 128])
@pytest.mark.parametrize("inserts", [False, True])
def test_curves_are_the_loop_over_pixels(
    inserts: bool, chunk: int, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    maps = torch.randn(4, 3, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    fill = images.flip(0)  # one for each image, as blurred ones would be
    metric = insertion if inserts else deletion
    network.train()
    found = metric(network, images, explained(maps, targets), fill=fill, steps=9, chunk=chunk)
    assert network.training
    for i in range(4):
        for t in range(3):
            order = np.argsort(-maps[i, t].flatten().numpy(), kind="stable")
            for step in range(10):
                many = 16 * step
                start, end = (fill, images) if inserts else (images, fill)
                shown = start[i].flatten().clone()
                shown[order[:many].copy()] = end[i].flatten()[order[:many].copy()]
                expected = network(shown.view(1, 1, 12, 12))[0, targets[i, t]].item()
                assert found.scores[i, t, step].item() == pytest.approx(expected, abs=1e-5)
            area = np.trapezoid if hasattr(np, "trapezoid") else np.trapz
            expected = area(found.scores[i, t].numpy(), np.linspace(0, 1, 10))
            assert found.auc[i, t].item() == pytest.approx(expected, abs=1e-6)


def test_pixels_go_with_all_channels() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 1, bias=False))
    nn.init.ones_(model[1].weight)
    x = torch.ones(1, 2, 2, 2)
    maps = torch.tensor([[[[9.0, 0], [0, 0]], [[-9, 1], [0, 0]]]]).unsqueeze(0)
    shown = deletion(model, x, explained(maps), steps=4, fill=-1.0)
    assert shown.scores.tolist() == [[[8, 4, 0, -4, -8]]]


@pytest.mark.parametrize("absolute", [False, True])
def test_rank_agreement_is_scipys(absolute: bool) -> None:
    torch.manual_seed(0)
    one, other = torch.randn(2, 3, 1, 5, 5), torch.randint(-3, 4, (2, 3, 1, 5, 5)).float()
    found = rank_agreement(explained(one), explained(other), absolute=absolute)
    for i in range(2):
        for t in range(3):
            pair = [each[i, t].flatten().numpy() for each in (one, other)]
            expected = spearmanr(*[np.abs(each) if absolute else each for each in pair]).statistic
            assert found[i, t].item() == pytest.approx(expected, abs=1e-12)
    assert rank_agreement(explained(one), explained(one**3)).tolist() == [[1.0] * 3] * 2


def test_localisation_by_hand() -> None:
    maps = torch.tensor([[[[1.0, -5], [2, 1]]], [[[-1, 0], [0, -1]]]]).unsqueeze(2)
    mask = torch.tensor([[[True, True], [False, True]]] * 2)
    found = localisation(explained(maps), mask)
    assert found[0].item() == 0.5 and found[1].isnan()


def test_weight_randomisation_tells_who_reads_the_weights(
    network: nn.Sequential, images: Tensor
) -> None:
    before = [value.clone() for value in network.state_dict().values()]
    state = torch.get_rng_state()
    names, found = weight_randomisation(network, images, [[0, 1]] * 4, "gradient")
    assert names == ["9", "7", "3", "0"] and found.shape == (4, 4, 2)
    assert found[-1].abs().mean() < 0.3 and found[-1].max() < 0.9
    assert all(
        torch.equal(a, b) for a, b in zip(before, network.state_dict().values(), strict=True)
    )
    assert torch.equal(state, torch.get_rng_state())
    again = weight_randomisation(network, images, [[0, 1]] * 4, "gradient")[1]
    assert torch.equal(found, again)
    # Whose map does not depend on weights stays as it was: a constant weight of one.
    fixed = nn.Sequential(nn.Flatten(), Fixed(), nn.Linear(1, 1, bias=False))
    fixed[2].weight.data.fill_(1)
    same = weight_randomisation(fixed, images, 0, "input_x_gradient", absolute=True)[1]
    torch.testing.assert_close(same, torch.ones_like(same), atol=1e-2, rtol=0)


class Fixed(nn.Module):
    """Sums its inputs: nothing to learn."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=1, keepdim=True)


X, MAP = torch.rand(2, 4), torch.rand(2, 1, 4)
NET = nn.Linear(4, 1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: deletion(NET, X[:1], explained(MAP)), "give the inputs that were explained"),
        (lambda: deletion(NET, X, explained(MAP), steps=0), "steps has to be"),
        (lambda: insertion(NET, X, explained(MAP), fill=X[:1]), "fill has to be a number"),
        (lambda: deletion(NET, X, explained(MAP, torch.ones(2, 1).long())), "out of range"),
        (lambda: rank_agreement(explained(MAP), explained(MAP[:1])), "different shapes"),
        (
            lambda: rank_agreement(explained(MAP), explained(MAP, torch.ones(2, 1).long())),
            "different targets",
        ),
        (lambda: localisation(explained(MAP), X), "mask has to be boolean"),
        (lambda: weight_randomisation(nn.Identity(), X, 0, "gradient"), "no layer"),
    ],
)
def test_a_mistake_gets_one_sentence(call: Any, says: str) -> None:
    with pytest.raises((ValueError, TypeError), match=says):
        call()

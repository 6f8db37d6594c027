"""KernelSHAP against Shapley values summed over all coalitions, and against shap."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaikit import explain
from xaikit.attribution.kernel_shap import coalitions


def shapley(value: Callable[[frozenset[int]], Tensor], players: int) -> Tensor:
    """Return the definition's sum over all coalitions, (K, …)."""
    found = []
    for player in range(players):
        others = [each for each in range(players) if each != player]
        terms = []
        for size in range(players):
            weight = 1 / (players * math.comb(players - 1, size))
            for chosen in combinations(others, size):
                rest = frozenset(chosen)
                terms.append(weight * (value(rest | {player}) - value(rest)))
        found.append(torch.stack(terms).sum(0))
    return torch.stack(found)


def masked(
    model: nn.Module, image: Tensor, labels: Tensor, references: Tensor
) -> Callable[[frozenset[int]], Tensor]:
    """Return the game that segments play: the mean output over the references."""
    known: dict[frozenset[int], Tensor] = {}

    def value(present: frozenset[int]) -> Tensor:
        if present not in known:
            shown = torch.isin(labels, torch.tensor(sorted(present)))
            with torch.no_grad():
                known[present] = model(torch.where(shown, image, references)).mean(0)
        return known[present]

    return value


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 2, 5, 8, 10])
def test_all_coalitions_give_the_shapley_values(
    count: int, dtype: torch.dtype, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    network, images = network.to(dtype), images.to(dtype)
    labels = torch.arange(144).view(12, 12) * 7 % count
    samples = max(1, 2**count - 2)
    answer = explain(
        network, images, targets, "kernel_shap", samples=samples, segments=labels, baseline=0.2
    )
    for i in (0, 3):
        game = masked(network, images[i], labels, torch.full((1, 1, 12, 12), 0.2).to(dtype))
        expected = shapley(game, count)[:, targets[i]]
        for k in range(count):
            found = answer.attributions[i, :, 0, labels == k]
            assert (found.sum(1) - expected[k]).abs().max() < 1e-5
            assert (found == found[:, :1]).all()  # its features share alike


def test_single_features_and_a_background() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(7, 9), nn.Tanh(), nn.Linear(9, 3)).double()
    x, references = torch.randn(2, 7).double(), torch.randn(4, 7).double()
    answer = explain(model, x, [[0, 2]] * 2, "kernel_shap", samples=126, background=references)
    for i in range(2):
        expected = shapley(masked(model, x[i], torch.arange(7), references), 7)
        torch.testing.assert_close(answer.attributions[i], expected[:, [0, 2]].T)


def test_a_segment_spans_all_channels() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 5), nn.ReLU(), nn.Linear(5, 2))
    x = torch.rand(1, 3, 4, 4)
    labels = torch.arange(16).view(4, 4) // 4
    answer = explain(model, x, [[0, 1]], "kernel_shap", segments=labels, samples=14)
    expected = shapley(masked(model, x[0], labels, torch.zeros(1, 3, 4, 4)), 4)
    torch.testing.assert_close(answer.attributions[0].sum((1, 3)), expected.T)


@pytest.mark.parametrize("samples", [1, 2, 7, 40, 200])
@pytest.mark.parametrize("segments", ["slic", "grid", None])
def test_maps_add_up_however_few_the_samples(
    segments: str | None, samples: int, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    network, images = network.double(), images.double()
    answer = explain(network, images, targets, "kernel_shap", samples=samples, segments=segments)
    with torch.no_grad():
        change = network(images) - network(torch.zeros(1, 1, 12, 12).double())
    gap = answer.attributions.flatten(2).sum(2) - change.gather(1, targets)
    assert gap.abs().max() < 1e-12
    assert answer.convergence_delta is not None
    assert answer.convergence_delta.abs().max() < 1e-12


def test_a_line_is_exact_from_as_many_samples_as_features() -> None:
    model = nn.Linear(6, 2, bias=False).double()
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).double()
    answer = explain(model, x, [[0, 1]] * 3, "kernel_shap", samples=12)
    torch.testing.assert_close(answer.attributions, (model.weight * x.unsqueeze(1)).detach())


class Products(nn.Module):
    """A sum of weighted products of features, whose Shapley values are known for any number."""

    def __init__(self, size: int, orders: tuple[int, ...]) -> None:
        super().__init__()
        draw = np.random.default_rng(0)
        self.terms = [draw.permutation(size)[:k].tolist() for k in orders for _ in range(size)]
        self.weights = draw.normal(size=len(self.terms)).tolist()

    def forward(self, x: Tensor) -> Tensor:
        terms = zip(self.weights, self.terms, strict=True)
        return torch.stack([weight * x[:, t].prod(1) for weight, t in terms]).sum(0)[:, None]

    def shapley(self, size: int) -> Tensor:
        """Return an even share of each product for each of its features that are all 1."""
        found = torch.zeros(size).double()
        for weight, term in zip(self.weights, self.terms, strict=True):
            found[term] += weight / len(term)
        return found


def products_error(size: int, orders: tuple[int, ...], samples: int, seeds: int = 2) -> float:
    """Return the root mean square error relative to the values'."""
    model, ones = Products(size, orders).double(), torch.ones(1, size).double()
    exact = model.shapley(size)
    found = [
        explain(model, ones, 0, "kernel_shap", samples=samples, seed=seed).attributions[0, 0]
        for seed in range(seeds)
    ]
    return ((torch.stack(found) - exact).square().mean() / exact.square().mean()).sqrt().item()


def test_interactions_of_two_are_exact_where_lines_are() -> None:
    # A coalition less its complement does not see them beyond what single features have.
    assert products_error(12, (1, 2), samples=40) < 1e-8


@pytest.mark.parametrize(
    ("size", "samples", "regressions"), [(10, 64, 0.158), (30, 200, 0.307), (12, 3000, 0.0045)]
)
def test_interactions_leave_six_tenths_of_the_regressions_error(
    size: int, samples: int, regressions: float
) -> None:
    # ``regressions``: the error of the weighted regression alone, on pairs drawn by the kernel.
    # 3,000 samples: more pairs than the fit takes, the others correct it.
    assert products_error(size, (1, 2, 3, 5), samples) < 0.6 * regressions


@pytest.mark.parametrize("size", range(2, 13))
@pytest.mark.parametrize("samples", [1, 6, 30, 126, 500, 4094])
def test_coalitions_differ_and_come_with_their_complements(size: int, samples: int) -> None:
    masks, weights = coalitions(size, samples, torch.Generator().manual_seed(0))
    rows = {tuple(row) for row in masks.tolist()}
    assert len(rows) == len(masks) == len(weights) <= min(samples, 2**size - 2)
    assert {tuple(not each for each in row) for row in rows} == rows
    assert all(0 < sum(row) < size for row in rows)
    if samples >= 2**size - 2:
        assert len(rows) == 2**size - 2
        kernel = [
            (size - 1) / (math.comb(size, sum(row)) * sum(row) * (size - sum(row)))
            for row in masks.tolist()
        ]
        expected = torch.tensor(kernel).double()
        torch.testing.assert_close(weights / weights.sum(), expected / expected.sum())


def test_error_an_evaluation_is_below_shaps() -> None:
    import shap  # takes two seconds

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 3)
    ).double()
    x = torch.randn(3, 10).double()

    def outputs(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.as_tensor(rows)).numpy()

    exact = torch.stack(
        [shapley(masked(model, row, torch.arange(10), torch.zeros(1, 10)), 10).T for row in x]
    )
    explainer = shap.KernelExplainer(outputs, np.zeros((1, 10)))
    every = [[0, 1, 2]] * 3

    def errors(samples: int, seeds: int) -> tuple[float, float]:
        """Return the root mean squared error of ours and of shap's."""
        ours, theirs = [], []
        for seed in range(seeds):
            answer = explain(model, x, every, "kernel_shap", samples=samples, seed=seed)
            ours.append(answer.attributions - exact)
            np.random.seed(seed)
            found = explainer.shap_values(x.numpy(), nsamples=samples, l1_reg=0, silent=True)
            theirs.append(torch.as_tensor(found).movedim(-1, 1) - exact)
        mine, other = (torch.stack(each).square().mean().sqrt().item() for each in (ours, theirs))
        return mine, other

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        both = errors(1022, 1)
        assert max(both) < 1e-12  # all coalitions: the same numbers
        small, large = errors(100, 6), errors(400, 6)
    assert small[0] < small[1] and large[0] < large[1]
    assert large[0] < 0.6 * small[0]

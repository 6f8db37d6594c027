"""Gradients of many examples: from one backward pass, in factors, and in few numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional

from xaikit import influence, self_influence
from xaikit.influence.layered import Layered
from xaikit.influence.memory import zeros
from xaikit.influence.problem import cross_entropy
from xaikit.influence.projection import Projection
from xaikit.influence.rows import Dense, Factors, Parts

DRAW = torch.Generator().manual_seed(0)
IMAGES = torch.rand(60, 1, 12, 12, generator=DRAW, dtype=torch.float64)
LABELS = torch.randint(0, 3, (60,), generator=DRAW)
ASKED = torch.rand(7, 1, 12, 12, generator=DRAW, dtype=torch.float64)
TRUE = torch.randint(0, 3, (7,), generator=DRAW)


class Tied(nn.Module):
    """Its one weight is used twice, once where no layer runs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(144, 144)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.layer(x.flatten(1)).relu()
        return functional.linear(seen, self.layer.weight.T)[:, :3]


class Twice(nn.Module):
    """Its layer runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.Linear(144, 144), nn.Linear(144, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.layer(self.layer(x.flatten(1)).relu()).relu())


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 6, (3, 2), dilation=2, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(48, 8, bias=False),
        nn.ReLU(inplace=True),
        nn.Linear(8, 3),
    )


def normalised() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))


MAKERS = {"convolutional": convolutional, "tied": Tied, "twice": Twice, "normalised": normalised}


def made(name: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return MAKERS[name]().double().eval()


def one_by_one(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return each example's gradient by a backward pass of its own."""
    weights = list(model.parameters())
    found = []
    for image, label in zip(images, labels, strict=True):
        loss = functional.cross_entropy(model(image[None]), label[None])
        each = torch.autograd.grad(loss, weights)
        found.append(torch.cat([part.flatten() for part in each]))
    return torch.stack(found)


@pytest.mark.parametrize("name", MAKERS)
def test_gradients_of_all_layers_are_those_of_one_backward_pass_each(name: str) -> None:
    model = made(name)
    ours, theirs = one_by_one(model, ASKED, TRUE), one_by_one(model, IMAGES, LABELS)
    asked = (model, ASKED, TRUE, (IMAGES, LABELS))
    for method, expected in (
        ("grad_dot", ours @ theirs.T),
        ("grad_cos", functional.normalize(ours) @ functional.normalize(theirs).T),
    ):
        found = influence(*asked, method, layers="all", chunk=16).scores
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    own = self_influence(model, (IMAGES, LABELS), "grad_dot", layers="all")
    torch.testing.assert_close(own, theirs.square().sum(1), rtol=1e-9, atol=1e-12)


def test_one_pass_gives_the_gradients_in_the_order_of_the_parameters() -> None:
    model = made("convolutional")
    names = [name for name, _ in model.named_parameters()]
    expected = one_by_one(model, ASKED, TRUE)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    layered = Layered.of(model, names)
    assert layered is not None
    found = layered.rows(ASKED, TRUE, cross_entropy)
    assert found is not None and found.length < expected.shape[1]
    torch.testing.assert_close(found.dense(), expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(found.norms(), expected.norm(dim=1))


def test_layers_that_hide_something_are_left_to_autograd() -> None:
    twice, normal = made("twice"), made("normalised")
    layered = Layered.of(twice, [name for name, _ in twice.named_parameters()])
    assert layered is not None and layered.rows(ASKED, TRUE, cross_entropy) is None
    assert Layered.of(normal, [name for name, _ in normal.named_parameters()]) is None


def test_the_influence_function_takes_the_hessian_of_the_cross_entropy() -> None:
    """The closed form of a last layer against autograd's Hessian of the mean loss."""
    model = made("convolutional")
    with torch.no_grad():
        seen = [
            torch.cat([model[:-1](each), each.new_ones(len(each), 1)], 1)
            for each in (ASKED, IMAGES)
        ]
    weights = torch.cat([model[-1].weight, model[-1].bias[:, None]], 1).detach()

    def mean_loss(flat: Tensor) -> Tensor:
        return functional.cross_entropy(seen[1] @ flat.view(weights.shape).T, LABELS)

    hessian: Any = torch.autograd.functional.hessian(mean_loss, weights.flatten())
    rows = []
    for features, labels in ((seen[0], TRUE), (seen[1], LABELS)):
        residuals = (features @ weights.T).softmax(1) - functional.one_hot(labels, 3)
        rows.append((residuals[:, :, None] * features[:, None]).flatten(1))
    inverse = torch.linalg.inv(hessian + 0.01 * torch.eye(len(hessian)).double())
    found = influence(model, ASKED, TRUE, (IMAGES, LABELS), "influence_function", damping=0.01)
    torch.testing.assert_close(found.scores, rows[0] @ inverse @ rows[1].T / 60)


def layers(count: int) -> Parts:
    """Return gradients of a dense layer, a long linear one and a short one."""
    return Parts(
        (
            Dense(torch.randn(count, 900, generator=DRAW)),
            Factors(
                torch.cat([torch.rand(count, 300, generator=DRAW), torch.ones(count, 1)], 1),
                torch.randn(count, 5, generator=DRAW),
                apart=True,
            ),
            Factors(torch.rand(count, 20, generator=DRAW), torch.randn(count, 6, generator=DRAW)),
        )
    )


def test_so_many_numbers_are_held_and_products_remain() -> None:
    one, other = layers(30), layers(40)
    exact = one.dense() @ other.dense().T
    torch.testing.assert_close(one.cross(other), exact, rtol=1e-4, atol=1e-3)
    for dimension, least in ((64, 0.0), (256, 0.8), (1400, 1.0)):
        held = [Projection(dimension, 0).held(each) for each in (one, other)]
        assert all(each.length <= dimension for each in held)
        found = stats.spearmanr(held[0].cross(held[1]).flatten(), exact.flatten()).statistic
        assert found >= least - 1e-6
    # A layer that is alone and long: its activations are projected, residuals stay.
    alone = [Projection(128, 0).held(each.layers[1]) for each in (one, other)]
    whole = one.layers[1].cross(other.layers[1])
    assert all(each.length == 128 for each in alone)
    assert stats.spearmanr(alone[0].cross(alone[1]).flatten(), whole.flatten()).statistic > 0.97
    # Errors vanish on the average over seeds.
    by_seed = [[Projection(64, seed).held(each) for each in (one, other)] for seed in range(400)]
    mean = sum(a.cross(b) for a, b in by_seed)
    assert stats.spearmanr((mean / 400).flatten(), exact.flatten()).statistic > 0.97
    assert Projection(1, 0).held(one).length == 1


def test_directions_made_of_products_have_the_error_that_is_said() -> None:
    """Over 400 draws lengths are right on average, with a variance of 3.5 / d at most."""
    entered = torch.cat([torch.rand(5, 20, generator=DRAW), torch.ones(5, 1)], 1)
    rows = Factors(entered, torch.randn(5, 6, generator=DRAW), apart=True)
    exact = rows.dense() @ rows.dense().T
    draws = [Projection(64, seed)(rows) for seed in range(400)]
    found = torch.stack([each.cross(each) for each in draws])
    lengths = exact.diagonal().sqrt()
    error = (found - exact) / (lengths[:, None] * lengths)
    assert float(error.mean(0).abs().max()) < 4 * (3.5 / 64 / 400) ** 0.5
    variance = error.square().mean(0).diagonal()
    assert float(variance.min()) > 1.5 / 64 and float(variance.max()) < 1.25 * 3.5 / 64
    # Another chunk gets the same directions.
    projection = Projection(64, 0)
    parts = [Factors(rows.activations[k : k + 1], rows.residuals[k : k + 1]) for k in range(5)]
    alone = torch.cat([projection(each).values for each in parts])
    torch.testing.assert_close(alone, Projection(64, 0)(rows).values, rtol=1e-5, atol=1e-5)


def test_large_zeros_are_zeros() -> None:
    like = torch.zeros(1, dtype=torch.float32)
    found = zeros((9, 2**20), like)
    assert found.shape == (9, 2**20) and found.dtype == torch.float32 and not found.any()
    found[:, 5].add_(1)
    assert float(found.sum()) == 9

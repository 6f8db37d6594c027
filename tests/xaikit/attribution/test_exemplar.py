"""Exemplars against scikit-learn's nearest neighbours, and on paper."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from xaikit import explain, load, load_pretrained


def test_by_hand() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Identity(), nn.Linear(2, 3))
    model[0].weight.data = torch.tensor([[1.0, 0], [0, 0]])  # the second input does not matter
    model[0].bias.data.zero_()
    examples = torch.tensor([[0.0, 0], [1, 9], [4, 0], [1, 5]])
    answer = explain(
        model,
        torch.tensor([[1.2, 0], [3, 0]]),
        [[0, 1], [1, 0]],
        "exemplar",
        examples=examples,
        labels=torch.tensor([0, 1, 1, 1]),
        steps=1,
    )
    assert answer.details["indices"].tolist() == [[0, 1], [2, 0]]
    torch.testing.assert_close(answer.details["distances"], torch.tensor([[1.2, 0.2], [1, 3]]))
    assert torch.equal(answer.details["exemplars"], examples[answer.details["indices"]])
    # All of the squared distance lies in the first feature.
    expected = torch.tensor([[[-1.44, 0], [-0.04, 0]], [[-1, 0], [-9, 0]]])
    torch.testing.assert_close(answer.attributions, expected)
    assert answer.convergence_delta is None


def test_a_feature_can_bring_an_input_nearer() -> None:
    # One unit 2a − b: from (0, 0) to (3, 2) it rises by 6 − 2; of −16, −24 fall to a, 8 to b.
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Linear(1, 2))
    model[0].weight.data = torch.tensor([[2.0, -1]])
    given = {"examples": torch.zeros(1, 2), "labels": torch.zeros(1).long()}
    found = explain(model, torch.tensor([[3.0, 2]]), 0, "exemplar", layer=model[0], **given)
    torch.testing.assert_close(found.attributions[0, 0], torch.tensor([-24.0, 8]))


@pytest.mark.parametrize("chunk", [5, 128])
@pytest.mark.parametrize("index", [None, 3])
def test_are_the_nearest_neighbours_of_scikit_learn(
    index: int | None, chunk: int, network: nn.Sequential, images: Tensor, targets: Tensor
) -> None:
    torch.manual_seed(3)
    examples, labels = torch.rand(60, 1, 12, 12), torch.arange(60) % 5
    cut = 9 if index is None else index + 1
    answer = explain(
        network,
        images,
        targets,
        "exemplar",
        examples=examples,
        labels=labels,
        layer=None if index is None else network[index],
        chunk=chunk,
        steps=200,
    )
    with torch.no_grad():
        ours, theirs = (network[:cut](x).flatten(1).numpy() for x in (images, examples))
    squared = torch.empty(targets.shape)
    for target in range(5):
        members = (labels == target).nonzero().squeeze(1)
        near = NearestNeighbors(n_neighbors=1).fit(theirs[members])
        distances, places = near.kneighbors(ours)
        for i, t in (targets == target).nonzero().tolist():
            assert answer.details["indices"][i, t] == members[places[i, 0]]
            assert answer.details["distances"][i, t].item() == pytest.approx(
                distances[i, 0], abs=1e-5
            )
            squared[i, t] = float(distances[i, 0]) ** 2
    # The maps share the squared distance out, up to the quadrature over the ReLUs' kinks.
    shares = answer.attributions.flatten(2)
    assert ((shares.sum(2) + squared).abs() < 0.01 * shares.abs().sum(2)).all()


def test_a_training_image_is_its_own_exemplar() -> None:
    model, train = load_pretrained("lecture"), load("fashion_mnist", "train")
    answer = explain(
        model,
        train.images[:3],
        train.labels[:3],
        "exemplar",
        examples=train.images[:400],
        labels=train.labels[:400],
    )
    assert answer.details["distances"].abs().max() < 1e-4
    assert torch.equal(answer.details["exemplars"][:, 0], train.images[:3])
    assert answer.attributions.abs().max() == 0


class Twice(nn.Module):
    """A network whose only linear layer runs two times in a pass."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.linear(x))


class Halves(nn.Module):
    """A network whose linear layer sees two rows an input."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.view(-1, 2)).view(len(x), 2, 3).sum(1)


NET = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
X = torch.rand(2, 4)
GIVEN: dict[str, Any] = {"examples": X, "labels": torch.tensor([0, 1])}


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        (NET, {}, "no card that names its training data"),
        (NET, {"examples": X}, "together, or neither"),
        (NET, {**GIVEN, "labels": torch.tensor([0])}, "with a label each"),
        (NET, {**GIVEN, "labels": torch.tensor([1, 1])}, "no training example has class 0"),
        (NET, {**GIVEN, "layer": nn.ReLU()}, "a module of the model"),
        (NET, {**GIVEN, "steps": 0}, "steps has to be"),
        (nn.Identity(), GIVEN, "no linear layer"),
        (Twice(), GIVEN, "once a pass, on one row an input"),
        (Halves(), GIVEN, "once a pass, on one row an input"),
    ],
)
def test_a_mistake_gets_one_sentence(model: nn.Module, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        explain(model, X, 0, "exemplar", **options)

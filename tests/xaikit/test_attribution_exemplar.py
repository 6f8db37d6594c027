"""Exemplars against scikit-learn's nearest neighbours, and on paper."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from xaikit import exemplar, load, load_pretrained


def test_by_hand() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Identity(), nn.Linear(2, 3))
    model[0].weight.data = torch.tensor([[1.0, 0], [0, 0]])  # the second input does not matter
    model[0].bias.data.zero_()
    examples = torch.tensor([[0.0, 0], [1, 9], [4, 0], [1, 5]])
    found = exemplar(
        model,
        torch.tensor([[1.2, 0], [3, 0]]),
        [[0, 1], [1, 0]],
        examples=examples,
        labels=torch.tensor([0, 1, 1, 1]),
    )
    assert found.indices.tolist() == [[0, 1], [2, 0]]
    torch.testing.assert_close(found.distances, torch.tensor([[1.2, 0.2], [1, 3]]))
    assert torch.equal(found.images, examples[found.indices])


@pytest.mark.parametrize("chunk", [5, 128])
@pytest.mark.parametrize("index", [None, 3])
def test_are_the_nearest_neighbours_of_scikit_learn(
    index: int | None, chunk: int, network: nn.Sequential, images: Tensor, targets: Tensor
) -> None:
    torch.manual_seed(3)
    examples, labels = torch.rand(60, 1, 12, 12), torch.arange(60) % 5
    cut = 9 if index is None else index + 1
    found = exemplar(
        network,
        images,
        targets,
        examples=examples,
        labels=labels,
        layer=None if index is None else network[index],
        chunk=chunk,
    )
    with torch.no_grad():
        ours, theirs = (network[:cut](x).flatten(1).numpy() for x in (images, examples))
    for target in range(5):
        members = (labels == target).nonzero().squeeze(1)
        near = NearestNeighbors(n_neighbors=1).fit(theirs[members])
        distances, places = near.kneighbors(ours)
        for i, t in (targets == target).nonzero().tolist():
            assert found.indices[i, t] == members[places[i, 0]]
            assert found.distances[i, t].item() == pytest.approx(distances[i, 0], abs=1e-5)


def test_a_training_image_is_its_own_exemplar_and_the_model_is_unchanged() -> None:
    model, train = load_pretrained("lecture"), load("fashion_mnist", "train")
    hooks = [len(each._forward_pre_hooks) for each in model.modules()]
    model.train()
    few = torch.arange(400)
    found = exemplar(
        model,
        train.images[:3],
        train.labels[:3],
        examples=train.images[few],
        labels=train.labels[few],
    )
    assert found.distances.abs().max() < 1e-4
    assert torch.equal(found.images[:, 0], train.images[:3])
    assert model.training and all(each.requires_grad for each in model.parameters())
    assert [len(each._forward_pre_hooks) for each in model.modules()] == hooks


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
        (NET, {**GIVEN, "chunk": 0}, "chunk has to be"),
        (nn.Identity(), GIVEN, "no linear layer"),
    ],
)
def test_a_mistake_gets_one_sentence(model: nn.Module, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        exemplar(model, X, 0, **options)

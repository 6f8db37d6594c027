"""Maximised images: an independent network recognises them; their components are scikit-learn's."""

from __future__ import annotations

import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from xaikit import load, load_pretrained
from xaikit.concepts import maximise
from xaikit.concepts.parametrisations import _components, in_pixels, unit_length


def test_another_network_recognises_what_this_one_asks_for(monkeypatch):
    monkeypatch.setenv("XAIKIT_OFFLINE", "1")
    data = load("fashion_mnist", "train").images[:1500]
    model, other = load_pretrained("fashion_mnist"), load_pretrained("lecture")
    found = maximise(model, range(10), data=data, steps=48)
    with torch.no_grad():
        recognised = int((other(found.images).argmax(1) == torch.arange(10)).sum())
        noise = maximise(model, range(10), data=data, steps=48, prior="spectrum").images
        textures = int((other(noise).argmax(1) == torch.arange(10)).sum())
    assert recognised >= 7 and recognised > textures


@pytest.mark.parametrize("shape", [(90, 24), (24, 90)])
def test_components_are_scikit_learns(shape):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(*shape, generator=generator).double()
    rows @= torch.randn(shape[1], shape[1], generator=generator).double()
    mean, basis = _components(rows)
    known = PCA(0.95, svd_solver="full").fit(rows.numpy())
    variances = known.explained_variance_ * (len(rows) - 1) / len(rows)
    covariance = torch.from_numpy(known.components_.T * variances @ known.components_)
    torch.testing.assert_close(basis.T @ basis, covariance)
    torch.testing.assert_close(mean, torch.from_numpy(known.mean_))


def test_an_image_stays_near_to_the_mean_and_does_not_depend_on_its_neighbours():
    generator = torch.Generator().manual_seed(0)
    data = torch.rand(40, 1, 5, 5, generator=generator)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(25, 3))
    both = maximise(linear, [0, 2], data=data, steps=30)
    alone = maximise(linear, 2, data=data, steps=30)
    torch.testing.assert_close(both.images[1:], alone.images)
    assert not torch.equal(both.images[0], both.images[1])
    mean, basis = _components(data.flatten(1).double())
    coordinates = (both.images.flatten(1).double() - mean) @ torch.linalg.pinv(basis)
    assert bool((coordinates.norm(dim=1) <= 0.71 * len(basis) ** 0.5).all())


def test_a_ball_is_climbed_to_its_border():
    ball = in_pixels(torch.zeros(1, 1, 2, 2), 1, 3.0)
    pull = unit_length(torch.tensor([3.0, 0, 0, 4]).view(1, 1, 2, 2))
    for step in range(20):
        ball.climb(ball.images(), pull, step / 20)
    torch.testing.assert_close(ball.images().detach(), 3 * pull)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prior": "wish"}, "unknown prior 'wish': choose one of data, spectrum"),
        ({"data": torch.ones(12, 1, 5, 5)}, "no two different images"),
    ],
)
def test_bad_input_gets_one_sentence(given, said):
    linear = nn.Sequential(nn.Flatten(), nn.Linear(25, 3))
    data = torch.rand(12, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=said):
        maximise(linear, 0, **({"data": data} | given))

"""Probes, maximisation, factorisation, error slices and annotations, each beside an oracle."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.linear_model import RidgeClassifier
from torch import Tensor, nn

import xaikit
from xaikit.concepts import concepts, discover, maximise, probe, slices
from xaikit.concepts.factorisation import factorised, sobol_total
from xaikit.concepts.probes import coordinates, with_random_weights


def noise(number: int, seed: int = 0, side: int = 6) -> Tensor:
    return torch.rand(number, 1, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def small() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)
        )


def test_a_probe_in_fewer_coordinates_is_scikit_learns_on_all():
    features = torch.randn(40, 90, generator=torch.Generator().manual_seed(0))
    labels, train = np.arange(40) % 3, np.arange(28)
    few = coordinates(features, train)
    scale = float((features[train] - features[train].mean(0)).square().sum(1).mean().sqrt())
    short = RidgeClassifier(alpha=0.1).fit(few[train], labels[train]).decision_function(few)
    whole = RidgeClassifier(alpha=0.1).fit(features[train] / scale, labels[train])
    np.testing.assert_allclose(short, whole.decision_function(features / scale), atol=1e-5)


@pytest.mark.parametrize("classifier", ["ridge", "logistic"])
def test_a_probe_reads_what_is_there_and_shuffled_labels_are_not(small, classifier):
    images = noise(200)
    images[::2, :, :3] += 0.5
    labels = torch.arange(200) % 2 == 0
    found = probe(small, images, labels, layer=["0", "1"], classifier=classifier)
    assert found.accuracy["0"].value > 0.95
    assert found.selectivity["0"].control == pytest.approx(
        found.accuracy["0"].value - found.control["0"].value
    )
    shuffled = labels[torch.randperm(200, generator=torch.Generator().manual_seed(0))]
    found = probe(small, noise(200, 5), shuffled, layer="0", classifier=classifier)
    assert binomtest(round(60 * found.accuracy["0"].value), 60, 0.5).pvalue > 0.01


def test_random_weights_are_a_copys_and_the_models_stay(small):
    before = [each.clone() for each in small.parameters()]
    state = torch.get_rng_state()
    other = with_random_weights(small, 3)
    assert torch.equal(state, torch.get_rng_state())
    assert all(map(torch.equal, before, small.parameters()))
    assert not torch.equal(other[0].weight, small[0].weight)


def test_the_maximiser_of_a_linear_model_in_a_ball_is_its_weight():
    linear = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    found = maximise(
        linear,
        [0, 2],
        data=noise(12),
        steps=60,
        radius=2.0,
        jitter=0,
        blur=0,
        total_variation=0,
        l2=0,
    )
    weights = linear[1].weight.detach()[[0, 2]]
    wanted = 2 * weights / weights.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found.images.flatten(1), wanted, rtol=0, atol=1e-4)


def test_maximise_raises_a_unit_and_shows_what_excites_it(small):
    data = noise(30)
    found = maximise(small, layer="1", unit=[2, 0], data=data, steps=40)
    assert found.images.shape == (2, 1, 6, 6) and found.nearest.shape == (2, 9, 1, 6, 6)
    computed = small[:2](data).mean((2, 3))[:, [2, 0]]
    best = data[computed.argmax(0)]
    torch.testing.assert_close(found.nearest[:, 0], best)
    again = maximise(small, layer="1", unit=[2, 0], data=data, steps=40)
    assert torch.equal(found.images, again.images)
    assert (found.images >= 0).all() and (found.images <= 1).all()


def test_a_planted_factorisation_is_found():
    rng = np.random.default_rng(0)
    basis = np.kron(np.eye(3), np.ones(4)) * rng.uniform(0.5, 1, 12)
    held = rng.exponential(size=(80, 3)) * (rng.random((80, 3)) < 0.5)
    coefficients, found, error = factorised(torch.from_numpy(held @ basis), 3, seed=0)
    unit = basis / np.linalg.norm(basis, axis=1, keepdims=True)
    likeness = found.numpy() @ unit.T
    assert error < 0.01 and np.allclose(np.sort(likeness.max(1)), 1, atol=1e-2)
    assert sorted(likeness.argmax(1)) == [0, 1, 2] and coefficients.shape == (80, 3)


def test_sobol_indices_of_a_linear_function_are_its_variances():
    rng = np.random.default_rng(0)
    one, other = (torch.from_numpy(rng.random((20000, 3))) for _ in range(2))
    weights = torch.tensor([3.0, 1.0, 0.0]).double()
    mixed = one.repeat(3, 1, 1)
    for k in range(3):
        mixed[k, :, k] = other[:, k]
    both = torch.cat([one, other]) @ weights
    found = sobol_total(both[None], (one @ weights)[None], (mixed @ weights)[None])[0]
    torch.testing.assert_close(found, weights**2 / (weights**2).sum(), rtol=0, atol=0.03)


@pytest.mark.filterwarnings("error")
def test_no_advice_of_sklearn_is_passed_on_that_nobody_can_follow(small):
    images = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images[3:] = images[:3].repeat(19, 1, 1, 1)
    assert len(slices(small, images, [0] * 60, groups=12).slices) == 3
    discover(small, noise(60, side=12), layer="1", target=0, concepts=3, designs=4)


def test_discover_finds_the_concept_that_the_class_needs(small):
    found = discover(small, noise(12), layer="1", target=0, concepts=3, designs=16)
    assert found.basis.shape == (3, 6) and (found.basis >= 0).all()
    assert found.patches.shape[:2] == (3, 9) and found.maps.shape == (12, 3, 4, 4)
    assert int(found.order[0]) == int(found.importance.argmax())
    with pytest.raises(ValueError, match="negative numbers"):
        discover(small, noise(12) - 5, layer="0", concepts=3)


class Blind(nn.Module):
    """Tells bright from dark, and takes what has a bright corner for dark."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(2, 2)
        with torch.no_grad():
            self.last.weight.copy_(torch.tensor([[-9.0, 9.0], [9.0, -9.0]]))
            self.last.bias.copy_(torch.tensor([4.5, -4.5]))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.stack([x.mean((1, 2, 3)), x[:, 0, 0, 0]], 1))


def planted() -> tuple[Tensor, Tensor, Tensor]:
    images = 0.2 * noise(200)
    labels = torch.arange(200) % 2
    images[labels == 1] += 0.8
    images[:, :, 0, 0] = 0
    bad = torch.zeros(200, dtype=torch.bool)
    bad[1:60:2] = True
    images[bad, :, 0, 0] = 1.5
    return images, labels, bad


def test_a_planted_bad_slice_is_found_and_shuffled_labels_give_none():
    images, labels, bad = planted()
    found = slices(Blind(), images, labels, groups=6)
    worst = found.slices[0]
    assert worst.p_value < 1e-6 and bad[worst.members].all()
    assert int(found.confusions[1, 0]) == 30 and found.error.value == 30 / 200
    alarms = 0
    for run in range(30):
        shuffled = labels[torch.randperm(200, generator=torch.Generator().manual_seed(run))]
        alarms += any(
            each.p_value < 0.05 for each in slices(Blind(), images, shuffled, groups=6).slices
        )
    assert binomtest(alarms, 30, 0.05, alternative="greater").pvalue > 0.01


def test_annotations_follow_their_rules():
    images = torch.zeros(4, 1, 28, 28)
    images[0, 0, 2:26, 10:18] = 0.9
    images[1, 0, 10:18, 2:26] = 0.3
    images[2, 0, 4:24, 4:24] = (torch.arange(20) % 4 < 2).float()[:, None] * 0.7 + 0.2
    images[3, 0, 4:24, 4:14] = 0.9
    images[3, 0, 20:24, 4:24] = 0.9
    names = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker"]
    data = SimpleNamespace(
        images=images, labels=torch.tensor([9, 5, 2, 8]), classes=[*names, "Bag", "Ankle boot"]
    )
    found = concepts(data)
    assert found["tall"].tolist() == [True, False, False, False]
    assert found["bright"].tolist() == [True, False, False, True]
    assert found["striped"].tolist() == [False, False, True, False]
    assert found["symmetric"].tolist() == [True, True, True, False]
    assert found["footwear"].tolist() == [True, True, False, False]
    assert found["bag"].tolist() == [False, False, False, True]
    assert found["has-sleeves"].tolist() == found["upper-body"].tolist()
    assert set(found.rules) == set(found)
    assert set(concepts(images)) == {"bright", "striped", "tall", "symmetric"}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: probe(m, noise(5), [0] * 5), "at least 20 images"),
        (lambda m: probe(m, noise(30)), "labels have to be given"),
        (lambda m: probe(m, noise(30), [0] * 30), "at least two classes"),
        (lambda m: maximise(m, data=noise(12)), "either target="),
        (lambda m: maximise(m, 0), "data has to be given"),
        (lambda m: maximise(m, layer="1", unit=9, data=noise(12)), "units 0 to 5"),
        (lambda m: discover(m, noise(12), layer="1", concepts=99), "at most 6"),
        (lambda m: discover(m, noise(12), layer="x"), "its layers are"),
        (lambda m: slices(m, noise(12), [0] * 12), "at least 50 images"),
        (lambda m: slices(m, noise(60)), "labels have to be given"),
        (
            lambda m: slices(m, noise(1).repeat(60, 1, 1, 1), [0] * 60, groups=3),
            "the same for all images",
        ),
        (lambda m: concepts("x"), "data set"),
    ],
)
def test_bad_input_gets_one_sentence(small, call, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call(small)


def test_the_package_is_reached_from_xaikit():
    assert xaikit.concepts.tcav is xaikit.concepts.sensitivity.tcav

"""TCAV: equal to captum's, its classifier scikit-learn's, and random concepts mean nothing."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import binomtest
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from xaikit.concepts import tcav
from xaikit.concepts.directions import RIDGE, gram, separating, vectors
from xaikit.concepts.shares import holm


def noise(number: int, seed: int, bright: float = 0.0) -> Tensor:
    """Return random images (n, 1, 6, 6), whose upper half is brighter by so much."""
    images = torch.rand(number, 1, 6, 6, generator=torch.Generator().manual_seed(seed))
    images[:, :, :3] += bright
    return images


@pytest.fixture(scope="module")
def small() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, 8),
            nn.ReLU(),
            nn.Linear(8, 3),
        )


def randoms(number: int = 6, size: int = 12, seed: int = 100) -> list[Tensor]:
    return [noise(size, seed + k) for k in range(number)]


def test_equals_captum_at_several_layers_and_concepts(small):
    given = {"bright": noise(12, 1, 0.5), "dark": noise(14, 2, -0.5)}
    ours, theirs = (
        tcav(
            small,
            noise(20, 4),
            1,
            given,
            randoms(5),
            layer=["1", small[3]],
            against=noise(12, 3),
            backend=backend,
        )
        for backend in ("native", "captum")
    )
    assert ours.layers == ("1", "3") and ours.scores.shape == (2, 2, 1)
    for name in ("score", "scores", "p_value", "random_scores", "accuracy"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-6)
    for name in ours.layers:
        torch.testing.assert_close(ours.cavs[name], theirs.cavs[name], rtol=0, atol=1e-5)


def test_the_classifier_is_scikit_learns_ridge_also_left_out():
    features = torch.randn(25, 40, generator=torch.Generator().manual_seed(0)).double()
    inside, outside = torch.arange(10), torch.arange(10, 25)
    found = separating(gram(features), inside, outside)
    labels = torch.tensor([1.0] * 10 + [-1.0] * 15)
    penalty = RIDGE * float((features - features.mean(0)).square().sum(1).mean())
    weights = torch.from_numpy(Ridge(alpha=penalty).fit(features, labels).coef_)
    torch.testing.assert_close(vectors(features, [found])[0], weights / weights.norm())
    right = 0
    for k in range(25):
        kept = [j for j in range(25) if j != k]
        one = Ridge(alpha=penalty).fit(features[kept], labels[kept])
        right += float(one.predict(features[[k]])[0] * labels[k]) > 0
    assert found.accuracy == right / 25


def test_a_concept_that_the_class_depends_on_is_found_and_corrected():
    """The class's output rises with the upper half's brightness, in a way that bends."""
    bends = nn.Sequential(nn.Flatten(), nn.Linear(36, 2), nn.Tanh(), nn.Linear(2, 2))
    with torch.no_grad():
        bends[1].weight.zero_()[0, :18] = 0.1
        bends[1].weight[1, 18:] = 0.1
        bends[1].bias.zero_()
        bends[3].weight.copy_(torch.tensor([[1.0, -0.3], [0.0, 1.0]]))
    given = {"bright": noise(30, 1, 0.6), "random": noise(30, 2)}
    found = tcav(bends, noise(20, 3, 0.3), 0, given, randoms(10, 30), layer="0", chunk=7)
    assert found.score[0, 0] == 1
    assert "bright" in found.explanation


def test_random_concepts_are_significant_as_often_as_they_should_be(small):
    """A count of 25 runs; 200 are in tests/benchmarks/bench_concepts.py."""
    pool = noise(2000, 7)
    images = noise(20, 8)
    alarms, runs = 0, 25
    for run in range(runs):
        order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(run))
        sets = list(pool[order[:132]].split(12))
        alarms += float(tcav(small, images, 0, sets[0], sets[1:], layer="1").p_value) < 0.05
    assert binomtest(alarms, runs, 0.05, alternative="greater").pvalue > 0.01


def test_the_model_comes_back_as_it_was(small):
    small.train()
    small[0].weight.requires_grad_(True)
    before = [each.clone() for each in small.parameters()]
    tcav(small, noise(12, 1), 0, noise(12, 2), randoms(5), layer="1")
    assert small.training and small[0].weight.requires_grad and not small[1]._forward_hooks
    assert all(map(torch.equal, before, small.parameters()))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"layer": "nine"}, "its layers are 0, 1, 2, 3, 4, 5"),
        ({"layer": "4"}, "could only be 0 or 1: choose an earlier layer"),
        ({"layer": "5"}, "could only be 0 or 1"),
        ({"layer": nn.ReLU()}, "the model's own"),
        ({"images": noise(3, 0)}, "at least 10 images"),
        ({"concept": noise(3, 0)}, "at least 10 images"),
        ({"random": []}, "at least 5 sets of random images, and there are 0"),
        ({"concept": torch.rand(12, 1, 5, 5)}, "of the size of the others"),
        ({"target": 7}, "out of range"),
        ({"backend": "other"}, "backend"),
    ],
)
def test_bad_input_gets_one_sentence(small, changed, said):
    given = {
        "images": noise(12, 1),
        "target": 0,
        "concept": noise(12, 2),
        "random": randoms(5),
        "layer": "1",
    }
    with pytest.raises((ValueError, TypeError), match=said) as error:
        tcav(small, **(given | changed))
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


def test_holm_by_hand():
    found = holm(torch.tensor([[0.01, 0.04], [0.03, 0.005]]).double().numpy())
    torch.testing.assert_close(
        torch.from_numpy(found), torch.tensor([[0.03, 0.06], [0.06, 0.02]]).double()
    )

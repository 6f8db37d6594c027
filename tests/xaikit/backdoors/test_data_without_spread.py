"""Data, or classes, in which nothing varies: no crash, no flag, the same answer in every call."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backdoors.planted import EACH, TARGET, Planted
from xaikit.backdoors.activations import by_class
from xaikit.backdoors.spray import spectrum

METHODS = ("spray", "activation_clustering", "spectral_signatures")


def test_the_eigenvalues_of_a_ring_are_known_and_the_same_bytes_in_every_call() -> None:
    # Every point is joined to five on either side: all ones is an eigenvector, and the others
    # are waves, of eigenvalues 1 − (cos t + … + cos 5t) / 5, t a multiple of 2π / n.
    n = 60
    turns = 2 * np.pi * np.arange(n) / n
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    values, vectors = spectrum(ring)
    waves = 1 - np.cos(turns[:, None] * np.arange(1, 6)).mean(1)
    np.testing.assert_allclose(values, np.sort(waves)[:10], atol=1e-9)
    for _ in range(3):
        again = spectrum(ring)
        assert np.array_equal(values, again[0]) and np.array_equal(vectors, again[1])


@pytest.mark.parametrize("method", METHODS)
def test_equal_images_are_no_groups_and_give_the_same_bytes(method: str) -> None:
    planted = Planted(planted=0)
    planted.images[:] = 0.5
    one, two = planted.found(method), planted.found(method)
    assert not one.flagged and one.example_score is not None and two.example_score is not None
    assert torch.equal(one.score, two.score) and one.score.isfinite().all()
    assert torch.equal(one.example_score, two.example_score)
    assert all(torch.equal(value, two.evidence[name]) for name, value in one.evidence.items())


@pytest.mark.parametrize("method", ["activation_clustering", "spectral_signatures"])
@pytest.mark.parametrize("which", ["one class", "all but the target"])
@pytest.mark.parametrize("noise", [0.0, 1e-7])
def test_what_was_planted_is_found_beside_classes_of_equal_images(
    method: str, which: str, noise: float
) -> None:
    planted = Planted()
    equal = planted.labels == 0 if which == "one class" else planted.labels != TARGET
    random = torch.rand(planted.images.shape, generator=torch.Generator().manual_seed(1))
    planted.images[equal] = 0.5 + noise * random[equal]
    found = planted.found(method)
    assert found.target == TARGET and torch.equal(found.suspects, planted.poisoned)  # type: ignore
    assert found.example_score is not None and found.example_score.isfinite().all()
    if not noise:
        assert (found.score[planted.labels[equal]] == 0).all()


def test_deviations_beside_constant_classes_are_the_classs_own() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    features = torch.full((90, 4), 0.5).double()
    features[labels == 1] = torch.rand(30, 4, generator=generator).double()
    group = next(each for each in by_class(features, labels, 3) if each.label == 1)
    own = features[labels == 1]
    # No direction is known to vary: all are measured alike.
    ratio = group.deviations / (own - own.mean(0))
    torch.testing.assert_close(ratio, ratio[0, 0].expand(30, 4))
    assert ratio[0, 0] < 1e7  # squares of what follows still fit into single precision
    assert all(
        (each.deviations == 0).all() for each in by_class(features[:1].repeat(90, 1), labels, 3)
    )


def test_scores_beside_a_clean_part_of_duplicates_stay_within_reason() -> None:
    planted = Planted()
    clean = ((planted.labels == TARGET) & ~planted.poisoned).nonzero().squeeze(1)
    planted.images[clean] = planted.images[clean[0]].clone()
    found = planted.found("spectral_signatures")
    assert found.example_score is not None and torch.equal(found.suspects, planted.poisoned)  # type: ignore
    # A millionth of the class's spread is the least unit, and √n spreads the farthest an example
    # can lie from the mean.
    assert found.example_score.abs().max() <= 1e6 * EACH**0.5
    assert found.example_score[clean].abs().max() < 1


def test_a_class_without_examples_is_not_what_spray_names() -> None:
    # Both classes fall apart, so that none stands out: scores of 0, like that of the empty class 0.
    planted = Planted(planted=0)
    planted.labels = 1 + torch.arange(len(planted.labels)) % 2
    planted.images = planted.images[torch.arange(len(planted.labels)) // 2 % 2]
    found = planted.found("spray")
    assert not found.flagged and (found.score == 0).all() and "class 1" in found.explanation

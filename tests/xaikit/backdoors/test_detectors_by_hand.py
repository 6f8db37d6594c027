"""What data-based detectors compute, against slow rewritings and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from torch import Tensor

from backdoors.planted import CLASSES, TARGET, Planted
from xaikit import detect, load, load_pretrained
from xaikit.backdoors.activations import by_class, penultimate, principal_axes
from xaikit.backdoors.sides import poisoned_part, runners_up
from xaikit.backdoors.spectral_signatures import separation
from xaikit.backdoors.spray import relevance_maps, spectrum
from xaikit.backdoors.suspicion import Suspicion

Rows = NDArray[np.float64]


def slow_separation(values: list[float]) -> tuple[float, float]:
    """Try every cut, each group having five values or more."""
    ordered, best = sorted(values), (-1.0, 0.0, 0.0)
    for k in range(5, len(ordered) - 4):
        low, high = np.array(ordered[:k]), np.array(ordered[k:])
        between = len(low) * len(high) * (high.mean() - low.mean()) ** 2
        apart = (high.mean() - low.mean()) / math.sqrt((low.var() + high.var()) / 2)
        best = max(best, (between, apart, (ordered[k - 1] + ordered[k]) / 2))
    return best[1], best[2]


@pytest.mark.parametrize("seed", range(4))
def test_the_cut_is_the_best_of_all_cuts(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(60, generator=generator).double()
    values[: 10 * seed] += 4
    assert separation(values) == pytest.approx(slow_separation(values.tolist()))
    # Units and the direction do not matter to how far apart the groups are.
    apart, cut = separation(values)
    assert separation(-3 * values) == pytest.approx((apart, -3 * cut))


def test_a_normal_distribution_is_cut_in_halves() -> None:
    shares = (torch.arange(20_000).double() + 0.5) / 20_000
    normal = math.sqrt(2) * torch.erfinv(2 * shares - 1)
    # Half of a normal distribution has mean √(2/π) and variance 1 − 2/π.
    expected = 2 * math.sqrt(2 / math.pi) / math.sqrt(1 - 2 / math.pi)
    apart, cut = separation(normal)
    assert apart == pytest.approx(expected, rel=2e-3) and abs(cut) < 1e-3


def test_deviations_are_mahalanobis_with_the_others_covariance() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(150) % 3
    features = torch.randn(150, 4, generator=generator).double() * torch.tensor([9.0, 1, 0.2, 3])
    features[labels == 1] += 5
    for group in by_class(features, labels, 3):
        rest = [features[labels == k] for k in range(3) if k != group.label]
        centred = torch.cat([rows - rows.mean(0) for rows in rest]).numpy()
        covariance = EmpiricalCovariance(assume_centered=True).fit(centred).covariance_
        shrunk = covariance + 0.1 * np.trace(covariance) / 4 * np.eye(4)
        own = features[group.places]
        apart = (own - own.mean(0)).numpy()
        expected = apart @ np.linalg.solve(shrunk, apart.T)
        np.testing.assert_allclose(group.deviations @ group.deviations.T, expected, rtol=1e-9)
        assert (labels[group.places] == group.label).all() and len(group.places) == 50


def test_principal_axes_are_scikit_learns() -> None:
    rows = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)).double()
    rows = (rows - rows.mean(0)) * torch.tensor([1.0, 2, 3, 4, 5, 6])
    expected = PCA(3, svd_solver="full").fit(rows.numpy()).components_
    mine = principal_axes(rows, 3).T.numpy()
    np.testing.assert_allclose(abs((mine * expected).sum(1)), 1, rtol=1e-9)
    assert principal_axes(rows[:2], 3).shape == (6, 2)


def test_principal_axes_of_fewer_rows_than_features_are_scikit_learns_and_orthonormal() -> None:
    rows = torch.randn(8, 20, generator=torch.Generator().manual_seed(0)).double()
    rows = rows * torch.arange(1, 21)
    rows -= rows.mean(0)
    expected = PCA(3, svd_solver="full").fit(rows.numpy()).components_
    mine = principal_axes(rows, 3).T.numpy()
    np.testing.assert_allclose(abs((mine * expected).sum(1)), 1, rtol=1e-9)
    # Three directions only, the last of them 100,000 times weaker: still axes of unit length.
    few = rows[[0, 0, 1, 1, 2, 2]] * torch.tensor([[1.0], [1], [1], [1], [1e-5], [1e-5]])
    axes = principal_axes(few, 5)
    torch.testing.assert_close(axes.T @ axes, torch.eye(5, dtype=torch.float64))
    strong = torch.linalg.svd(few, full_matrices=False).Vh[:3]
    torch.testing.assert_close((axes[:, :3].T @ strong.T).diagonal().abs(), torch.ones(3).double())


def test_activations_are_what_enters_the_last_linear_layer() -> None:
    model = load_pretrained("lecture")
    images = load("fashion_mnist", "test").images[:30]
    features, scores = penultimate(Suspicion(model, images, None, 10, seed=0, chunk=7))
    with torch.no_grad():
        torch.testing.assert_close(features, model[:-1](images))
        torch.testing.assert_close(scores, model(images))


def test_the_poison_is_the_smaller_part_or_the_more_diverse_one() -> None:
    part = torch.tensor([True] * 3 + [False] * 7)
    assert poisoned_part(part, torch.zeros(10).long())
    assert not poisoned_part(~part, torch.zeros(10).long())
    halves = torch.tensor([True] * 5 + [False] * 5)
    second = torch.tensor([1, 1, 1, 1, 2, 0, 1, 2, 3, 4])
    assert not poisoned_part(halves, second) and poisoned_part(~halves, second)


def test_runners_up_by_hand() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [0.0, -5.0, -4.0]])
    assert runners_up(scores, torch.tensor([0, 1, 0])).tolist() == [2, 0, 2]


def own_deviations(planted: Planted) -> tuple[Tensor, Tensor]:
    """Return the places of the target class and its whitened activations."""
    groups = by_class(planted.images.flatten(1), planted.labels, CLASSES)
    group = next(each for each in groups if each.label == TARGET)
    return group.places, group.deviations


def test_spectral_signatures_are_correlations_with_the_top_singular_vector() -> None:
    planted = Planted()
    places, deviations = own_deviations(planted)
    _, _, axes = np.linalg.svd(deviations.numpy(), full_matrices=False)
    expected = (deviations.numpy() @ axes[0]) ** 2
    found = planted.found("spectral_signatures")
    mine = found.evidence["correlations"][places].square().numpy()
    np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-3)
    score = found.example_score
    assert score is not None
    clean = ~planted.poisoned[places]
    assert score[places][clean].mean().abs() < 1e-4
    assert score[places][clean].std().item() == pytest.approx(1, rel=1e-4)


def test_clusters_silhouettes_and_sizes_are_scikit_learns() -> None:
    planted = Planted()
    found = planted.found("activation_clustering")
    for label in range(CLASSES):
        own = planted.labels == label
        points, part = found.evidence["embedding"][own], found.evidence["clusters"][own]
        expected = silhouette_score(points.numpy(), part.numpy())
        assert found.score[label].item() == pytest.approx(expected, abs=1e-5)
        assert found.evidence["shares"][label] == part.float().mean()
        # Nobody is nearer to the other centre: 2-means has come to rest.
        centres = torch.stack([points[part == side].mean(0) for side in (0, 1)])
        assert torch.equal(torch.cdist(points, centres).argmin(1), part)


def test_size_alone_accuses_clean_classes_and_a_large_part_is_no_suspect() -> None:
    planted = Planted(planted=0)
    found = planted.found("activation_clustering")
    assert found.evidence["shares"].min() > 0.1 and not found.flagged
    strict = detect(
        Planted().model,
        Planted().images,
        Planted().labels,
        "activation_clustering",
        largest=0.05,
    )
    # The planted group is a tenth of its class.
    assert strict.score[TARGET] == 0 and not strict.flagged


def slow_eigenvalues(rows: Rows, near: int) -> Rows:
    """Join nearest neighbours one by one and take all eigenvalues."""
    graph = np.zeros((len(rows), len(rows)))
    for i in range(len(rows)):
        apart = ((rows - rows[i]) ** 2).sum(1)
        apart[i] = np.inf
        for j in np.argsort(apart)[:near]:
            graph[i, j] += 0.5
            graph[j, i] += 0.5
    degree = graph.sum(1)
    return np.linalg.eigvalsh(np.eye(len(rows)) - graph / np.sqrt(np.outer(degree, degree)))


def test_eigenvalues_are_those_of_the_dense_laplacian() -> None:
    rows = np.random.default_rng(0).normal(size=(80, 5))
    values, vectors = spectrum(rows)
    np.testing.assert_allclose(values, slow_eigenvalues(rows, 10)[:10], atol=1e-9)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(10), atol=1e-9)
    # As many eigenvalues are zero as there are groups that nothing joins.
    rows[:20] += 1000
    rows[20:40] -= 1000
    values, _ = spectrum(rows)
    assert (values[:3] < 1e-9).all() and values[3] > 1e-3


def test_relevance_maps_of_a_linear_network_by_hand() -> None:
    planted = Planted()
    maps, scores = relevance_maps(planted.suspicion(), planted.labels)
    (weight,) = planted.model.parameters()
    weights = weight.detach()[planted.labels].view(-1, 6, 6)
    product = planted.images[:, 0] * weights
    expected = product / product.abs().sum((1, 2), keepdim=True)
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(scores.detach(), planted.model(planted.images).detach())


def test_sprays_score_compares_second_eigenvalues() -> None:
    planted = Planted(planted=0)
    found = planted.found("spray")
    second = found.evidence["eigenvalues"][:, 1].double().numpy()
    maps = found.evidence["relevance"][:, 0].flatten(1).double().numpy()
    own = maps[(planted.labels == 0).numpy()]
    assert second[0] == pytest.approx(slow_eigenvalues(own, 10)[1], rel=1e-3)
    for label in range(CLASSES):
        usual = np.median(np.delete(second, label))
        assert found.score[label].item() == pytest.approx(math.log(usual / second[label]), abs=1e-4)

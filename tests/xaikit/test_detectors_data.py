"""Detectors that look into the training data, against planted groups and slow rewritings."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score, silhouette_score
from torch import Tensor, nn

from xaikit import detect, load, load_pretrained
from xaikit.backdoors import Detection, PoisonedDataset, poison, trigger_of
from xaikit.backdoors.activations import by_class, penultimate, principal_axes
from xaikit.backdoors.sides import poisoned_part, runners_up
from xaikit.backdoors.spectral_signatures import separation
from xaikit.backdoors.spray import relevance_maps, spectrum
from xaikit.backdoors.suspicion import Suspicion
from xaikit.data import ImageDataset

METHODS = ("spray", "activation_clustering", "spectral_signatures")
Rows = NDArray[np.float64]
TARGET, CLASSES, EACH = 2, 4, 120


class Planted:
    """Noise with a bright patch in some images of class 2, and a linear network.

    Its activations are the pixels, and relevance is pixel × weight, so what a detector should
    find is known.
    """

    def __init__(self, planted: int = 12, classes: int = CLASSES) -> None:
        generator = torch.Generator().manual_seed(4)
        self.labels = torch.arange(classes * EACH) % classes
        self.images = 0.3 + 0.3 * torch.rand(len(self.labels), 1, 6, 6, generator=generator)
        self.poisoned = torch.zeros(len(self.labels), dtype=torch.bool)
        target = min(TARGET, classes - 1)
        self.poisoned[(self.labels == target).nonzero()[:planted, 0]] = True
        self.images[self.poisoned, :, :2, :2] = 1.0
        linear = nn.Linear(36, classes, bias=False)
        self.model = nn.Sequential(nn.Flatten(), linear).eval()
        weights = torch.rand(classes, 36, generator=generator) - 0.5
        weights[target, [0, 1, 6, 7]] = 1.0
        linear.weight.data.copy_(weights)

    def suspicion(self, chunk: int = 50) -> Suspicion:
        """What a detector is given."""
        classes = int(self.labels.max()) + 1
        return Suspicion(self.model, self.images, self.labels, classes, seed=0, chunk=chunk)

    def found(self, method: str, chunk: int = 128) -> Detection:
        """Examine it."""
        return detect(self.model, self.images, self.labels, method, chunk=chunk)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_was_planted_is_suspected_and_nothing_else(method: str, dtype: torch.dtype) -> None:
    planted = Planted()
    planted.model, planted.images = planted.model.to(dtype), planted.images.to(dtype)
    found = planted.found(method)
    assert found.flagged and found.target == TARGET
    assert found.suspects is not None and found.example_score is not None
    assert torch.equal(found.suspects, planted.poisoned)
    own = planted.labels == TARGET
    assert (
        found.example_score[planted.poisoned].min()
        > found.example_score[own & ~planted.poisoned].max()
    )
    assert found.score.dtype == found.example_score.dtype == dtype
    assert f"lass {TARGET}" in found.explanation and found.method == method


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_flagged_where_nothing_was_planted(method: str) -> None:
    found = Planted(planted=0).found(method)
    assert not found.flagged and found.target is None
    assert found.suspects is not None and not found.suspects.any()


@pytest.mark.parametrize("method", METHODS)
def test_two_classes_are_enough(method: str) -> None:
    planted = Planted(classes=2)
    found = planted.found(method)
    assert found.target == 1
    assert found.suspects is not None and torch.equal(found.suspects, planted.poisoned)


# --- the pieces, one by one -----------------------------------------------------------------------


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


# --- the methods, rewritten -----------------------------------------------------------------------


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


# --- a trained network ----------------------------------------------------------------------------


def some_training_data(each: int) -> ImageDataset:
    """Return so many training images of every class."""
    data = load("fashion_mnist", "train")
    rows = torch.cat([(data.labels == k).nonzero()[:each, 0] for k in range(10)])
    return ImageDataset(data.images[rows], data.labels[rows], data.classes, data.source)


@pytest.fixture(scope="module")
def tainted() -> PoisonedDataset:
    """Images as the shipped poisoned network saw them, 5 % poisoned."""
    card = load_pretrained("fashion_mnist_poisoned").card
    return poison(some_training_data(150), trigger_of(card["trigger"]), card["target"], 0.05)


@pytest.mark.parametrize("method", METHODS)
def test_the_shipped_backdoor_and_its_examples_are_found(
    method: str, tainted: PoisonedDataset
) -> None:
    model = load_pretrained("fashion_mnist_poisoned")
    found = detect(model, tainted.images, tainted.labels, method)
    assert found.flagged and found.target == model.card["target"], found.explanation
    assert found.example_score is not None
    own = tainted.labels == found.target
    score, poisoned = found.example_score[own], tainted.poisoned[own]
    assert roc_auc_score(poisoned, score) > 0.99
    assert (score[poisoned] > score[~poisoned].quantile(0.99)).float().mean() > 0.95


@pytest.mark.parametrize("method", METHODS)
def test_the_clean_network_is_not_flagged(method: str) -> None:
    data = some_training_data(150)
    found = detect(load_pretrained("fashion_mnist"), data.images, data.labels, method)
    assert not found.flagged, found.explanation


# --- promises -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_same_bytes_same_model_and_bounded_chunks(method: str) -> None:
    planted = Planted()
    planted.model.train()
    before, state = copy.deepcopy(planted.model.state_dict()), torch.random.get_rng_state()
    widest = 0

    def watch(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        nonlocal widest
        widest = max(widest, len(given[0]))

    handle = planted.model[0].register_forward_pre_hook(watch)
    one = planted.found(method, chunk=50)
    assert widest <= 50
    handle.remove()
    two, whole = planted.found(method, chunk=50), planted.found(method, chunk=1000)
    for name, value in one.evidence.items():
        assert torch.equal(value, two.evidence[name])
    torch.testing.assert_close(one.score, whole.score, rtol=1e-3, atol=1e-4)
    assert torch.equal(one.suspects, whole.suspects)  # type: ignore[arg-type]
    assert planted.model.training and planted.model[1].weight.requires_grad
    assert torch.equal(state, torch.random.get_rng_state())
    after = planted.model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert not planted.model[1]._forward_pre_hooks


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("method", METHODS)
def test_on_a_gpu_the_same_is_found(method: str) -> None:
    planted = Planted()
    found = detect(planted.model.cuda(), planted.images.cuda(), planted.labels.cuda(), method)
    assert found.suspects is not None and found.suspects.is_cuda
    assert torch.equal(found.suspects.cpu(), planted.poisoned)


@pytest.mark.parametrize("method", METHODS)
def test_without_labels_or_a_second_class_it_says_what_to_do(method: str) -> None:
    planted = Planted()
    with pytest.raises(ValueError, match="as the training saw them"):
        detect(planted.model, planted.images, method=method)
    own = planted.labels == 0
    with pytest.raises(ValueError, match="two classes or more"):
        detect(planted.model, planted.images[own], planted.labels[own], method)


def test_wrong_networks_and_options_are_refused() -> None:
    planted = Planted()
    bare = nn.Sequential(nn.Conv2d(1, CLASSES, 6), nn.Flatten())
    for method in ("activation_clustering", "spectral_signatures"):
        with pytest.raises(ValueError, match="no linear layer"):
            detect(bare, planted.images, planted.labels, method)
    flat = nn.Linear(36, CLASSES)
    with pytest.raises(ValueError, match=r"needs images \(N, C, H, W\)"):
        detect(flat, planted.images.flatten(1), planted.labels, "spray")
    for options, words in (({"components": 0}, "components"), ({"largest": 0.0}, "largest")):
        with pytest.raises(ValueError, match=words):
            detect(
                planted.model, planted.images, planted.labels, "activation_clustering", **options
            )


# --- data without spread --------------------------------------------------------------------------


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


def test_a_linear_layer_that_never_runs_is_named() -> None:
    planted = Planted()
    planted.model.unused = nn.Linear(3, 3)
    planted.model.forward = lambda x: planted.model[1](planted.model[0](x))  # type: ignore
    with pytest.raises(ValueError, match="has to run once a pass"):
        planted.found("spectral_signatures")


def test_infinite_activations_are_named() -> None:
    planted = Planted()

    class Overflowing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(36, CLASSES, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            x = x.flatten(1)
            inverse = 1 / (x - planted.images[7].flatten())
            return self.linear(inverse).nan_to_num(0, 0, 0)

    planted.model = Overflowing()  # type: ignore[assignment]
    for method in ("activation_clustering", "spectral_signatures"):
        with pytest.raises(ValueError, match="activations hold nan or infinity"):
            planted.found(method)


@pytest.mark.parametrize("method", METHODS)
def test_thresholds_and_seeds_are_checked_before_the_search(method: str) -> None:
    planted = Planted()
    arguments = planted.model, planted.images, planted.labels, method
    with pytest.raises(ValueError, match="threshold has to be a finite number, not 'a'"):
        detect(*arguments, threshold="a")
    for seed in (None, -1, 2**33, 0.5):
        with pytest.raises(ValueError, match="seed has to be a whole number"):
            detect(*arguments, seed=seed)  # type: ignore[arg-type]
    assert not detect(*arguments, threshold=1000, seed=np.int64(3)).flagged  # type: ignore
    assert detect(*arguments, threshold=-1000).flagged

"""Detectors that look into the training data: what they find, and what they promise."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from backdoors.planted import CLASSES, TARGET, Planted
from xaikit import detect, load, load_pretrained
from xaikit.backdoors import PoisonedDataset, poison, trigger_of
from xaikit.data import ImageDataset

METHODS = ("spray", "activation_clustering", "spectral_signatures")


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


def some_training_data(each: int) -> ImageDataset:
    """Return this many training images of every class."""
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


def test_a_linear_layer_that_never_runs_does_not_count() -> None:
    planted = Planted()
    expected = planted.found("spectral_signatures").score
    planted.model.unused = nn.Linear(3, 3)
    planted.model.forward = lambda x: planted.model[1](planted.model[0](x))  # type: ignore
    assert torch.equal(planted.found("spectral_signatures").score, expected)
    planted.model.forward = lambda x: x.flatten(1)[:, :CLASSES]  # type: ignore
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

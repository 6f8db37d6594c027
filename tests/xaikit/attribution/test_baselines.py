"""Baselines and backgrounds: what an absent feature shows, for every method that asks."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from attribution.settings import NAMES, cheap
from xaikit import explain, load, load_pretrained
from xaikit.attribution.registry import METHODS
from xaikit.core.problem import Problem
from xaikit.core.references import reference_inputs


@pytest.mark.parametrize(("name", "value"), [("black", 0.0), ("grey", 0.5), ("white", 1.0)])
@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift", "occlusion"])
def test_baselines_have_names(
    method: str, name: str, value: float, network: nn.Module, images: Tensor
) -> None:
    named = explain(network, images, 0, method, baseline=name).attributions
    assert torch.equal(named, explain(network, images, 0, method, baseline=value).attributions)


WITH_BASELINE = [name for name in NAMES if "baseline" in METHODS[name].options]


@pytest.mark.parametrize("method", WITH_BASELINE)
def test_several_references_are_averaged(
    method: str, network: nn.Module, images: Tensor, targets: Tensor, background: Tensor
) -> None:
    options = cheap(method) if method != "kernel_shap" else {"samples": 40}
    found = explain(network, images, targets, method, baseline=background[:3], **options)
    one_by_one = [
        explain(network, images, targets, method, baseline=each, **options).attributions
        for each in background[:3]
    ]
    expected = torch.stack(one_by_one).mean(0)
    assert (found.attributions - expected).abs().max() < 1e-4 * expected.abs().max()
    for chunk in (1, 7):
        parts = explain(
            network, images, targets, method, baseline=background[:3], chunk=chunk, **options
        ).attributions
        assert (found.attributions - parts).abs().max() < 1e-5


@pytest.mark.parametrize("method", WITH_BASELINE)
def test_a_blurred_baseline_is_each_images_own(
    method: str, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    options = cheap(method) if method != "kernel_shap" else {"samples": 40}
    found = explain(network, images, targets, method, baseline="blurred", **options)
    deviation = 12 / 7
    reach = int(2 * deviation) + 1
    taps = torch.arange(-reach, reach + 1).double()
    taps = (-(taps**2) / 2 / deviation**2).exp() / (-(taps**2) / 2 / deviation**2).exp().sum()
    for i in range(len(images)):
        padded = torch.nn.functional.pad(images[i : i + 1].double(), [reach] * 4, "reflect")
        blurred = torch.nn.functional.conv2d(padded, torch.outer(taps, taps)[None, None])[0]
        alone = explain(
            network, images[i : i + 1], targets[i : i + 1], method, baseline=blurred, **options
        )
        apart = (found.attributions[i] - alone.attributions[0]).abs().max()
        assert apart < 1e-4 * alone.attributions.abs().max()


def test_sampled_baselines_are_the_default_background() -> None:
    model, x = load_pretrained("fashion_mnist"), load("fashion_mnist", "test").images[:2]
    sampled = explain(model, x, 0, "deeplift", baseline="samples", seed=2).attributions
    assert torch.equal(sampled, explain(model, x, 0, "deep_shap", seed=2).attributions)


def test_default_background_is_stratified_training_data_of_the_models_card() -> None:
    model = load_pretrained("fashion_mnist")
    train = load("fashion_mnist", "train")
    labels = {
        image.numpy().tobytes(): int(label)
        for image, label in zip(train.images, train.labels, strict=True)
    }
    x = load("fashion_mnist", "test").images[:1]
    problem = Problem(model, x, torch.zeros(1, 1).long(), seed=3, chunk=64)
    chosen = reference_inputs(problem, None)
    assert Counter(labels[image.numpy().tobytes()] for image in chosen) == dict.fromkeys(
        range(10), 5
    )
    assert len({image.numpy().tobytes() for image in chosen}) == 50
    default = explain(model, x, 0, "deep_shap", seed=3).attributions
    assert torch.equal(default, explain(model, x, 0, "deep_shap", background=chosen).attributions)

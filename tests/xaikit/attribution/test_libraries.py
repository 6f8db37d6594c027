"""The same numbers as captum, shap and lime at equal settings, with noise and masks shared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from lime.lime_base import LimeBase
from sklearn.linear_model import Ridge
from sklearn.metrics import pairwise_distances
from torch import Tensor, nn

from xaikit import explain

# captum says that it hooks the model and asks for gradients; shap that it is not vectorised.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def expect_same(found: Tensor, expected: Tensor) -> None:
    """Fail unless both agree to 1e-4 of the largest value."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert expected.abs().max() > 0


def a_target_each(targets: Tensor, attribute: Callable[[Tensor], Any]) -> Tensor:
    """Stack what a library that knows one target an input says for each column."""
    columns = [attribute(column).detach() for column in targets.T]
    return torch.stack(columns, dim=1)


def test_gradient_is_captums(network: nn.Module, images: Tensor, targets: Tensor) -> None:
    saliency = captum.attr.Saliency(network)
    expected = a_target_each(targets, lambda t: saliency.attribute(images, target=t, abs=False))
    expect_same(explain(network, images, targets, "gradient").attributions, expected)


def test_input_x_gradient_is_captums(network: nn.Module, images: Tensor, targets: Tensor) -> None:
    method = captum.attr.InputXGradient(network)
    expected = a_target_each(targets, lambda t: method.attribute(images, target=t))
    expect_same(explain(network, images, targets, "input_x_gradient").attributions, expected)


@pytest.mark.parametrize("steps", [1, 8, 50])
def test_integrated_gradients_is_captums(
    steps: int, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    method, start = captum.attr.IntegratedGradients(network), torch.full((1, 12, 12), 0.3)
    answer = explain(network, images, targets, steps=steps, baseline=0.3)
    assert answer.convergence_delta is not None
    for t in range(targets.shape[1]):
        expected, delta = method.attribute(
            images, start[None], targets[:, t], n_steps=steps, return_convergence_delta=True
        )
        expect_same(answer.attributions[:, t], expected)
        torch.testing.assert_close(answer.convergence_delta[:, t], delta, atol=1e-5, rtol=0)


def test_smoothgrad_is_captums_gradient_on_the_same_noise(
    network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    noise = torch.randn((6, 1, 12, 12), generator=torch.Generator().manual_seed(4))
    spread = 0.1 * (images.amax((1, 2, 3)) - images.amin((1, 2, 3))).view(-1, 1, 1, 1)
    saliency = captum.attr.Saliency(network)
    copies = [
        a_target_each(
            targets, lambda t, x=images + spread * draw: saliency.attribute(x, target=t, abs=False)
        )
        for draw in noise
    ]
    found = explain(network, images, targets, "smoothgrad", samples=6, noise=0.1, seed=4)
    expect_same(found.attributions, torch.stack(copies).mean(0))


@pytest.mark.parametrize("index", [None, 0, 2])
def test_grad_cam_is_captums(
    index: int | None, network: nn.Sequential, images: Tensor, targets: Tensor
) -> None:
    method = captum.attr.LayerGradCam(network, network[3 if index is None else index])

    def attribute(target: Tensor) -> Tensor:
        small = method.attribute(images, target=target, relu_attributions=True)
        return captum.attr.LayerAttribution.interpolate(small, (12, 12), "bilinear")

    layer = None if index is None else network[index]
    found = explain(network, images, targets, "grad_cam", layer=layer)
    expect_same(found.attributions, a_target_each(targets, attribute))


@pytest.mark.parametrize(("window", "stride"), [(4, 4), (3, 2), (5, 1)])
def test_occlusion_is_captums(
    window: int, stride: int, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    method = captum.attr.Occlusion(network)
    shape, step = (1, window, window), (1, stride, stride)
    expected = a_target_each(
        targets, lambda t: method.attribute(images, shape, step, baselines=0.2, target=t)
    )
    found = explain(
        network, images, targets, "occlusion", window=window, stride=stride, baseline=0.2
    )
    expect_same(found.attributions, expected)


# captum's DeepLIFT misses completeness on max pooling; average pooling is common ground.
def test_deeplift_is_captums(averaging: nn.Module, images: Tensor, targets: Tensor) -> None:
    method, start = captum.attr.DeepLift(averaging), torch.full((1, 1, 12, 12), 0.3)
    expected = a_target_each(targets, lambda t: method.attribute(images, start, t))
    found = explain(averaging, images, targets, "deeplift", baseline=0.3)
    expect_same(found.attributions, expected)


def test_deep_shap_is_captums(
    averaging: nn.Module, images: Tensor, targets: Tensor, background: Tensor
) -> None:
    method = captum.attr.DeepLiftShap(averaging)
    expected = a_target_each(targets, lambda t: method.attribute(images, background, t))
    found = explain(averaging, images, targets, "deep_shap", background=background)
    expect_same(found.attributions, expected)


@pytest.mark.parametrize("pooling", ["network", "averaging"])
def test_deep_shap_is_shaps(
    pooling: str,
    images: Tensor,
    targets: Tensor,
    background: Tensor,
    request: pytest.FixtureRequest,
) -> None:
    import shap  # takes two seconds

    network = request.getfixturevalue(pooling)
    values = shap.DeepExplainer(network, background).shap_values(images)  # (N, *shape, classes)
    every = torch.as_tensor(values).movedim(-1, 1).float()
    expected = torch.stack([every[i, row] for i, row in enumerate(targets)])
    found = explain(network, images, targets, "deep_shap", background=background)
    expect_same(found.attributions, expected)
    assert found.convergence_delta is not None
    largest = found.attributions.abs().flatten(2).sum(2)
    assert (found.convergence_delta.abs() < 1e-4 * largest).all()


def neighbours(
    network: nn.Module, image: Tensor, labels: Tensor, samples: int, seed: int, hidden: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return LIME's masks, all outputs for them and their distances, as its documentation says."""
    size = int(labels.max()) + 1
    masks = torch.randint(0, 2, (samples, size), generator=torch.Generator().manual_seed(seed))
    masks[0] = 1
    shown = [torch.where(mask[labels].bool(), image, torch.tensor(hidden)) for mask in masks]
    with torch.no_grad():
        outputs = network(torch.stack(shown)).double().numpy()
    distances = pairwise_distances(masks.double(), masks[:1].double(), metric="cosine").ravel()
    return masks.double().numpy(), outputs, distances


@pytest.mark.parametrize("width", [0.25, 1.0])
@pytest.mark.parametrize("segments", ["auto", "slic", "grid", None])
def test_lime_is_limes_on_the_same_masks(
    segments: str | None, width: float, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    found = explain(
        network,
        images,
        targets,
        "lime",
        samples=60,
        segments=segments,
        kernel_width=width,
        baseline=0.1,
        seed=9,
    )
    explainer = LimeBase(
        lambda d: np.sqrt(np.exp(-(d**2) / width**2)), random_state=np.random.RandomState(0)
    )
    for i, row in enumerate(targets):
        labels = found.details["segments"][i]
        masks, outputs, distances = neighbours(network, images[i], labels, 60, 9, 0.1)
        for t, target in enumerate(row.tolist()):
            _, weights, score, _ = explainer.explain_instance_with_data(
                masks, outputs, distances, target, masks.shape[1], feature_selection="none"
            )
            weight = torch.tensor([value for _, value in sorted(weights)]).float()
            expect_same(found.attributions[i, t], weight[labels].expand(1, 12, 12))
            assert found.details["fit"][i, t].item() == pytest.approx(score, abs=1e-4)


def test_lime_is_a_weighted_ridge_regression(network: nn.Module, images: Tensor) -> None:
    labels = torch.arange(144).view(12, 12) % 5  # segments need not be connected
    found = explain(network, images, 3, "lime", samples=40, segments=labels)
    masks, outputs, distances = neighbours(network, images[1], labels[None], 40, 0, 0.0)
    ridge = Ridge(alpha=1.0).fit(
        masks, outputs[:, 3], sample_weight=np.exp(-(distances**2) / 0.25**2 / 2)
    )
    expect_same(found.attributions[1, 0, 0], torch.tensor(ridge.coef_).float()[labels])


def test_a_map_of_segments_may_differ_by_image(network: nn.Module, images: Tensor) -> None:
    labels = torch.stack([torch.arange(144).view(12, 12) % k for k in (3, 4, 3, 5)])
    together = explain(network, images, 1, "lime", samples=30, segments=labels)
    for i in range(4):
        alone = explain(network, images[i : i + 1], 1, "lime", samples=30, segments=labels[i])
        torch.testing.assert_close(together.attributions[i], alone.attributions[0])


def test_superpixels_are_many_and_connected(images: Tensor) -> None:
    from skimage.measure import label

    from xaikit.attribution import superpixels

    picture = torch.nn.functional.interpolate(images, 28, mode="bilinear")
    found = superpixels(picture, "slic")
    assert found.shape == (4, 1, 28, 28)
    for each in found[:, 0]:
        count = int(each.max()) + 1
        assert each.unique().tolist() == list(range(count)) and 20 <= count <= 80
        assert label((each + 1).numpy(), connectivity=1).max() == count
    grid = superpixels(picture, "grid")[0, 0]
    assert [int(grid[4 * r, 4 * c]) for r in range(7) for c in range(7)] == list(range(49))
    assert grid.flatten().bincount().tolist() == [16] * 49

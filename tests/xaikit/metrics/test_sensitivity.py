"""Max-sensitivity against captum with the same changes of the input, and against closed forms."""

from __future__ import annotations

from typing import Any

import captum.attr
import captum.metrics
import pytest
import torch
from by_hand import explained
from torch import Tensor, nn

from xaikit import Explanation, explain
from xaikit.metrics import random_ranking, sensitivity


def changes(samples: int, radius: float, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return (samples, *shape) changes: the documented draws, written out."""
    generator = torch.Generator().manual_seed(0)
    draws = [torch.rand(shape, generator=generator, dtype=dtype) for _ in range(samples)]
    return radius * (2 * torch.stack(draws) - 1)


@pytest.mark.parametrize(
    ("method", "options", "theirs", "arguments"),
    [
        ("gradient", {}, captum.attr.Saliency, {"abs": False}),
        ("input_x_gradient", {}, captum.attr.InputXGradient, {}),
        (
            "integrated_gradients",
            {"steps": 20, "baseline": 0.5},
            captum.attr.IntegratedGradients,
            {"n_steps": 20, "baselines": 0.5},
        ),
    ],
)
def test_captum_finds_the_same_for_the_same_changes(
    method: str,
    options: dict[str, Any],
    theirs: Any,
    arguments: dict[str, Any],
    averaging: nn.Module,
    images: Tensor,
    targets: Tensor,
) -> None:
    network, images = averaging.double(), images.double()
    answer = explain(network, images, targets, method, **options)
    found = sensitivity(network, images, answer, radius=0.1, samples=5)
    drawn = changes(5, 0.1, (1, 12, 12), torch.float64)
    explainer = theirs(network)
    for i in range(4):
        for t in range(3):
            expected = captum.metrics.sensitivity_max(
                explainer.attribute,
                images[i : i + 1],
                lambda inputs: inputs + drawn,
                n_perturb_samples=5,
                target=int(targets[i, t]),
                **arguments,
            )
            # captum's Gauss–Legendre nodes are ours to 1e-7 or so.
            assert found[i, t].item() == pytest.approx(expected.item(), rel=1e-5)
    assert (found > 0.01).all()


class Bowl(nn.Module):
    """f(x) = ½ ‖x‖² and 3 times that: the gradients are x and 3 x."""

    def forward(self, x: Tensor) -> Tensor:
        half = x.flatten(1).square().sum(dim=1, keepdim=True) / 2
        return torch.cat([half, 3 * half], dim=1)


@pytest.mark.parametrize("shape", [(5,), (7, 3), (2, 4, 4), (2, 3, 4, 5)])
def test_of_a_bowl_it_is_the_closed_form(shape: tuple[int, ...]) -> None:
    x = torch.rand(3, *shape).double()
    answer = explain(Bowl(), x, [[0, 1]] * 3, "gradient")
    longest = changes(8, 0.3, shape, torch.float64).flatten(1).norm(dim=1).max()
    found = sensitivity(Bowl(), x, answer, radius=0.3, samples=8, normalised=False)
    torch.testing.assert_close(found, longest * torch.tensor([[1.0, 3]] * 3).double())
    found = sensitivity(Bowl(), x, answer, radius=0.3, samples=8)
    expected = longest / x.flatten(1).norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, expected.expand(3, 2))
    assert found.dtype == torch.float64


def test_the_method_explains_anew_with_its_own_options_and_seed(
    network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    options: dict[str, Any] = {"samples": 4, "noise": 0.3, "seed": 7, "chunk": 9}
    answer = explain(network, images, targets, "smoothgrad", **options)
    found = sensitivity(network, images, answer, radius=0.2, samples=3)
    before = answer.attributions
    worst = torch.zeros(4, 3)
    for change in changes(3, 0.2, (1, 12, 12), torch.float32):
        after = explain(network, images + change, targets, "smoothgrad", **options).attributions
        for i in range(4):
            for t in range(3):
                ratio = (after[i, t] - before[i, t]).norm() / before[i, t].norm()
                worst[i, t] = max(worst[i, t], ratio)
    torch.testing.assert_close(found, worst)
    assert torch.equal(found, sensitivity(network, images, answer, radius=0.2, samples=3))


def test_the_maximum_grows_with_samples_and_with_the_radius(
    network: nn.Module, images: Tensor
) -> None:
    answer = explain(network, images, 0, "gradient")
    few, many, far = (
        sensitivity(network, images, answer, radius=r, samples=s)
        for r, s in ((0.02, 3), (0.02, 12), (0.2, 12))
    )
    assert (many >= few).all() and (many > few).any() and (far > many).all()
    network.train()
    sensitivity(network, images, answer)
    assert network.training and all(p.requires_grad for p in network.parameters())


def test_a_map_that_never_changes_is_perfectly_insensitive(
    network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    """The flaw: no map is worse, and none scores better."""

    def always_the_same(model: nn.Module, inputs: Tensor) -> Tensor:
        return torch.ones(len(inputs), 3, 1, 12, 12)

    assert (sensitivity(network, images, always_the_same) == 0).all()
    answer = explain(network, images, targets, "gradient")
    assert (sensitivity(network, images, answer) > 0).all()


def test_a_function_of_ones_own_is_explained_by_itself(images: Tensor) -> None:
    answer = explain(Bowl(), images, [[0, 1]] * 4, "gradient")

    def slopes(model: nn.Module, inputs: Tensor) -> Tensor:
        return torch.stack([inputs, 3 * inputs], dim=1)

    expected = sensitivity(Bowl(), images, answer)
    torch.testing.assert_close(sensitivity(Bowl(), images, slopes), expected)


X, NET = torch.rand(2, 4), nn.Linear(4, 1)
MAP = torch.rand(2, 1, 4)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda made: sensitivity(NET, X, explained(MAP)), "was not made by xaikit.explain"),
        (lambda made: sensitivity(NET, X, random_ranking(X, 0)), "was not made by"),
        (lambda made: sensitivity(NET, X[:1], made), "give the inputs that were explained"),
        (lambda made: sensitivity(NET, X, made, radius=0), "radius has to be above 0"),
        (lambda made: sensitivity(NET, X, made, samples=0), "samples has to be"),
        (lambda made: sensitivity(NET, X, lambda _, x: x), "has to return attributions"),
    ],
)
def test_a_mistake_gets_one_sentence(call: Any, says: str) -> None:
    made: Explanation = explain(NET, X, 0, "gradient")
    with pytest.raises(ValueError, match=says):
        call(made)

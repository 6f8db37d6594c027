"""Names, hooks, numbers and networks as users have them: right, or one sentence.

The oracle is the same call with what is plain.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from chain import convolutional
from PIL import Image
from torch import Tensor, nn
from wrong_values import CLASSES, IMAGES, MANY, NETWORK, called

from xaikit import attack, explain, influence
from xaikit.alternatives import described
from xaikit.data import ImageDataset, PhotoDataset
from xaikit.plots import attribution_grid, image_row, overlay

from .test_in_place import tensors


def network() -> nn.Module:
    torch.manual_seed(3)
    return convolutional(nn.MaxPool2d).eval()


@pytest.mark.parametrize(
    ("family", "method"),
    [
        *(("explain", name) for name in ("gradient", "integrated_gradients", "guided_backprop")),
        *(("explain", name) for name in ("lrp", "deep_taylor", "deeplift", "grad_cam")),
        *(("attack", name) for name in ("pgd", "patch")),
        *(("detect", "neural_cleanse"), ("influence", "trak"), ("counterfactual", "wachter")),
    ],
)
def test_backward_hooks_of_the_caller_change_no_slope(family: str, method: str) -> None:
    model, seen = network(), list[str]()

    first, second = model.get_submodule("1"), model.get_submodule("3")
    handle = first.register_full_backward_hook(
        lambda _, given, __: (seen.append("hook"), (given[0] * 0,))[1]  # type: ignore[index]
    )
    second.register_full_backward_pre_hook(lambda *_: seen.append("before"))
    found, expected = (tensors(called(family, method, model=each)) for each in (model, network()))
    assert all(map(torch.equal, found, expected)) and not seen
    # They are the caller's again.
    model(IMAGES.clone().requires_grad_()).sum().backward()
    assert seen == ["before", "hook"]
    handle.remove()
    model(IMAGES).sum().backward()
    assert seen == ["before", "hook", "before"]


def test_what_a_quantised_network_has_no_slopes_for_is_said() -> None:
    class Straight(nn.Module):
        """A layer of which torch knows no derivative, as a quantised one."""

        def __init__(self) -> None:
            super().__init__()
            self.packed = torch.ao.nn.quantized.dynamic.Linear(5, 5)

        def forward(self, x: Tensor) -> Any:
            return self.packed(x)

    try:
        model = nn.Sequential(network(), Straight()).eval()
        model(IMAGES[:1])
    except RuntimeError:
        pytest.skip("this machine has no engine for quantised layers")
    for call in (
        lambda: explain(model, IMAGES[:1], 0, "gradient"),
        lambda: attack(model, IMAGES[:1], 0, "pgd", epsilon=0.1, steps=2),
        lambda: called("counterfactual", "wachter", model=model, inputs=IMAGES[:1]),
    ):
        with pytest.raises(ValueError, match="has no derivative") as raised:
            call()
        assert re.fullmatch(r"[^\n]+[.]", str(raised.value))


def test_influence_goes_through_vmap_and_says_what_torchscript_hides() -> None:
    class Each(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = NETWORK

        def forward(self, x: Tensor) -> Any:
            return torch.func.vmap(lambda one: self.network(one[None])[0])(x)

    def asked(model: nn.Module) -> Tensor:
        found: Tensor = influence(
            model, IMAGES, 0, (MANY, CLASSES), "grad_dot", layers="all"
        ).scores
        return found

    torch.testing.assert_close(asked(Each()), asked(NETWORK))
    with pytest.warns(Warning):
        script = torch.jit.script(network())
    with pytest.raises(ValueError, match=r"TorchScript[^\n]*\.$"):
        asked(script)


@pytest.mark.parametrize("name", ["$x$", r"$\frac{$", "from $5 to $10", "a_b", "50 %"])
@pytest.mark.parametrize("draw", [attribution_grid, overlay])
def test_a_class_keeps_its_name_in_a_figure(draw: Callable[..., Any], name: str) -> None:
    explanation = explain(NETWORK, IMAGES, 2, "gradient")
    figure = draw(explanation, IMAGES, classes=["a", "b", name, "d", "e"])
    figure.canvas.draw()  # it fails on what is no mathematics
    drawn = [axis.title._preprocess_math(axis.get_title()) for axis in figure.axes]
    assert (name, False) in [(" ".join(text.split()), maths is True) for text, maths in drawn]
    assert name in described(figure)


def test_classes_may_be_numbers() -> None:
    data = ImageDataset(MANY, CLASSES, range(5))  # type: ignore[arg-type]
    assert data.classes == [*"01234"]
    explanation = explain(NETWORK, IMAGES, 2, "gradient")
    figure = attribution_grid(explanation, IMAGES, classes=[*range(5)])
    assert "2" in [axis.get_title() for axis in figure.axes]


@pytest.mark.parametrize("images", [IMAGES[:0], IMAGES.numpy(), None])
def test_a_row_needs_images(images: Any) -> None:
    with pytest.raises(ValueError, match=r"at least one image[^\n]*\.$"):
        image_row(images)


@pytest.mark.parametrize("size", [0, -1, 2.5, "96", None])
def test_photographs_have_a_size(tmp_path: Any, size: Any) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (8, 6)).save(path)
    with pytest.raises(ValueError, match=r"whole number of pixels[^\n]*\.$"):
        PhotoDataset([path], torch.tensor([0]), ["a"], size=size)
    assert PhotoDataset([path], [0], ["a"], size=np.int64(7))[0][0].shape == (3, 7, 7)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["fgsm", "pgd", "apgd"])
def test_a_budget_in_grey_values_is_said(method: str) -> None:
    with pytest.raises(ValueError, match=r"epsilon 8 is more than the whole range[^\n]*\.$"):
        attack(NETWORK, IMAGES, 0, method, epsilon=8)
    attack(NETWORK, IMAGES, 0, method, epsilon=1)
    if method != "fgsm":  # a length in all pixels together
        attack(NETWORK, IMAGES, 0, method, epsilon=8, norm="2", steps=2)

"""Networks, pictures and numbers that we did not make: right, or one sentence."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from counterfactuals.linear import linear
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.segmentation import slic
from torch import Tensor, nn
from torch.nn import functional

from xaikit import attack, counterfactual, explain, load
from xaikit.attribution import superpixels
from xaikit.backdoors import Trigger, blended, corner_square, poison
from xaikit.counterfactuals import Generator
from xaikit.data import ImageDataset, PhotoDataset
from xaikit.metrics import deletion, mosaics, random_ranking
from xaikit.models import build
from xaikit.plots import attribution_grid, image_row
from xaikit.widgets import explorer

DRAW = np.random.default_rng(0)


def one_sentence(error: Exception) -> str:
    assert "\n" not in str(error)
    return str(error)


# --- superpixels


def blobs(*shape: int) -> NDArray[np.float64]:
    """Return a picture with coloured regions and noise, in [0, 1]."""
    smooth = ndimage.gaussian_filter(DRAW.random(shape), (0, shape[1] / 8, shape[2] / 8))
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return 0.9 * smooth + 0.1 * DRAW.random(shape)


@pytest.mark.parametrize(
    "picture",
    [
        blobs(3, 32, 32),
        blobs(3, 224, 224),
        3 * blobs(3, 64, 64) - 1.5,
        DRAW.random((3, 32, 32)),
        DRAW.random((1, 28, 28)),
        blobs(1, 96, 96),
        blobs(5, 40, 40),
        np.full((3, 48, 48), 0.3),
        np.full((1, 28, 28), 0.0),
        blobs(3, 256, 16),
        blobs(1, 16, 256),
    ],
    ids=lambda picture: "x".join(map(str, picture.shape)),
)
def test_as_many_connected_superpixels_as_asked_for(picture: NDArray[np.float64]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels = superpixels(torch.as_tensor(picture)[None].float(), "slic")[0, 0].numpy()
    found = np.unique(labels)
    assert 50 / 1.5 <= len(found) <= 50 * 1.5
    assert all(ndimage.label(labels == each)[1] == 1 for each in found)


def test_photographs_and_clothes_have_superpixels() -> None:
    clothes = load("fashion_mnist").images[:20]
    with pytest.warns(UserWarning, match="of 20 images have 2. to 33 superpixels, where 50"):
        ours = superpixels(clothes, "slic")[:, 0].numpy()
    for image, labels in zip(clothes.numpy(), ours, strict=True):  # the course rests on these
        theirs = slic(image, n_segments=50, compactness=0.1, start_label=0, channel_axis=0)
        assert np.array_equal(labels, theirs)
    with pytest.warns(UserWarning, match="1 of 1 images have 16 superpixels"):
        superpixels(torch.rand(1, 3, 4, 4), "slic")


# --- pictures


def test_pictures_of_every_mode_are_read_right(tmp_path: Path) -> None:
    grey = np.tile(np.linspace(0, 255, 8).astype(np.uint8), (8, 1))
    colours = np.stack([grey, grey.T, 255 - grey], -1)
    expected = torch.from_numpy(colours).permute(2, 0, 1) / 255
    ramp = torch.from_numpy(grey).expand(3, 8, 8) / 255
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was turned: show it a quarter clockwise
    clear = np.dstack([colours, np.where(grey > 100, 255, 0).astype(np.uint8)])
    palette = Image.fromarray(colours).quantize(64)
    glass = palette.copy()
    glass.info["transparency"] = palette.getpixel((0, 0))
    pictures = {
        "turned.png": (Image.fromarray(colours), {"exif": turned}, expected.rot90(-1, (1, 2))),
        "sixteen.png": (Image.fromarray(grey.astype(np.uint16) * 257), {}, ramp),
        "sixteen.tiff": (Image.fromarray(grey.astype(np.uint16) * 257), {}, ramp),
        "whole.tiff": (Image.fromarray(grey.astype(np.int32) * 257), {}, ramp),
        "float.tiff": (Image.fromarray(grey.astype(np.float32) / 255), {}, ramp),
        "alpha.png": (
            Image.fromarray(clear),
            {},
            torch.where(torch.from_numpy(grey) > 100, expected, 1.0),
        ),
        "grey alpha.png": (Image.merge("LA", [Image.fromarray(grey)] * 2), {}, None),
        "palette.png": (
            palette,
            {},
            torch.from_numpy(np.array(palette.convert("RGB"))).permute(2, 0, 1) / 255,
        ),
        "print.tiff": (Image.fromarray(colours).convert("CMYK"), {}, expected),
        "bit.png": (Image.fromarray(grey > 100), {}, (ramp > 100 / 255).float()),
    }
    for name, (picture, options, wanted) in pictures.items():
        picture.save(tmp_path / name, **options)
        data = PhotoDataset([tmp_path / name], torch.tensor([0]), ["a"], size=8)
        if wanted is not None:
            assert (data[0][0] - wanted).abs().max() < 1.01 / 255, name
    veil = PhotoDataset([tmp_path / "grey alpha.png"], torch.tensor([0]), ["a"], size=8)[0][0]
    a = ramp.double()
    assert (veil - (a * a + 1 - a)).abs().max() < 2 / 255


# --- ranges and numbers


def test_rounding_out_of_the_range_is_clamped() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 3))
    x = torch.rand(2, 8)
    x[0, 0], x[1, 1] = -1e-6, 1 + 1e-6
    adversarial = attack(model, x, 0, "fgsm", epsilon=0.1).adversarial
    assert adversarial.min() >= 0 and adversarial.max() <= 1
    made = counterfactual(model, x, 0, steps=2, probability=1 + 1e-9)
    assert made.counterfactuals.min() >= 0
    assert explain(model, x, 0, "deep_taylor").attributions.isfinite().all()
    Trigger(torch.full((1, 2, 2), 1 + 1e-6), torch.full((1, 2, 2), 1.0))
    image_row(torch.full((1, 1, 4, 4), 1 + 1e-6))
    data = ImageDataset(torch.rand(9, 1, 6, 6), torch.arange(9) % 3, list("abc"))
    poison(data, corner_square((1, 6, 6)), 0, -1e-9)
    for beyond in (-1e-3, 1e-3):
        with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
            attack(model, x + (beyond < 0) * beyond + (beyond > 0) * (1 + beyond), 0, epsilon=0.1)


@pytest.mark.parametrize("two", [np.int64(2), np.uint8(2), np.array(2), torch.tensor(2)], ids=type)
def test_whole_numbers_of_numpy_and_torch_are_whole_numbers(two: object) -> None:
    images = torch.rand(9, 1, 6, 6)
    data = ImageDataset(images, torch.arange(9) % 3, list("abc"))
    trigger = corner_square((1, 6, 6), size=two)
    assert torch.equal(trigger.alpha, corner_square((1, 6, 6), size=2).alpha)
    assert torch.equal(blended((1, 4, 4), seed=two).pattern, blended((1, 4, 4), seed=2).pattern)
    changed = [poison(data, trigger, n, 0.3, seed=n).labels for n in (two, 2)]
    assert torch.equal(*changed)
    assert torch.equal(build("lecture", two)[0].weight, build("lecture", 2)[0].weight)
    made = [mosaics(images, data.labels, n, seed=n).images for n in (two, 2)]
    assert torch.equal(*made)
    maps = [random_ranking(images, n, seed=n).attributions for n in (two, 2)]
    assert torch.equal(*maps)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    for targets in (two, np.array([2] * 9, np.uint16), [two] * 9):
        assert (explain(model, images, targets, "occlusion", window=two).targets == 2).all()


# --- networks


class Channels(nn.Module):
    """Has a slope for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.bend = nn.Conv2d(1, 4, 3), nn.PReLU(4)
        self.bend.weight.data = torch.tensor([0.1, 0.5, -0.3, 2.0])
        self.end = nn.Linear(4 * 36, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.bend(self.maps(x)).flatten(1))


def test_deeplift_knows_slopes_of_channels_and_outputs_of_any_size() -> None:
    torch.manual_seed(0)
    model, x = Channels().double(), torch.rand(2, 1, 8, 8).double()
    found = explain(model, x, [[0, 1]] * 2, "deeplift", baseline=torch.rand(3, 1, 8, 8))
    assert found.convergence_delta is not None and found.convergence_delta.abs().max() < 1e-10

    class Times(nn.Module):
        def __init__(self, by: float) -> None:
            super().__init__()
            self.by, self.line = by, nn.Linear(8, 2)

        def forward(self, y: Tensor) -> Tensor:
            return self.by * self.line(y * y)  # which the rescale rule does not cover

    for by in (1e-8, 1.0, 1e8):
        with pytest.raises(ValueError, match="would sum to"):
            explain(Times(by), torch.rand(2, 8), 0, "deeplift", baseline=0.3)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = (nn.Conv2d(4, 4, 3, padding=1) for _ in range(2))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.b(self.relu(self.a(x)))
        y += x
        return self.relu(y)


class Residual(nn.Module):
    """A residual block, or the same in the main forward; a second head and an unused layer."""

    def __init__(self, block: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.block = Block()
        self.inside, self.end = block, nn.Linear(4, 3)
        self.second, self.unused = nn.Conv2d(4, 2, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        x = self.block(x) if self.inside else functional.relu_(x + self.block.a(x))
        self.second(x).mean()
        return self.end(x.mean((2, 3)))


@pytest.mark.parametrize("inside", [True, False])
def test_grad_cam_looks_behind_the_addition(inside: bool) -> None:
    torch.manual_seed(0)
    model, x = Residual(inside), torch.rand(3, 1, 8, 8)
    found = explain(model, x, [[0, 2]] * 3, "grad_cam", chunk=2).attributions
    with torch.no_grad():
        stem = model.stem(x).relu()
        joined = model.block(stem) if inside else stem + model.block.a(stem)
    joined.requires_grad_()
    scores = model.end((joined if inside else joined.relu()).mean((2, 3)))
    for t, target in enumerate((0, 2)):
        (slope,) = torch.autograd.grad(scores[:, target].sum(), joined, retain_graph=True)
        expected = (slope.mean((2, 3), keepdim=True) * joined).sum(1).relu()
        torch.testing.assert_close(found[:, t, 0], expected.detach(), atol=1e-7, rtol=1e-4)
    for layer in (model.second, model.unused):
        with pytest.raises(ValueError, match="outputs") as raised:
            explain(model, x, 0, "grad_cam", layer=layer)
        one_sentence(raised.value)


class Sequence(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.lstm = nn.LSTM(4, 4, batch_first=True)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.end = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "attention":
            return self.end(self.attention(x, x, x)[0].mean(1))
        outputs, (last, _) = self.lstm(x)
        return self.end(outputs[:, -1] if self.kind == "outputs" else last[-1])


@pytest.mark.parametrize("kind", ["outputs", "attention", "last"])
def test_layers_that_return_several_things(kind: str) -> None:
    torch.manual_seed(0)
    model, x = Sequence(kind), torch.rand(2, 5, 4)
    layer = model.attention if kind == "attention" else model.lstm
    more = {"examples": torch.rand(6, 5, 4), "labels": torch.arange(6) % 3, "layer": layer}
    found = explain(model, x, 0, "exemplar", **more)
    with torch.no_grad():
        codes = [
            (layer(y, y, y) if kind == "attention" else layer(y))[0] for y in (x, more["examples"])
        ]
    apart = torch.cdist(*(each.flatten(1) for each in codes))[:, [0, 3]]
    torch.testing.assert_close(found.details["distances"][:, 0], apart.amin(1))
    if kind == "last":
        with pytest.raises(ValueError, match=r"does not (reach|lead)|not depend") as raised:
            explain(model, x, 0, "grad_cam", layer=layer)
        one_sentence(raised.value)
    else:
        assert explain(model, x, 0, "grad_cam", layer=layer).attributions.shape == (2, 1, 5, 4)


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.end = nn.Linear(4, 3)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.end(x + y)


@pytest.mark.parametrize(
    ("model", "inputs", "says"),
    [
        (Both(), torch.rand(2, 4), "cannot be called with one tensor.*'y'.*wrap it"),
        (Both(), (torch.rand(2, 4), torch.rand(2, 4)), "several inputs"),
        (nn.Linear(4, 3), torch.rand(4), r"x\[None\]"),
        (nn.Sequential(nn.LazyLinear(3)), torch.rand(2, 4), "lazy"),
    ],
)
def test_what_no_method_takes_is_said(model: nn.Module, inputs: Tensor, says: str) -> None:
    for call in (
        lambda: explain(model, inputs, 0, "gradient"),
        lambda: explain(model, inputs, 0, "lime"),
        lambda: attack(model, inputs, 0, "fgsm", epsilon=0.1),
        lambda: counterfactual(model, inputs, 0),
        lambda: deletion(model, inputs, random_ranking(torch.rand(2, 4), 0)),
    ):
        with pytest.raises((ValueError, TypeError), match=says) as raised:
            call()
        one_sentence(raised.value)


def test_what_cannot_be_shown_is_said() -> None:
    names = list("ab")
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    images = torch.rand(2, 1, 8, 8)
    maps = explain(model, images, [[0, 2]] * 2, "gradient")
    with pytest.raises(ValueError, match=r"2 names, but class 2"):
        attribution_grid(maps, images, classes=names)
    for shown, says in (
        (torch.rand(1, 2, 8, 8), "one channel or three"),
        (torch.rand(1, 5, 8, 8), "one channel or three"),
        (torch.randn(1, 3, 8, 8) * 2, "undo the normalisation"),
    ):
        with pytest.raises(ValueError, match=says):
            image_row(shown)
        with pytest.raises(ValueError, match=says):
            explorer(nn.Flatten(), ImageDataset(shown, torch.tensor([0]), names))
    with pytest.raises(ValueError, match=r"2 names, but .* 3 classes"):
        explorer(model, ImageDataset(images, torch.tensor([0, 1]), names))


@pytest.mark.parametrize("method", ["wachter", "prototype", "rl"])
def test_of_its_own_class_an_image_is_its_own_counterfactual(method: str) -> None:
    model, x = linear([1.0] * 784, -392.0).float(), torch.rand(3, 1, 28, 28)
    own = model(x).argmax(1)
    targets = torch.stack([own, 1 - own], 1)
    options = {
        "wachter": {"steps": 3},
        "prototype": {"steps": 3, "prototypes": "kdtree", "examples": torch.rand(40, 1, 28, 28)},
        "rl": {"generator": Generator((1, 28, 28), 2)},
    }[method]
    found = counterfactual(model, x, targets, method, **options)
    assert found.found[:, 0].all() and (found.predicted[:, 0] == own).all()
    assert torch.equal(found.counterfactuals[:, 0], x) and not found.distance_l1[:, 0].any()

"""Cats and dogs: photographs are cropped at the centre, and never used when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from data.idx_files import one_sentence
from xaikit.data import load


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Wide, tall and square pictures whose shorter side needs no scaling."""
    draw = np.random.default_rng(0)
    shapes = [(96, 160), (160, 96), (96, 96)]
    for part in ("train", "validation"):
        for kind in ("cats", "dogs"):
            folder = tmp_path / "cats_and_dogs" / part / kind
            folder.mkdir(parents=True)
            (folder / "notes.txt").write_text("no photograph")
            for number, shape in enumerate(shapes):
                pixels = draw.integers(0, 256, (*shape, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize("split, part", [("train", "train"), ("test", "validation")])
def test_photographs_are_cropped_at_the_centre(photos: Path, split: str, part: str) -> None:
    ours = load("cats_and_dogs", split, photos)
    assert ours.classes == ["cats", "dogs"] and ours.labels.tolist() == [0, 0, 0, 1, 1, 1]
    transforms = torchvision.transforms
    reference = torchvision.datasets.ImageFolder(
        photos / "cats_and_dogs" / part,
        transforms.Compose([transforms.CenterCrop(96), transforms.ToTensor()]),
        is_valid_file=lambda path: path.endswith(".png"),
    )
    assert reference.classes == ours.classes
    for index, (image, label) in enumerate(reference):
        assert torch.equal(ours[index][0], image) and ours[index][1] == label
    assert torch.equal(ours.images, torch.stack([image for image, _ in reference]))


def test_large_photographs_are_scaled(photos: Path) -> None:
    path = photos / "cats_and_dogs" / "train" / "cats" / "0.png"
    # Grey levels rising from left to right: after scaling by a half the middle 192 columns remain.
    ramp = np.tile(np.arange(256, dtype=np.uint8), (192, 1))
    Image.fromarray(ramp).save(path)
    image = load("cats_and_dogs", "train", photos)[0][0]
    expected = torch.arange(32, 224).float().view(96, 2).mean(1).expand(3, 96, 96) / 255
    assert image.shape == (3, 96, 96)
    # A bilinear filter is symmetric, and a ramp's average is its middle; bytes are rounded.
    assert torch.allclose(image[:, :, 1:-1], expected[:, :, 1:-1], atol=1.01 / 255)


def test_a_damaged_photograph_is_an_error(photos: Path) -> None:
    path = photos / "cats_and_dogs" / "train" / "dogs" / "2.png"
    path.write_bytes(path.read_bytes()[:3000])
    dataset = load("cats_and_dogs", "train", photos)
    dataset[0]
    for read in (lambda: dataset[5], lambda: dataset.images):
        with pytest.raises(ValueError, match="delete it and fetch it again") as caught:
            read()
        assert str(path) in one_sentence(caught.value)


def test_incomplete_photographs_are_an_error(photos: Path) -> None:
    for path in (photos / "cats_and_dogs" / "validation" / "dogs").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="holds no photograph"):
        load("cats_and_dogs", "test", photos)
    (photos / "cats_and_dogs" / "validation" / "dogs").rmdir()
    with pytest.raises(FileNotFoundError, match="a folder of photographs for each class"):
        load("cats_and_dogs", "test", photos)


def test_pets_have_torchvisions_binary_categories(tmp_path: Path) -> None:
    base = tmp_path / "oxford-iiit-pet"
    (base / "annotations" / "trimaps").mkdir(parents=True)
    (base / "images").mkdir()
    rows = ["Abyssinian_1 1 1 1", "beagle_5 5 2 4", "Bengal_2 6 1 2"]
    for file in ("trainval.txt", "test.txt"):
        (base / "annotations" / file).write_text("\n".join(rows) + "\n")
    for row in rows:
        Image.new("RGB", (96, 96), (len(row), 7, 9)).save(base / "images" / f"{row.split()[0]}.jpg")
    for split, theirs in (("train", "trainval"), ("test", "test")):
        reference = torchvision.datasets.OxfordIIITPet(tmp_path, theirs, "binary-category")
        ours = load("cats_and_dogs", split, tmp_path)
        assert ours.labels.tolist() == [label for _, label in reference]
        assert [name.rstrip("s").title() for name in ours.classes] == reference.bin_classes
        for index, (picture, _) in enumerate(reference):
            assert torch.equal(ours[index][0], torchvision.transforms.functional.to_tensor(picture))

"""What users give that is no batch of floats, no data set, no photograph of bytes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import sklearn.datasets
import torch
from PIL import Image
from torch import Tensor
from wrong_values import CLASSES, IMAGES, MANY, NETWORK, Ends

from xaikit import attack, counterfactual, explain
from xaikit.attribution import superpixels
from xaikit.data import ImageDataset, PhotoDataset

INPUTS: dict[str, tuple[Any, str]] = {
    "array": (IMAGES.numpy(), r"torch.from_numpy\(inputs\)"),
    "picture": (Image.fromarray(np.zeros((12, 12), np.uint8)), "not Image"),
    "list": (list(IMAGES), "torch.stack makes one"),
    "bytes": ((IMAGES * 255).byte(), r"inputs.float\(\) / 255"),
    "sparse": (IMAGES.to_sparse(), "dense tensor"),
    "without values": (IMAGES.to("meta"), "dense tensor"),
    "complex": (IMAGES.to(torch.complex64), "floating point"),
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "explain": lambda x: explain(NETWORK, x, 0, "gradient"),
    "attack": lambda x: attack(NETWORK, x, 0, epsilon=0.1),
    "counterfactual": lambda x: counterfactual(NETWORK, x, 0),
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_batch_is_refused_with_what_makes_one(call: str, kind: str) -> None:
    given, says = INPUTS[kind]
    with pytest.raises(TypeError, match=says) as raised:
        CALLS[call](given)
    assert re.fullmatch(r"[^\n]+[.]", str(raised.value))


@pytest.mark.parametrize("function", [lambda z: z.to_sparse(), lambda z: z[:, :0]])
def test_outputs_that_are_no_table_of_classes_are_refused(function: Any) -> None:
    for name in ("gradient", "lime"):
        with pytest.raises((TypeError, ValueError), match=r"the model (returns|has to return)"):
            explain(Ends(NETWORK, function), IMAGES, 0, name)


@pytest.mark.parametrize(
    ("images", "labels", "classes", "says"),
    [
        (MANY.numpy(), CLASSES, [*"abcde"], "floating point tensor"),
        ((MANY * 255).byte(), CLASSES, [*"abcde"], "/ 255"),
        (MANY, CLASSES, ["a"], "label 1 is out of range: there are names of 1 classes"),
        (MANY, CLASSES - 1, [*"abcde"], "label -1 is out of range"),
        (MANY, CLASSES.float(), [*"abcde"], "whole numbers"),
        (MANY, CLASSES == 1, [*"abcde"], "whole numbers"),
        (MANY, CLASSES[:3], [*"abcde"], "30 images but 3 labels"),
    ],
)
def test_data_whose_parts_do_not_fit_are_refused(
    images: Any, labels: Any, classes: list[str], says: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        ImageDataset(images, labels, classes)
    if isinstance(images, Tensor) and images.is_floating_point() and len(labels) == len(images):
        with pytest.raises((TypeError, ValueError), match=says):
            PhotoDataset([Path("a.png")] * len(labels), labels, classes)


def test_labels_may_be_a_list() -> None:
    data = ImageDataset(MANY, CLASSES.tolist(), np.array([*"abcde"]))  # type: ignore[arg-type]
    assert torch.equal(data.labels, CLASSES) and data.classes == [*"abcde"]


def test_bytes_in_a_wider_type_are_bytes(tmp_path: Path) -> None:
    grey = np.tile(np.linspace(0, 255, 8).astype(np.uint8), (8, 1))
    expected = torch.from_numpy(grey).expand(3, 8, 8) / 255
    for kind in (np.int32, np.uint16, np.float32):
        Image.fromarray(grey.astype(kind)).save(tmp_path / "wide.tiff")
        data = PhotoDataset([tmp_path / "wide.tiff"], torch.tensor([0]), ["a"], size=8)
        assert (data[0][0] - expected).abs().max() < 1.01 / 255


SHIPPED = [
    *(Path(sklearn.datasets.__file__).parent / "images").glob("*.jpg"),
    Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg",
]


@pytest.mark.parametrize(("size", "kind"), [(32, "RGB"), (96, "L"), (224, "RGB"), (224, "five")])
def test_photographs_have_as_many_superpixels_as_asked_for(size: int, kind: str) -> None:
    assert len(SHIPPED) == 3
    for path in SHIPPED:
        with Image.open(path) as photo:
            small = photo.convert("L" if kind == "L" else "RGB").resize((size, size))
        pixels = torch.from_numpy(np.array(small, dtype=np.float32) / 255).view(size, size, -1)
        image = pixels.permute(2, 0, 1)[None]
        if kind == "five":
            image = torch.cat([image, image[:, :2].flip(2)], 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = superpixels(image, "slic").unique()
        assert 50 / 1.5 <= len(found) <= 50 * 1.5

"""FashionMNIST in small: four IDX files, written down from the format's description."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from xaikit.data import ImageDataset, catalogue

FULL = os.environ.get("XAIKIT_DATA", "")

needs_full = pytest.mark.skipif(
    not (Path(FULL) / "FashionMNIST" / "raw").is_dir(),
    reason="needs the full data: let XAIKIT_DATA name a folder with FashionMNIST/raw and MNIST/raw",
)

STEMS = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

TORCHVISION = {
    "fashion_mnist": torchvision.datasets.FashionMNIST,
    "mnist": torchvision.datasets.MNIST,
}


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an IDX file, written down from the format's description."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def tiny_contents(seed: int = 0) -> dict[str, bytes]:
    """Four small files: 30 training and 20 test images of 28 × 28 pixels."""
    draw = np.random.default_rng(seed)
    contents = {}
    for split, count in (("train", 30), ("test", 20)):
        images, labels = STEMS[split]
        contents[images] = idx_bytes(draw.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        contents[labels] = idx_bytes((np.arange(count) % 10).astype(np.uint8))
    return contents


def put(folder: Path, contents: dict[str, bytes], zipped: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in contents.items():
        if zipped:
            (folder / f"{stem}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / stem).write_bytes(content)
    return folder


def publish(monkeypatch: pytest.MonkeyPatch, contents: dict[str, bytes], **changes: object) -> None:
    """Declare these the published contents of FashionMNIST."""
    sums = {stem: hashlib.sha256(content).hexdigest() for stem, content in contents.items()}
    entry = catalogue.IDX_DATA["fashion_mnist"]
    changed = dataclasses.replace(entry, **{"sha256": sums, **changes})  # type: ignore[arg-type]
    monkeypatch.setitem(catalogue.IDX_DATA, "fashion_mnist", changed)


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert text and "\n" not in text, "an error is one line"
    return text


def assert_same_as_torchvision(ours: ImageDataset, theirs: torchvision.datasets.MNIST) -> None:
    assert ours.images.dtype == torch.float32 and ours.labels.dtype == torch.int64
    assert ours.images.shape == (len(theirs), 1, 28, 28)
    # Division of a byte by 255 is what torchvision's ToTensor does.
    assert torch.equal(ours.images[:, 0], theirs.data.float() / 255)
    assert torch.equal(ours.labels, theirs.targets)
    picture, label = theirs[7]
    assert torch.equal(ours[7][0], torchvision.transforms.functional.to_tensor(picture))
    assert ours[7][1] == label and isinstance(ours[7][1], int)
    assert len(ours) == len(theirs)


IMAGES, LABELS = STEMS["test"]

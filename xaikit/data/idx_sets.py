"""How are FashionMNIST and MNIST read? Four IDX files each, from the first place that has them."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import numpy as np
import torch

from xaikit.data import idx
from xaikit.data.catalogue import IDX_DATA, SAMPLE, SAMPLE_PER_CLASS, IdxData
from xaikit.data.dataset import ImageDataset
from xaikit.data.places import cache_folder, download, folders


def load(name: str, split: str, root: str | Path | None) -> ImageDataset:
    """Return FashionMNIST or MNIST, as :func:`xaikit.load` documents it."""
    data = IDX_DATA[name]
    for folder in _idx_folders(data, root):
        if (files := _find(folder, split)) is not None and not _is_another(name, files[1]):
            return _read(name, files, str(folder), data.sha256)
    images, labels = stems(split)
    if root is not None:
        raise FileNotFoundError(
            f"{root} holds no {data.folder}: it should contain {data.folder}/raw with "
            f"{images}.gz and {labels}.gz."
        )
    if (problem := download(data.folder)) is None:
        return load(name, split, cache_folder())
    if not data.sampled:
        raise FileNotFoundError(
            f"{data.folder} is not on this machine and cannot be downloaded ({problem}): "
            f"let XAIKIT_DATA name a folder that contains {data.folder}/raw with {images}.gz and "
            f"{labels}.gz."
        )
    _announce_sample(data.folder, problem)
    return embedded(name, split)


def embedded(name: str, split: str) -> ImageDataset:
    """Return the sample that this package carries, wherever else the data lies.

    Raises
    ------
    FileNotFoundError
        If it is missing.

    Examples
    --------
    >>> from xaikit.data import embedded
    >>> data = embedded("fashion_mnist", "test")
    >>> len(data), data.source
    (1000, 'embedded sample')
    """
    folder = IDX_DATA[name].folder
    sample = _find(SAMPLE / folder / "raw", split)
    if sample is None:
        raise FileNotFoundError(f"{SAMPLE} lacks {folder}: reinstall xaikit.")
    return _read(name, sample, "embedded sample", {})


def _idx_folders(data: IdxData, root: str | Path | None) -> list[Path]:
    """Return the folders to look into for the four files, in this order."""
    places = [[place / data.folder / "raw", place / "raw", place] for place in folders(root)]
    if root is None and data.debian is not None:
        places.insert(-1, [data.debian])  # The cache comes last.
    return [folder for place in places for folder in place]


def stems(split: str) -> tuple[str, str]:
    """Return what the images' and the labels' file of a split are called, without ``.gz``."""
    prefix = "train" if split == "train" else "t10k"
    return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"


def _find(folder: Path, split: str) -> tuple[Path, Path] | None:
    """Return the images' and the labels' file, or None if the folder has no file of either split.

    Raises
    ------
    FileNotFoundError
        If there are some of the files but not these two: a download broke off.
    """
    found = {
        stem: path
        for stem in (*stems("train"), *stems("test"))
        for path in (folder / f"{stem}.gz", folder / stem)
        if path.is_file()
    }
    if not found:
        return None
    images, labels = stems(split)
    if lacking := [stem for stem in (images, labels) if stem not in found]:
        raise FileNotFoundError(
            f"{folder} is incomplete, it lacks {' and '.join(f'{s}.gz' for s in lacking)}: "
            "fetch the data again, or delete the folder."
        )
    return found[images], found[labels]


def _is_another(name: str, labels: Path) -> bool:
    """Tell whether these are the labels of another data set: all call their files alike."""
    try:
        digest = idx.sha256(labels)
    except ValueError:
        return False  # Damaged: reading them will say so.
    return any(digest in data.sha256.values() for other, data in IDX_DATA.items() if other != name)


def _read(name: str, files: tuple[Path, Path], source: str, sha256: dict[str, str]) -> ImageDataset:
    classes = IDX_DATA[name].classes
    images, labels = (
        idx.read(path, axes, sha256.get(path.name.removesuffix(".gz")))
        for path, axes in zip(files, (3, 1), strict=True)
    )
    if len(images) != len(labels):
        raise ValueError(
            f"{files[0]} has {len(images)} images but {files[1].name} {len(labels)} labels: "
            "delete both and fetch them again."
        )
    if labels.size and labels.max() >= len(classes):
        raise ValueError(
            f"{files[1]} has a label {labels.max()}, but there are {len(classes)} classes: "
            "delete it and fetch it again."
        )
    return ImageDataset(
        torch.from_numpy(images.astype(np.float32)).div_(255).unsqueeze(1),
        torch.from_numpy(labels.astype(np.int64)),
        classes,
        source,
    )


@functools.cache
def _announce_sample(folder: str, problem: str) -> None:
    """Say so once per process, not once per call."""
    print(
        f"xaikit: {folder} is not on this machine and cannot be downloaded ({problem}); using the "
        f"embedded sample, {10 * SAMPLE_PER_CLASS['train']} training and "
        f"{10 * SAMPLE_PER_CLASS['test']} test images. "
        "For all of it, let XAIKIT_DATA name a folder that has it.",
        file=sys.stderr,
    )

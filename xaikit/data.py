"""What do we look at? FashionMNIST, MNIST, and photographs of cats and dogs.

Data is looked for in this order: the folder given, the folder that ``XAIKIT_DATA`` names, Debian's
package dataset-fashion-mnist, the cache, the network (torchvision's download, into the cache). If
there is none of these, FashionMNIST comes as a small embedded sample, and a line says so.
Damaged data is an error wherever it lies: it is never used, and nothing else is used in its place.
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from xaikit import idx
from xaikit.datasets import ImageDataset, PhotoDataset
from xaikit.places import cache_folder, download, folders

__all__ = ["DATA_SETS", "ImageDataset", "PhotoDataset", "load", "write_sample"]

SAMPLE = Path(__file__).parent / "assets" / "sample"
SAMPLE_PER_CLASS = {"train": 400, "test": 100}
_PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}


@dataclass(frozen=True)
class _IdxData:
    """A data set of four IDX files, in a folder called as torchvision calls the data set.

    ``sha256`` has the checksums of the files' contents, ``debian`` the folder that Debian's package
    installs, ``sampled`` says that a sample is embedded in this package.
    """

    folder: str
    classes: list[str]
    sha256: dict[str, str]
    debian: Path | None = None
    sampled: bool = False


_IDX_DATA = {
    "fashion_mnist": _IdxData(
        folder="FashionMNIST",
        classes=[
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
        sha256={
            "train-images-idx3-ubyte": (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
            ),
            "train-labels-idx1-ubyte": (
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
            ),
            "t10k-images-idx3-ubyte": (
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
            ),
            "t10k-labels-idx1-ubyte": (
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
            ),
        },
        debian=Path("/usr/share/datasets/fashion-mnist"),
        sampled=True,
    ),
    "mnist": _IdxData(
        folder="MNIST",
        classes=[str(digit) for digit in range(10)],
        sha256={
            "train-images-idx3-ubyte": (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
            ),
            "train-labels-idx1-ubyte": (
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
            ),
            "t10k-images-idx3-ubyte": (
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
            ),
            "t10k-labels-idx1-ubyte": (
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
            ),
        },
    ),
}

DATA_SETS = (*_IDX_DATA, "cats_and_dogs")


def load(name: str, split: str = "test", root: str | Path | None = None) -> ImageDataset:
    """Return a data set.

    Parameters
    ----------
    name
        ``"fashion_mnist"``, ``"mnist"`` or ``"cats_and_dogs"``.
    split
        ``"train"`` or ``"test"``; the latter is the folder ``validation`` of cats and dogs.
    root
        A folder. For FashionMNIST it holds ``FashionMNIST/raw``, ``raw`` or the four IDX files
        themselves, gzipped or not; for MNIST likewise. For cats and dogs it holds
        ``cats_and_dogs``, or ``train`` and ``validation`` themselves, each with a folder of images
        per class; or torchvision's ``oxford-iiit-pet``. If given, no other place is looked at.

    Returns
    -------
    ImageDataset
        A torch Dataset of pairs of image (C, H, W) and label, which also has all ``images``
        (N, C, H, W), float32 in [0, 1], ``labels`` (N,), int64, and ``classes``, their names.
        Cats and dogs are read lazily: see :class:`PhotoDataset`.

    Raises
    ------
    ValueError
        If name or split are unknown, or a file is damaged.
    FileNotFoundError
        If the data is not where it was said to be, or nowhere.
    """
    if name not in DATA_SETS:
        known = ", ".join(map(repr, DATA_SETS))
        raise ValueError(f"There is no data set {name!r}; choose one of {known}.")
    if split not in ("train", "test"):
        raise ValueError(f'There is no split {split!r}; choose "train" or "test".')
    if name in _IDX_DATA:
        return _load_idx(name, split, root)
    return _load_photos(split, root)


# --- FashionMNIST and MNIST -----------------------------------------------------------------------


def _load_idx(name: str, split: str, root: str | Path | None) -> ImageDataset:
    data = _IDX_DATA[name]
    for folder in _idx_folders(data, root):
        if (files := _find(folder, split)) is not None and not _is_another(name, files[1]):
            return _read(name, files, str(folder), data.sha256)
    images, labels = _stems(split)
    if root is not None:
        raise FileNotFoundError(
            f"{root} holds no {data.folder}: it should contain {data.folder}/raw with "
            f"{images}.gz and {labels}.gz."
        )
    if (problem := download(data.folder)) is None:
        return _load_idx(name, split, cache_folder())
    if not data.sampled:
        raise FileNotFoundError(
            f"{data.folder} is not on this machine and cannot be downloaded ({problem}): "
            f"let XAIKIT_DATA name a folder that contains {data.folder}/raw with {images}.gz and "
            f"{labels}.gz."
        )
    _announce_sample(data.folder, problem)
    sample = _find(SAMPLE / data.folder / "raw", split)
    if sample is None:
        raise FileNotFoundError(f"{SAMPLE} lacks {data.folder}: reinstall xaikit.")
    return _read(name, sample, "embedded sample", {})


def _idx_folders(data: _IdxData, root: str | Path | None) -> list[Path]:
    """Return the folders to look into for the four files, in this order."""
    places = [[place / data.folder / "raw", place / "raw", place] for place in folders(root)]
    if root is None and data.debian is not None:
        places.insert(-1, [data.debian])  # The cache comes last.
    return [folder for place in places for folder in place]


def _stems(split: str) -> tuple[str, str]:
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
        for stem in (*_stems("train"), *_stems("test"))
        for path in (folder / f"{stem}.gz", folder / stem)
        if path.is_file()
    }
    if not found:
        return None
    images, labels = _stems(split)
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
    return any(digest in data.sha256.values() for other, data in _IDX_DATA.items() if other != name)


def _read(name: str, files: tuple[Path, Path], source: str, sha256: dict[str, str]) -> ImageDataset:
    classes = _IDX_DATA[name].classes
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


def write_sample(folder: Path, root: str | Path | None = None) -> None:
    """Write the embedded sample: each class's first images, in the order of the full data set.

    The command is ``python -m xaikit sample``.

    Parameters
    ----------
    folder
        Where to: the same files as the full data's, in ``FashionMNIST/raw``.
    root
        Where the full data lies, as in :func:`load`.
    """
    raw = folder / _IDX_DATA["fashion_mnist"].folder / "raw"
    for split, per_class in SAMPLE_PER_CLASS.items():
        full = load("fashion_mnist", split, root)
        if full.source == "embedded sample":
            raise FileNotFoundError("The sample is drawn from the full data: name its folder.")
        each = [
            torch.nonzero(full.labels == label)[:per_class, 0] for label in range(len(full.classes))
        ]
        chosen = torch.cat(each).sort().values
        images, labels = _stems(split)
        pixels = (full.images[chosen, 0] * 255).round().to(torch.uint8)
        idx.write(raw / f"{images}.gz", pixels.numpy())
        idx.write(raw / f"{labels}.gz", full.labels[chosen].to(torch.uint8).numpy())


# --- Cats and dogs --------------------------------------------------------------------------------


def _load_photos(split: str, root: str | Path | None) -> PhotoDataset:
    for place in folders(root):
        for folder in (place / "cats_and_dogs", place):
            if (folder / "train").is_dir():
                return _photos_in_folders(folder, split)
        if (place / "oxford-iiit-pet").is_dir():
            return _pets(place / "oxford-iiit-pet", split)
    if root is not None:
        raise FileNotFoundError(
            f"{root} holds no cats and dogs: it should contain cats_and_dogs with the folders "
            "train/cats, train/dogs, validation/cats and validation/dogs."
        )
    if (problem := download("OxfordIIITPet")) is None:
        return _load_photos(split, cache_folder())
    raise FileNotFoundError(
        f"Cats and dogs are not on this machine and cannot be downloaded ({problem}): let "
        "XAIKIT_DATA name a folder that contains cats_and_dogs with the folders train/cats, "
        "train/dogs, validation/cats and validation/dogs."
    )


def _photos_in_folders(folder: Path, split: str) -> PhotoDataset:
    """Read folder/train or folder/validation: a folder per class, in alphabetical order."""
    part = folder / ("train" if split == "train" else "validation")
    classes = sorted(p.name for p in part.iterdir() if p.is_dir()) if part.is_dir() else []
    paths, labels = [], []
    for label, name in enumerate(classes):
        files = sorted(p for p in (part / name).iterdir() if p.suffix.lower() in _PHOTO_SUFFIXES)
        if not files:
            raise FileNotFoundError(f"{part / name} holds no photograph: fetch the data again.")
        paths += files
        labels += [label] * len(files)
    if len(classes) < 2:
        raise FileNotFoundError(
            f"{part} should hold a folder of photographs for each class, such as cats and dogs."
        )
    return PhotoDataset(paths, torch.tensor(labels), classes, str(folder))


def _pets(folder: Path, split: str) -> PhotoDataset:
    """Read the Oxford-IIIT Pet data set (Parkhi et al., "Cats and dogs", 2012) by species."""
    table = folder / "annotations" / ("trainval.txt" if split == "train" else "test.txt")
    if not table.is_file():
        raise FileNotFoundError(f"{table} is missing: delete {folder} and fetch the data again.")
    rows = [line.split() for line in table.read_text(encoding="utf-8").splitlines()]
    paths = [folder / "images" / f"{row[0]}.jpg" for row in rows]
    # Name, breed, species, breed within the species; species 1 are cats, 2 are dogs.
    labels = torch.tensor([int(row[2]) - 1 for row in rows])
    return PhotoDataset(paths, labels, ["cats", "dogs"], str(folder))

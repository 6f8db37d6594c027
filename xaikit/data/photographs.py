"""How are cats and dogs read? Photographs in a folder a class, or the Oxford-IIIT Pet data set."""

from __future__ import annotations

from pathlib import Path

import torch

from xaikit.data.dataset import PhotoDataset
from xaikit.data.places import cache_folder, download, folders

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}


def load(split: str, root: str | Path | None) -> PhotoDataset:
    """Return cats and dogs, as :func:`xaikit.load` documents them."""
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
        return load(split, cache_folder())
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
        files = sorted(p for p in (part / name).iterdir() if p.suffix.lower() in _SUFFIXES)
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

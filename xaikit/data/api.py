"""What do we look at? One call for every data set."""

from __future__ import annotations

from pathlib import Path

from xaikit.data import idx_sets, photographs
from xaikit.data.catalogue import DATA_SETS, IDX_DATA
from xaikit.data.dataset import ImageDataset


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

    Examples
    --------
    >>> from xaikit import load
    >>> data = load("fashion_mnist")
    >>> data.images.shape[1:], data.classes[int(data.labels[0])]
    (torch.Size([1, 28, 28]), 'Ankle boot')
    """
    if name not in DATA_SETS:
        known = ", ".join(map(repr, DATA_SETS))
        raise ValueError(f"There is no data set {name!r}; choose one of {known}.")
    if split not in ("train", "test"):
        raise ValueError(f'There is no split {split!r}; choose "train" or "test".')
    if name in IDX_DATA:
        return idx_sets.load(name, split, root)
    return photographs.load(split, root)

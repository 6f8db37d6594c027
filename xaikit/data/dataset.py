"""What a data set is here: images of one size in [0, 1], their labels, the names of the classes."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from xaikit.progress import Bar

PHOTO_SIZE = 96


class ImageDataset(Dataset[tuple[Tensor, int]]):
    """Images of one size with their labels, in memory.

    Parameters
    ----------
    images
        (N, C, H, W), float32 in [0, 1].
    labels
        (N,), int64, indices into ``classes``.
    classes
        The classes' names.
    source
        Where the data comes from: a folder, or ``"embedded sample"``.

    Examples
    --------
    >>> import torch
    >>> from xaikit.data import ImageDataset
    >>> data = ImageDataset(torch.zeros(2, 1, 28, 28), torch.tensor([0, 1]), ["shirt", "coat"])
    >>> image, label = data[1]
    >>> len(data), image.shape, data.classes[label]
    (2, torch.Size([1, 28, 28]), 'coat')
    """

    def __init__(
        self, images: Tensor, labels: Tensor, classes: Sequence[str], source: str = ""
    ) -> None:
        if not isinstance(images, Tensor) or not images.is_floating_point():
            kind = images.dtype if isinstance(images, Tensor) else type(images).__name__
            raise TypeError(
                f"images have to be a floating point tensor (N, C, H, W) in [0, 1], not {kind}: "
                f"torch.as_tensor(images) / 255 makes one of bytes."
            )
        self.images, self.source = images, source
        self.labels, self.classes = _named(labels, classes)
        if len(images) != len(labels):
            raise ValueError(f"There are {len(images)} images but {len(labels)} labels.")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], int(self.labels[index])


class AlteredDataset(ImageDataset):
    """A data set of which some examples were altered, and which knows the truth about them.

    Parameters
    ----------
    images, labels, classes, source
        As in :class:`ImageDataset`: what the training sees.
    altered
        (N,) boolean: which examples were altered.
    true_labels
        (N,) the labels before.

    Examples
    --------
    >>> import torch
    >>> from xaikit.data import AlteredDataset
    >>> images, altered = torch.zeros(2, 1, 28, 28), torch.tensor([False, True])
    >>> right, seen = torch.tensor([0, 0]), torch.tensor([0, 1])
    >>> data = AlteredDataset(images, seen, ["shirt", "coat"], "", altered, right)
    >>> data.labels[data.altered], data.true_labels[data.altered]
    (tensor([1]), tensor([0]))
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        classes: Sequence[str],
        source: str,
        altered: Tensor,
        true_labels: Tensor,
    ) -> None:
        super().__init__(images, labels, classes, source)
        self.altered, self.true_labels = altered, true_labels


class PhotoDataset(ImageDataset):
    """Photographs in files, each resized and cropped at the centre as it is read.

    An item reads one file. ``images``, (N, 3, size, size), reads all files when it is first asked
    for, with a progress bar, and keeps them: 110 KB for each at 96 × 96 pixels.

    Parameters
    ----------
    paths
        The files, in any format that Pillow reads: turned as their EXIF data say, with 16 bits, a
        palette or the colours of print, too; what is transparent shows white.
    labels
        (N,), int64, indices into ``classes``.
    classes
        The classes' names.
    source
        Where the data comes from.
    size
        Height and width in pixels.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import torch
    >>> from PIL import Image
    >>> from xaikit.data import PhotoDataset
    >>> file = Path(tempfile.mkdtemp()) / "cat.png"
    >>> Image.new("RGB", (200, 100), "white").save(file)
    >>> PhotoDataset([file], torch.tensor([0]), ["cat", "dog"]).images.shape
    torch.Size([1, 3, 96, 96])
    """

    def __init__(
        self,
        paths: Sequence[Path],
        labels: Tensor,
        classes: Sequence[str],
        source: str = "",
        size: int = PHOTO_SIZE,
    ) -> None:
        try:
            self.size = operator.index(size)
        except TypeError:
            self.size = 0
        if self.size < 1:
            raise ValueError(f"size has to be a whole number of pixels, at least 1, not {size!r}.")
        self.paths, self.source = list(paths), source
        self.labels, self.classes = _named(labels, classes)

    @functools.cached_property
    def images(self) -> Tensor:  # type: ignore[override]
        """All photographs: (N, 3, size, size), float32 in [0, 1]."""
        paths = Bar(self.paths, "reading photographs", unit="files")
        return torch.stack([_read_photo(path, self.size) for path in paths])

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return _read_photo(self.paths[index], self.size), int(self.labels[index])


def _named(labels: Tensor | Sequence[int], classes: Sequence[str]) -> tuple[Tensor, list[str]]:
    """Return labels (N,) and the classes' names, if each label has one, or no class has."""
    names = [str(each) for each in classes]
    try:
        found = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError):  # None, names, ragged lists
        found = torch.empty(())
    if found.is_floating_point() or found.dtype == torch.bool or found.ndim != 1:
        raise TypeError("labels have to be whole numbers (N,), the classes' places in their names.")
    if names and len(found) and not 0 <= int(found.min()) <= int(found.max()) < len(names):
        outside = int(found.min()) if found.min() < 0 else int(found.max())
        raise ValueError(
            f"label {outside} is out of range: there are names of {len(names)} classes, 0 to "
            f"{len(names) - 1}."
        )
    return found, names


def _coloured(photo: Image.Image) -> Image.Image:
    """Return a picture of any mode in red, green and blue, on white where it is transparent."""
    if photo.mode.startswith("I") or photo.mode == "F":
        # More than 8 bits: Pillow would cut off what is above 255.
        values = np.asarray(photo, dtype=np.float64)
        largest = float(values.max(initial=0))
        whole = 255.0 if largest <= 255 else 65535.0  # bytes in a wider type, or black
        most = max(1.0 if photo.mode == "F" else whole, largest)
        photo = Image.fromarray((255 * values.clip(0) / most).round().astype(np.uint8))
    if photo.has_transparency_data:
        opaque = photo.convert("RGBA")
        photo = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return photo.convert("RGB")


def _read_photo(path: Path, size: int) -> Tensor:
    """Return (3, size, size) in [0, 1]: the shorter side scaled to size, the longer one cropped."""
    try:
        with Image.open(path) as photo:
            upright = _coloured(ImageOps.exif_transpose(photo) or photo)
            fitted = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing: fetch the data again.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and fetch it again.") from error
    return torch.from_numpy(np.array(fitted, dtype=np.float32)).div_(255).permute(2, 0, 1)

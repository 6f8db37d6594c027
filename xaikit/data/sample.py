"""Where does the embedded sample come from? It is drawn from the full data by a fixed rule."""

from __future__ import annotations

from pathlib import Path

import torch

from xaikit.data import idx
from xaikit.data.catalogue import IDX_DATA, SAMPLE_PER_CLASS
from xaikit.data.idx_sets import load, stems


def write_sample(folder: Path, root: str | Path | None = None) -> None:
    """Write the embedded sample: each class's first images, in the order of the full data set.

    The command is ``python -m xaikit sample``.

    Parameters
    ----------
    folder
        Where to: the same files as the full data's, in ``FashionMNIST/raw``.
    root
        Where the full data lies, as in :func:`xaikit.load`.
    """
    raw = folder / IDX_DATA["fashion_mnist"].folder / "raw"
    for split, per_class in SAMPLE_PER_CLASS.items():
        full = load("fashion_mnist", split, root)
        if full.source == "embedded sample":
            raise FileNotFoundError("The sample is drawn from the full data: name its folder.")
        each = [
            torch.nonzero(full.labels == label)[:per_class, 0] for label in range(len(full.classes))
        ]
        chosen = torch.cat(each).sort().values
        images, labels = stems(split)
        pixels = (full.images[chosen, 0] * 255).round().to(torch.uint8)
        idx.write(raw / f"{images}.gz", pixels.numpy())
        idx.write(raw / f"{labels}.gz", full.labels[chosen].to(torch.uint8).numpy())

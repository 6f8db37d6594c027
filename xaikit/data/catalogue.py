"""Which data sets are there? Their names, classes and checksums, and the embedded sample."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "assets" / "sample"
SAMPLE_PER_CLASS = {"train": 400, "test": 100}


@dataclass(frozen=True)
class IdxData:
    """A data set of four IDX files, in a folder called as torchvision calls the data set.

    ``sha256`` has the checksums of the files' contents, ``debian`` the folder that Debian's package
    installs, ``sampled`` says that a sample is embedded in this package.
    """

    folder: str
    classes: list[str]
    sha256: dict[str, str]
    debian: Path | None = None
    sampled: bool = False


IDX_DATA = {
    "fashion_mnist": IdxData(
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
    "mnist": IdxData(
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

DATA_SETS = (*IDX_DATA, "cats_and_dogs")

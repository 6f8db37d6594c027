"""FashionMNIST and MNIST: read as torchvision reads them, and never when they are damaged."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torchvision

from data.idx_files import (
    FULL,
    IMAGES,
    LABELS,
    STEMS,
    TORCHVISION,
    assert_same_as_torchvision,
    idx_bytes,
    needs_full,
    one_sentence,
    publish,
    put,
    tiny_contents,
)
from xaikit.data import catalogue, load, places


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("inner", ["FashionMNIST/raw", "raw", "."])
@pytest.mark.parametrize("split", ["train", "test"])
def test_tiny_files_read_as_torchvision_reads_them(
    elsewhere: Path, inner: str, zipped: bool, split: str
) -> None:
    put(elsewhere / "torchvision" / "FashionMNIST" / "raw", tiny_contents(), zipped=False)
    theirs = torchvision.datasets.FashionMNIST(elsewhere / "torchvision", train=split == "train")
    put(elsewhere / "given" / inner, tiny_contents(), zipped)
    ours = load("fashion_mnist", split, root=elsewhere / "given")
    assert_same_as_torchvision(ours, theirs)
    assert ours.classes == theirs.classes


@needs_full
@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_full_data_reads_as_torchvision_reads_it(name: str, tmp_path: Path) -> None:
    kind = TORCHVISION[name]
    for path in (Path(FULL) / kind.__name__ / "raw").glob("t10k*.gz"):
        content = gzip.decompress(path.read_bytes())
        raw = tmp_path / kind.__name__ / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        (raw / path.stem).write_bytes(content)
        # torchvision wants all four files before it reads two.
        (raw / path.stem.replace("t10k", "train")).touch()
    assert_same_as_torchvision(load(name, "test"), kind(tmp_path, train=False))
    assert len(load(name, "train")) == 60_000


def test_another_data_set_with_the_same_file_names_is_not_taken(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = tiny_contents(seed=1)
    labels = STEMS["test"][1]
    digits[labels] = idx_bytes(np.arange(20, dtype=np.uint8)[::-1] % 10)
    sums = {stem: hashlib.sha256(content).hexdigest() for stem, content in digits.items()}
    entry = dataclasses.replace(catalogue.IDX_DATA["mnist"], sha256=sums)
    monkeypatch.setitem(catalogue.IDX_DATA, "mnist", entry)
    root = put(elsewhere / "digits", digits)
    assert len(load("mnist", root=root)) == 20
    with pytest.raises(FileNotFoundError, match="holds no FashionMNIST"):
        load("fashion_mnist", root=root)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


FEWER = idx_bytes(np.zeros(19, np.uint8))

UNKNOWN_LABEL = idx_bytes(np.full(20, 10, np.uint8))

DAMAGE: dict[str, Callable[[Path], object]] = {
    "half a gzip": lambda raw: (raw / f"{IMAGES}.gz").write_bytes(
        gzip.compress(tiny_contents()[IMAGES])[:5000]
    ),
    "a bit of the gzip": lambda raw: (raw / f"{IMAGES}.gz").write_bytes(
        flipped(gzip.compress(tiny_contents()[IMAGES]), 6000)
    ),
    "gzip's own checksum": lambda raw: (raw / f"{LABELS}.gz").write_bytes(
        flipped(
            gzip.compress(tiny_contents()[LABELS]), -5 % len(gzip.compress(tiny_contents()[LABELS]))
        )
    ),
    "empty": lambda raw: (raw / f"{LABELS}.gz").write_bytes(b""),
    "an error page": lambda raw: (raw / f"{IMAGES}.gz").write_bytes(b"<html>404</html>"),
    "a bit of a pixel": lambda raw: (raw / IMAGES).write_bytes(
        flipped(tiny_contents()[IMAGES], 999)
    ),
    "short": lambda raw: (raw / IMAGES).write_bytes(tiny_contents()[IMAGES][:-1]),
    "long": lambda raw: (raw / IMAGES).write_bytes(tiny_contents()[IMAGES] + b"\0"),
    "header only": lambda raw: (raw / IMAGES).write_bytes(tiny_contents()[IMAGES][:9]),
    "labels for images": lambda raw: (raw / IMAGES).write_bytes(tiny_contents()[LABELS]),
    "fewer labels": lambda raw: (raw / LABELS).write_bytes(FEWER),
    "unknown label": lambda raw: (raw / LABELS).write_bytes(UNKNOWN_LABEL),
    "no labels": lambda raw: (raw / f"{LABELS}.gz").unlink(),
    "no images": lambda raw: (raw / f"{IMAGES}.gz").unlink(),
    "training only": lambda raw: [(raw / f"{stem}.gz").unlink() for stem in (IMAGES, LABELS)],
}


@pytest.mark.parametrize("place", ["given", "variable", "debian", "cache"])
@pytest.mark.parametrize(
    "damage, published",
    [
        *((damage, True) for damage in DAMAGE),
        # Without checksums the structure alone tells, but for a pixel.
        *((damage, False) for damage in DAMAGE if damage != "a bit of a pixel"),
    ],
)
def test_damaged_data_is_an_error_and_nothing_replaces_it(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, damage: str, place: str, published: bool
) -> None:
    if not published:
        publish(monkeypatch, {}, debian=elsewhere / "debian")
    # Data in order everywhere, so that falling on would succeed.
    raws = {
        "given": elsewhere / "given" / "FashionMNIST" / "raw",
        "variable": elsewhere / "variable" / "FashionMNIST" / "raw",
        "debian": elsewhere / "debian",
        "cache": places.cache_folder() / "FashionMNIST" / "raw",
    }
    order = list(raws)
    for later in order[order.index(place) :]:
        put(raws[later], tiny_contents())
    DAMAGE[damage](raws[place])
    root = None
    if place == "given":
        root = elsewhere / "given"
    if place == "variable":
        monkeypatch.setenv("XAIKIT_DATA", str(elsewhere / "variable"))
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load("fashion_mnist", "test", root)
    sentence = one_sentence(caught.value)
    assert str(raws[place]) in sentence, "it says where"
    assert "delete" in sentence or "fetch" in sentence, "it says what to do"

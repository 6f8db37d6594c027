"""The embedded sample: small, stratified, and drawn by the documented rule."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torchvision

from data.idx_files import FULL, STEMS, assert_same_as_torchvision, needs_full
from xaikit.data import SAMPLE, load
from xaikit.data.sample import write_sample


def test_sample_is_stratified_and_small(elsewhere: Path) -> None:
    for split, count in (("train", 400), ("test", 100)):
        assert load("fashion_mnist", split).labels.bincount().tolist() == [count] * 10
    size = sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file())
    assert size <= 3_000_000


@pytest.mark.parametrize("split", ["train", "test"])
def test_sample_reads_as_torchvision_reads_it(elsewhere: Path, split: str) -> None:
    raw = elsewhere / "unzipped" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in (SAMPLE / "FashionMNIST" / "raw").glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    theirs = torchvision.datasets.FashionMNIST(elsewhere / "unzipped", train=split == "train")
    assert_same_as_torchvision(load("fashion_mnist", split), theirs)


@needs_full
def test_sample_is_drawn_from_the_full_data_by_the_documented_rule(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = Path(FULL) / "FashionMNIST" / "raw"
    for split, per_class in (("train", 400), ("test", 100)):
        images, labels = (
            np.frombuffer(gzip.decompress((raw / f"{stem}.gz").read_bytes()), np.uint8)[skip:]
            for stem, skip in zip(STEMS[split], (16, 8), strict=True)
        )
        seen, chosen = [0] * 10, []
        for position, label in enumerate(labels):
            seen[label] += 1
            if seen[label] <= per_class:
                chosen.append(position)
        sample = load("fashion_mnist", split)
        assert sample.source == "embedded sample"
        assert np.array_equal(
            (sample.images * 255).round().numpy().astype(np.uint8).reshape(-1, 784),
            images.reshape(-1, 784)[chosen],
        )
        assert sample.labels.tolist() == labels[chosen].tolist()


@needs_full
def test_sample_can_be_drawn_again(tmp_path: Path) -> None:
    write_sample(tmp_path, FULL)
    for path in (SAMPLE / "FashionMNIST" / "raw").iterdir():
        again = (tmp_path / "FashionMNIST" / "raw" / path.name).read_bytes()
        assert gzip.decompress(again) == gzip.decompress(path.read_bytes())
        assert again[4:8] == bytes(4), "no time stamp"


def test_no_sample_is_drawn_from_the_sample(elsewhere: Path) -> None:
    with pytest.raises(FileNotFoundError, match="full data"):
        write_sample(elsewhere / "out")

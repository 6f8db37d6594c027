"""Data: read as torchvision reads it, from the right place, and never when it is damaged."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.server
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from xaikit.data import (
    DATA_SETS,
    SAMPLE,
    ImageDataset,
    catalogue,
    idx_sets,
    load,
    places,
    write_sample,
)

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


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be on a machine without data, variable, cache, Debian package or network."""
    monkeypatch.delenv("XAIKIT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    for kind in (torchvision.datasets.FashionMNIST, torchvision.datasets.MNIST):
        # Port 9 (discard) of this machine: refused at once.
        monkeypatch.setattr(kind, "mirrors", ["http://127.0.0.1:9/"])
    publish(monkeypatch, tiny_contents(), debian=tmp_path / "debian")
    places.download.cache_clear()
    idx_sets._announce_sample.cache_clear()
    yield tmp_path
    places.download.cache_clear()
    idx_sets._announce_sample.cache_clear()


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert text and "\n" not in text, "an error is one line"
    return text


# --- Reading --------------------------------------------------------------------------------------


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


# --- Damage ---------------------------------------------------------------------------------------


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


IMAGES, LABELS = STEMS["test"]
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


# --- The order of places --------------------------------------------------------------------------


def test_places_are_asked_in_order(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("given", "variable"):
        put(elsewhere / name / "FashionMNIST" / "raw", tiny_contents())
    put(elsewhere / "debian", tiny_contents())
    cached = put(places.cache_folder() / "FashionMNIST" / "raw", tiny_contents())
    monkeypatch.setenv("XAIKIT_DATA", str(elsewhere / "variable"))

    assert Path(load("fashion_mnist", root=elsewhere / "given").source).is_relative_to(
        elsewhere / "given"
    )
    assert Path(load("fashion_mnist").source).is_relative_to(elsewhere / "variable")
    # A folder that lacks this data set may hold others.
    monkeypatch.setenv("XAIKIT_DATA", str(elsewhere))
    assert Path(load("fashion_mnist").source) == elsewhere / "debian"
    monkeypatch.delenv("XAIKIT_DATA")
    assert Path(load("fashion_mnist").source) == elsewhere / "debian"
    for path in (elsewhere / "debian").iterdir():
        path.unlink()
    assert Path(load("fashion_mnist").source) == cached
    for path in cached.iterdir():
        path.unlink()
    assert load("fashion_mnist").source == "embedded sample"
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1
    load("fashion_mnist", "train")
    assert capsys.readouterr().err == "", "once is enough"


def test_a_given_folder_is_the_only_place(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(elsewhere / "variable", tiny_contents())
    monkeypatch.setenv("XAIKIT_DATA", str(elsewhere / "variable"))
    (elsewhere / "empty").mkdir()
    for name in DATA_SETS:
        with pytest.raises(FileNotFoundError) as caught:
            load(name, root=elsewhere / "empty")
        assert str(elsewhere / "empty") in one_sentence(caught.value)
    with pytest.raises(FileNotFoundError, match="which is no folder"):
        load("fashion_mnist", root=elsewhere / "misspelt")
    monkeypatch.setenv("XAIKIT_DATA", str(elsewhere / "misspelt"))
    with pytest.raises(FileNotFoundError, match=r"XAIKIT_DATA is .* no folder"):
        load("fashion_mnist")


def test_without_mnist_one_sentence_says_what_to_do(elsewhere: Path) -> None:
    with pytest.raises(FileNotFoundError, match="let XAIKIT_DATA name a folder") as caught:
        load("mnist")
    one_sentence(caught.value)


@pytest.mark.parametrize("arguments", [("cifar",), ("mnist", "validation")])
def test_unknown_names_are_answered_with_the_known_ones(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="choose") as caught:
        load(*arguments)
    one_sentence(caught.value)


# --- The network ----------------------------------------------------------------------------------


@pytest.fixture
def mirror(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve what lies in the returned folder, as the place that torchvision downloads from."""
    served = elsewhere / "served"
    served.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(served))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kind = torchvision.datasets.FashionMNIST
    monkeypatch.setattr(kind, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    put(served, tiny_contents())
    resources = [
        (path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in served.iterdir()
    ]
    monkeypatch.setattr(kind, "resources", resources)
    yield served
    server.shutdown()
    server.server_close()


def test_download_fills_the_cache_once(mirror: Path) -> None:
    put(mirror.parent / "torchvision" / "FashionMNIST" / "raw", tiny_contents(), zipped=False)
    theirs = torchvision.datasets.FashionMNIST(mirror.parent / "torchvision", train=False)
    assert_same_as_torchvision(load("fashion_mnist"), theirs)
    for path in mirror.iterdir():
        path.unlink()
    places.download.cache_clear()  # As another process, with the server gone.
    ours = load("fashion_mnist", "train")
    assert Path(ours.source) == places.cache_folder() / "FashionMNIST" / "raw"
    assert len(ours) == 30


@pytest.mark.parametrize("stem", [IMAGES, STEMS["train"][0]])
def test_a_download_that_breaks_off_leaves_nothing(
    mirror: Path, capsys: pytest.CaptureFixture[str], stem: str
) -> None:
    whole = (mirror / f"{stem}.gz").read_bytes()
    (mirror / f"{stem}.gz").write_bytes(whole[: len(whole) // 2])
    assert load("fashion_mnist").source == "embedded sample"
    assert "using the embedded sample" in capsys.readouterr().err
    assert not [path for path in places.cache_folder().rglob("*") if path.is_file()]


def test_a_silent_server_does_not_hang(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [address])
        sources: list[str] = []
        waiting = threading.Thread(
            target=lambda: sources.append(load("fashion_mnist").source), daemon=True
        )
        waiting.start()
        waiting.join(timeout=60)
        assert sources == ["embedded sample"]
    assert socket.getdefaulttimeout() is None, "other connections keep their time"


# --- The sample -----------------------------------------------------------------------------------


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


# --- Photographs ----------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Wide, tall and square pictures whose shorter side needs no scaling."""
    draw = np.random.default_rng(0)
    shapes = [(96, 160), (160, 96), (96, 96)]
    for part in ("train", "validation"):
        for kind in ("cats", "dogs"):
            folder = tmp_path / "cats_and_dogs" / part / kind
            folder.mkdir(parents=True)
            (folder / "notes.txt").write_text("no photograph")
            for number, shape in enumerate(shapes):
                pixels = draw.integers(0, 256, (*shape, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize("split, part", [("train", "train"), ("test", "validation")])
def test_photographs_are_cropped_at_the_centre(photos: Path, split: str, part: str) -> None:
    ours = load("cats_and_dogs", split, photos)
    assert ours.classes == ["cats", "dogs"] and ours.labels.tolist() == [0, 0, 0, 1, 1, 1]
    transforms = torchvision.transforms
    reference = torchvision.datasets.ImageFolder(
        photos / "cats_and_dogs" / part,
        transforms.Compose([transforms.CenterCrop(96), transforms.ToTensor()]),
        is_valid_file=lambda path: path.endswith(".png"),
    )
    assert reference.classes == ours.classes
    for index, (image, label) in enumerate(reference):
        assert torch.equal(ours[index][0], image) and ours[index][1] == label
    assert torch.equal(ours.images, torch.stack([image for image, _ in reference]))


def test_large_photographs_are_scaled(photos: Path) -> None:
    path = photos / "cats_and_dogs" / "train" / "cats" / "0.png"
    # Grey levels rising from left to right: after scaling by a half the middle 192 columns remain.
    ramp = np.tile(np.arange(256, dtype=np.uint8), (192, 1))
    Image.fromarray(ramp).save(path)
    image = load("cats_and_dogs", "train", photos)[0][0]
    expected = torch.arange(32, 224).float().view(96, 2).mean(1).expand(3, 96, 96) / 255
    assert image.shape == (3, 96, 96)
    # A bilinear filter is symmetric, and a ramp's average is its middle; bytes are rounded.
    assert torch.allclose(image[:, :, 1:-1], expected[:, :, 1:-1], atol=1.01 / 255)


def test_a_damaged_photograph_is_an_error(photos: Path) -> None:
    path = photos / "cats_and_dogs" / "train" / "dogs" / "2.png"
    path.write_bytes(path.read_bytes()[:3000])
    dataset = load("cats_and_dogs", "train", photos)
    dataset[0]
    for read in (lambda: dataset[5], lambda: dataset.images):
        with pytest.raises(ValueError, match="delete it and fetch it again") as caught:
            read()
        assert str(path) in one_sentence(caught.value)


def test_incomplete_photographs_are_an_error(photos: Path) -> None:
    for path in (photos / "cats_and_dogs" / "validation" / "dogs").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="holds no photograph"):
        load("cats_and_dogs", "test", photos)
    (photos / "cats_and_dogs" / "validation" / "dogs").rmdir()
    with pytest.raises(FileNotFoundError, match="a folder of photographs for each class"):
        load("cats_and_dogs", "test", photos)


def test_pets_have_torchvisions_binary_categories(tmp_path: Path) -> None:
    base = tmp_path / "oxford-iiit-pet"
    (base / "annotations" / "trimaps").mkdir(parents=True)
    (base / "images").mkdir()
    rows = ["Abyssinian_1 1 1 1", "beagle_5 5 2 4", "Bengal_2 6 1 2"]
    for file in ("trainval.txt", "test.txt"):
        (base / "annotations" / file).write_text("\n".join(rows) + "\n")
    for row in rows:
        Image.new("RGB", (96, 96), (len(row), 7, 9)).save(base / "images" / f"{row.split()[0]}.jpg")
    for split, theirs in (("train", "trainval"), ("test", "test")):
        reference = torchvision.datasets.OxfordIIITPet(tmp_path, theirs, "binary-category")
        ours = load("cats_and_dogs", split, tmp_path)
        assert ours.labels.tolist() == [label for _, label in reference]
        assert [name.rstrip("s").title() for name in ours.classes] == reference.bin_classes
        for index, (picture, _) in enumerate(reference):
            assert torch.equal(ours[index][0], torchvision.transforms.functional.to_tensor(picture))


def test_images_and_labels_have_to_be_as_many() -> None:
    with pytest.raises(ValueError, match="3 images but 2 labels"):
        ImageDataset(torch.zeros(3, 1, 2, 2), torch.zeros(2, dtype=torch.long), ["a"])

"""Where data is looked for: the order of places, and the download."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torchvision

from data.idx_files import (
    IMAGES,
    STEMS,
    assert_same_as_torchvision,
    one_sentence,
    put,
    tiny_contents,
)
from xaikit.data import DATA_SETS, load, places


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


def test_download_fills_the_cache_once(mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(mirror.parent / "torchvision" / "FashionMNIST" / "raw", tiny_contents(), zipped=False)
    theirs = torchvision.datasets.FashionMNIST(mirror.parent / "torchvision", train=False)
    assert_same_as_torchvision(load("fashion_mnist"), theirs)
    assert "%|" not in capsys.readouterr().err, "torchvision's own bars show"
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


def test_two_notebooks_that_download_at_once_both_get_the_data(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is done while the first one unpacks; nobody ever sees a part of the files."""
    target = places.cache_folder() / "FashionMNIST" / "raw"
    other = mirror.parent / "other"
    put(other, tiny_contents(), zipped=False)
    monkeypatch.setattr(
        Path, "unlink", lambda path: target.exists() or shutil.copytree(other, target)
    )
    assert load("fashion_mnist").source == str(target)
    assert {each.name for each in target.iterdir()} == {each.name for each in other.iterdir()}


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
        waiting.join(timeout=10)
        assert sources == ["embedded sample"]
    assert socket.getdefaulttimeout() is None, "other connections keep their time"

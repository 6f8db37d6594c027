"""``autograde publish`` opens what is packed: a secret is found in it, or the file is refused."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.numpy import save
from small_course import CHECKS
from test_publish import quietly, small

from autograde.commands.publish import publish
from autograde.errors import AutogradeError
from autograde.model.course_file import read_course
from autograde.notebooks import opened as opening
from autograde.notebooks.opened import UnreadableError, opened

SECRET = CHECKS[CHECKS.index('@task("total"') :]
LEAK = "the hidden check of 'total'"


def zipped(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()


def tarred(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        about = tarfile.TarInfo(name)
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
    return made.getvalue()


def png(kind: str = "", profile: bytes | None = None) -> bytes:
    made, info = io.BytesIO(), PngInfo()
    if kind == "iTXt":
        info.add_itxt("note", SECRET, zip=True)
    elif kind:
        info.add_text("note", SECRET, zip=kind == "zTXt")
    Image.new("L", (4, 4)).save(made, "PNG", pnginfo=info, icc_profile=profile)
    return made.getvalue()


def pixels() -> bytes:
    """Return a picture whose grey values are the secret's letters."""
    letters = np.frombuffer(SECRET.encode(), dtype=np.uint8)
    made = io.BytesIO()
    Image.fromarray(letters.reshape(1, -1)).save(made, "PNG")
    return made.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    made = io.BytesIO()
    np.savez_compressed(made, **arrays)
    return made.getvalue()


def as_tensor() -> bytes:
    return save({"weights": np.frombuffer(SECRET.encode(), dtype=np.uint8).copy()})


PLANTED: dict[str, Callable[[], bytes]] = {
    "a.gz": lambda: gzip.compress(SECRET.encode()),
    "a.json.gz": lambda: gzip.compress(json.dumps({"note": SECRET}).encode()),
    "a.bz2": lambda: bz2.compress(SECRET.encode()),
    "a.xz": lambda: lzma.compress(SECRET.encode()),
    "a.zip": lambda: zipped("notes/a.txt", SECRET.encode()),
    "in_two.zip": lambda: zipped("a.gz", gzip.compress(SECRET.encode())),
    "named.dat": lambda: zipped("a.txt", SECRET.encode()),  # whatever it is called
    "a.tar.gz": lambda: tarred("a.txt", SECRET.encode()),
    "words.npz": lambda: npz(words=np.array([SECRET])),
    "bytes.npz": lambda: npz(code=np.frombuffer(SECRET.encode(), dtype=np.uint8)),
    "header.safetensors": lambda: save({"w": np.zeros(2)}, {"note": SECRET}),
    "tensor.safetensors": as_tensor,
    "text.png": lambda: png("tEXt"),
    "packed.png": lambda: png("zTXt"),
    "international.png": lambda: png("iTXt"),
    "profile.png": lambda: png(profile=SECRET.encode()),
    "string.py": lambda: f"SOURCE = {SECRET!r}\n".encode(),
    "string.js": lambda: f"const source = {json.dumps(SECRET)};\n".encode(),
    "behind.png": lambda: png() + SECRET.encode(),
    "pixels.png": pixels,
    "wide.txt": lambda: SECRET.encode("utf-16"),
    "base64.txt": lambda: base64.encodebytes(SECRET.encode()),
    "base64.py": lambda: b"A = '" + base64.b64encode(gzip.compress(SECRET.encode())) + b"'",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a course's folder, to which each test adds a file and takes it away."""
    folder = tmp_path_factory.mktemp("course")
    small(folder)
    return folder


def said(course: Path, name: str, content: bytes, out: Path) -> str:
    file = course / "xaikit" / "assets" / name
    file.write_bytes(content)
    try:
        with pytest.raises(AutogradeError) as refused:
            publish(out, read_course(course), quietly)
    finally:
        file.unlink()
    assert not out.exists()
    return str(refused.value)


@pytest.mark.parametrize("name", PLANTED)
def test_a_secret_is_found_wherever_it_is_packed(course: Path, tmp_path: Path, name: str) -> None:
    found = said(course, name, PLANTED[name](), tmp_path / "out")
    assert f"xaikit/assets/{name}" in found and f"holds {LEAK}" in found


def encrypted() -> bytes:
    content = bytearray(zipped("a.txt", b"nothing"))
    content[6] |= 1  # the flag of both headers that says so
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a.7z": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(range(256)), "cannot search"),
    "a.pkl": (lambda: b"\x80\x04\x95" + zlib.compress(b"x" * 999), "cannot search"),
    "a.zst": (lambda: b"\x28\xb5\x2f\xfd" + bytes(range(256)), "cannot search"),
    "cut.gz": (lambda: gzip.compress(bytes(9999))[:-12], "cannot be opened"),
    "encrypted.zip": (encrypted, "cannot be opened"),
    "cut.png": (lambda: png("zTXt")[:60], "cannot be opened"),
    "not.safetensors": (lambda: b"\xff" * 40, "cannot be opened"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_searched_is_refused(course: Path, tmp_path: Path, name: str) -> None:
    content, why = REFUSED[name]
    found = said(course, name, content(), tmp_path / "out")
    assert f"xaikit/assets/{name}" in found and why in found
    assert found.endswith("save it as text, npz, safetensors, PNG, gzip or zip.")
    assert "\n" not in found


def test_a_bomb_is_refused_before_it_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST", 2**20)
    for content in (gzip.compress(bytes(2**21)), zipped("a", bytes(2**21))):
        with pytest.raises(UnreadableError, match="more than 1 MiB"):
            [*opened("a", content)]
    deep = b"text"
    for _ in range(9):
        deep = gzip.compress(deep)
    with pytest.raises(UnreadableError, match="too many archives"):
        [*opened("a", deep)]

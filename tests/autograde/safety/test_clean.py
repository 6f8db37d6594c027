"""Clean: whatever a student wrote is harmless to browser, terminal, spreadsheet and folder."""

from __future__ import annotations

import base64
import io
import struct
import unicodedata
import zlib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
import numpy as np
import pytest
from nbconvert.filters.markdown import markdown2html
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from autograde.safety.rewrite import clean_markdown
from autograde.safety.sanitize import (
    IMAGE_LIMIT,
    OUTPUT_LIMIT,
    TEXT_LIMIT,
    clean_image,
    clean_line,
    clean_outputs,
    clean_text,
    defuse,
    safe_name,
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain\n\ttext ü 字 🙂", "plain\n\ttext ü 字 🙂"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq device\x1b\\x", "x"),
        ("a\r\nb", "a\nb"),
        ("a\x00b\x08c\x7f\x9bd", "abcd"),
        ("evil\u202etxt.exe\u2066", "eviltxt.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("lone\ud800surrogate", "lone\ufffdsurrogate"),
        ("\x1b", ""),
    ],
)
def test_text_is_without_escapes_and_invisible_characters(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def test_text_is_cut() -> None:
    assert clean_text("x" * 50, limit=10) == "x" * 9 + "…"
    assert clean_text("x" * 10, limit=10) == "x" * 10
    assert len(clean_text("\x1b]" + "y" * 10**6)) <= TEXT_LIMIT
    assert clean_line(" a\n\n b\x1b[0m ") == "a b"


# CSV


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://a?x="&A1)',
        "+1+cmd|' /C calc'!A0",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "=",
        "-",
        "＝1+1",
        "-1e5+A1",
    ],
)
def test_formulas_are_defused(text: str) -> None:
    assert defuse(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ada", "3.5", "-1", "-0.25", "+2", "1=1", "a@b", "1e-5"])
def test_all_else_stays(text: str) -> None:
    assert defuse(text) == text


# Names


@pytest.mark.parametrize("name", ["alice", "Ada Lovelace", "Jürgen-Group_1.b", "王小明", "O Neil"])
def test_ordinary_names_stay(name: str) -> None:
    assert safe_name(name) == name


STRANGE = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "C:\\x",
    "a\x00b",
    "a\nb",
    " a",
    "a ",
    "a.",
    ".hidden",
    "-rf",
    "CON",
    "nul.txt",
    "com1",
    "<script>",
    'a"b',
    "a*b?",
    "\u202eevil",
    "\ud800",
    "x" * 1000,
    "ü" * 200,
    "…",
    "~root",
    "$HOME",
    "%2e%2e",
    "🙂",
]


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_name_is_one_safe_folder(tmp_path: Path, name: str) -> None:
    safe = safe_name(name)
    assert PurePosixPath(safe).parts == (safe,)
    assert safe not in (".", "..")
    assert safe[0] not in ".-~ "
    assert safe[-1] not in ". "
    assert not set(safe) & set('<>:"/\\|?*$%\x00\n')
    assert safe.split(".")[0].upper() not in ("CON", "NUL", "COM1")
    assert len(safe.encode()) <= 120
    (tmp_path / safe).mkdir()
    assert (tmp_path / safe).resolve().parent == tmp_path.resolve()
    assert safe_name(name) == safe


def test_different_names_are_different_folders() -> None:
    names = [*STRANGE, "a_b", "a-b", "a b", "a", "x" * 999, "etc_passwd", "script", "hidden"]
    assert len({safe_name(name) for name in names}) == len(names)
    # One name in two normal forms is one name.
    assert safe_name(unicodedata.normalize("NFD", "Jürgen")) == safe_name("Jürgen")


# Markdown


class Tags(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "text <img src=x onerror=alert(1)> text",
        "<svg/onload=alert(1)>",
        "<!-- --><script>1</script>",
        "<!doctype html><iframe src='//a'>",
        "<?php 1 ?><object>",
        "a<style>*{display:none}</style>",
        "<a href='javascript:alert(1)'>x</a>",
        "</p><form action=//a><input>",
        "&lt;script&gt;",
        "<\x00script>alert(1)</script>",
        "<\u200bscript>alert(1)</script>",
        "$<script>$ and $$<img src=x>$$",
    ],
)
def test_markdown_holds_no_html_for_nbconvert(source: str) -> None:
    """nbconvert, which formgrader uses, hands raw HTML through."""
    raw, clean = Tags(), Tags()
    raw.feed(markdown2html(source))
    clean.feed(markdown2html(clean_markdown(source)))
    assert not set(clean.tags) - {"p", "em", "span"}
    if source.startswith("<script"):
        assert "script" in raw.tags  # there was something to clean


def test_markdown_stays_readable() -> None:
    text = "# A\n\n1 < 2, **b**, `x << 3`, $a \\le b$\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    assert clean_markdown(text) == text


# Images and outputs


def png(size: tuple[int, int] = (3, 2), mode: str = "RGB", **options: Any) -> bytes:
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.arange(size[0] * size[1] * channels, dtype=np.uint8)
    shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
    file = io.BytesIO()
    Image.fromarray(pixels.reshape(shape), mode).save(file, "PNG", **options)
    return file.getvalue()


def text64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def opened(encoded: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_images_keep_their_pixels(mode: str) -> None:
    content = png(mode=mode)
    clean = opened(clean_image("image/png", text64(content)))
    original = Image.open(io.BytesIO(content)).convert("RGBA")
    assert np.array_equal(np.asarray(clean.convert("RGBA")), np.asarray(original))


def test_images_keep_nothing_but_pixels() -> None:
    notes = PngInfo()
    notes.add_text("Comment", "<script>alert(1)</script>")
    content = png(pnginfo=notes, icc_profile=b"profile" * 9) + b"PK\x03\x04 a zip behind the image"
    clean = base64.b64decode(clean_image("image/png", text64(content)))
    for part in (b"script", b"iCCP", b"tEXt", b"PK\x03\x04"):
        assert part in content
        assert part not in clean
    file = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(file, "JPEG", comment=b"<script>", exif=b"Exif\0\0secret")
    clean = base64.b64decode(clean_image("image/jpeg", text64(file.getvalue())))
    assert b"script" in file.getvalue()
    assert b"script" not in clean
    assert b"secret" not in clean
    assert opened(text64(clean)).convert("RGB").getpixel((4, 4))[0] > 240


def bomb(side: int) -> bytes:
    """A small PNG file of that many black pixels in width and height."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * (side + 1) * min(side, 5000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


NO_IMAGES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "svg": lambda: b"<svg onload=alert(1)>",
    "gif": lambda: b"GIF89a\x01\x00\x01\x00",
    "a signature": lambda: b"\x89PNG\r\n\x1a\n",
    "half a picture": lambda: png()[:40],
    "a bomb that Pillow refuses": lambda: bomb(60_000),
    "a bomb that Pillow would open": lambda: bomb(4_100),
    "zeros": lambda: b"\0" * (IMAGE_LIMIT + 10),
}


@pytest.mark.parametrize("kind", NO_IMAGES)
def test_what_is_no_image_is_dropped(kind: str) -> None:
    assert clean_image("image/png", text64(NO_IMAGES[kind]())) == ""


def test_a_large_plot_stays() -> None:
    assert opened(clean_image("image/png", text64(bomb(3_000)))).size == (3_000, 3_000)


def test_an_image_is_what_it_says() -> None:
    assert clean_image("image/jpeg", text64(png())) == ""
    assert clean_image("image/png", "!" + text64(png())) == ""
    assert clean_image("image/png", text64(png())[:30] + "\n" + text64(png())[30:]) != ""


def display(data: Any, kind: str = "display_data") -> dict[str, Any]:
    return {"output_type": kind, "data": data, "metadata": {"x": "<script>"}}


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ({"image/png": {"alt": "a\n\x1b[31mtwo\u202e maps", "width": "<script>"}}, "two maps"),
        ({"image/png": {"alt": "long " * 1000}}, "long"),
        ({"image/png": {"alt": 3}}, ""),
        ({"image/png": "alt"}, ""),
        ({"image/jpeg": {"alt": "of another"}}, ""),
        ("alt", ""),
    ],
)
def test_of_metadata_only_an_images_text_is_kept(metadata: Any, kept: str) -> None:
    shown = {**display({"image/png": text64(png())}), "metadata": metadata}
    (clean,) = clean_outputs([shown])
    alt = clean["metadata"].get("image/png", {}).get("alt", "")
    assert kept in alt and len(alt) <= 500 and alt == " ".join(alt.split())
    assert clean["metadata"] == ({"image/png": {"alt": alt}} if kept else {})


def test_only_text_and_images_are_kept() -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "\x1b[31mb\x1b[0m"]},
        {"output_type": "stream", "name": "evil", "text": "c"},
        display(
            {
                "text/html": "<script>",
                "text/markdown": "<script>",
                "text/latex": "x",
                "image/svg+xml": "<svg onload=alert(1)>",
                "application/javascript": "alert(1)",
                "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
                "image/png": text64(png()),
                "text/plain": "<Figure>",
            }
        ),
        display({"text/plain": "7"}, "execute_result"),
        display({"text/html": "<b>only</b>"}),
        {
            "output_type": "error",
            "ename": "E\n",
            "evalue": "\x1b[1mv",
            "traceback": ["\x1b[0mt", 3],
        },
        {"output_type": "update_display_data", "data": {"text/plain": "x"}},
        {"output_type": "unknown"},
        "text",
        None,
        display("text"),
        {"output_type": "stream", "name": "stdout", "text": 3},
        {"output_type": "error"},
    ]
    clean = clean_outputs(outputs)
    assert [o["output_type"] for o in clean] == [
        "stream",
        "stream",
        "display_data",
        "execute_result",
        "error",
        "error",
    ]
    assert clean[0]["text"] == "a\nb"
    assert clean[1]["name"] == "stdout"
    assert set(clean[2]["data"]) == {"text/plain", "image/png"}
    assert (clean[4]["ename"], clean[4]["evalue"], clean[4]["traceback"]) == ("E", "v", ["t"])
    assert "<script>" not in str(clean)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=clean)])
    nbformat.validate(nbformat.from_dict(notebook))


def test_outputs_are_bounded() -> None:
    line = {"output_type": "stream", "name": "stdout", "text": "x" * 10}
    many = clean_outputs([line] * 1000)
    assert len(many) == OUTPUT_LIMIT + 1
    assert "left out" in many[-1]["text"]
    long = clean_outputs([{**line, "text": "x" * 10**6}] * 20)
    assert sum(len(o["text"]) for o in long) < 5 * TEXT_LIMIT
    assert "left out" in long[-1]["text"]

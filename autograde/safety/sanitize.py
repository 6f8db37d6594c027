"""A student's text, pictures and names, made safe for browser, spreadsheet and folder.

Nothing here judges; it drops or replaces what could act. Markdown is read and written elsewhere
(:mod:`autograde.safety.markdown`, :mod:`autograde.safety.html`).
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image

TEXT_LIMIT = 20_000
IMAGE_LIMIT = 5 << 20
PIXEL_LIMIT = 16_000_000
PIXELS_IN_ALL = 100_000_000
SIZE_IN_ALL = 20 << 20
OUTPUT_LIMIT = 50
_ALT = 500

_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG"}
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)?"  # titles, links
    r"|[PX^_][^\x1b]{0,1000}(?:\x1b\\)?"  # device strings
    r"|[ -/]*[0-~])"
)
# Control and format characters: the latter turn the reading direction, or hide text.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_NAME_BYTES = 100


def clean_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return the text without escape sequences and invisible characters, at most that long.

    Line ends and tabs stay; what was cut off is replaced by an ellipsis.
    """
    cut = len(text) > limit
    text = _ESCAPES.sub("", text[:limit]).replace("\r\n", "\n")
    kept = "".join(
        c if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE else _replaced(c)
        for c in text
    )
    return f"{kept[: limit - 1]}…" if cut else kept


def clean_line(text: str, limit: int = 300) -> str:
    """Return the text as one line, for a message or a heading."""
    return clean_text(" ".join(clean_text(text, limit).split()), limit)


class Budget:
    """What one notebook may still show: a program of kilobytes can put out any amount.

    A picture of few bytes can hold millions of pixels, and a text or a picture that is written
    again can take more room than it did.
    """

    def __init__(self) -> None:
        self.pixels = PIXELS_IN_ALL
        self.size = SIZE_IN_ALL

    def take_pixels(self, count: int) -> bool:
        """Take this many pixels and return True, or return False if fewer are left."""
        if self.size <= 0 or count > min(self.pixels, PIXEL_LIMIT):
            return False
        self.pixels -= count
        return True

    def take(self, size: int) -> bool:
        """Take this many bytes and return True, or return False if fewer are left."""
        if size > self.size:
            return False
        self.size -= size
        return True


def clean_outputs(outputs: Iterable[Any], budget: Budget | None = None) -> list[dict[str, Any]]:
    """Return a cell's outputs: streams, errors, plain text, PNG and JPEG, and nothing else.

    Images are decoded and encoded anew, so that nothing but pixels is left of them. An output
    that is malformed, too large or of another type is dropped; so is all metadata but the images'
    alternative texts. ``budget`` is the notebook's, by default one of its own.
    """
    budget = budget or Budget()
    kept: list[dict[str, Any]] = []
    left = TEXT_LIMIT * 3
    for output in outputs:
        clean = _clean_output(output, budget) if isinstance(output, Mapping) else None
        if clean is None:
            continue
        written = _text_size(clean)
        if len(kept) == OUTPUT_LIMIT or left <= 0 or not budget.take(written):
            kept.append(_stream("stderr", "More output was left out.\n"))
            break
        left -= written
        kept.append(clean)
    return kept


def defuse(cell: str) -> str:
    """Return the text of a CSV cell so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell[:1] in _FORMULA and cell and not _NUMBER.fullmatch(cell) else cell


def fused(cell: str) -> str:
    """Return what :func:`defuse` made harmless as it was."""
    return cell[1:] if cell[:1] == "'" and defuse(cell[1:]) == cell else cell


def safe_name(name: str) -> str:
    """Return a name for a folder or file: the same for the same name, different for others.

    Letters and digits of all scripts, blanks and ``-_.`` stay. Where anything else had to be
    replaced, eight characters of a hash keep two names apart.
    """
    name = unicodedata.normalize("NFC", name)
    kept = "".join(
        c if unicodedata.category(c)[0] in "LNM" or c in " -_." else "_" for c in name.strip()
    )
    kept = kept.encode("utf-8")[:_NAME_BYTES].decode("utf-8", errors="ignore")
    kept = kept.lstrip(".-_ ").rstrip(". ")
    if _RESERVED.fullmatch(kept):  # a device on Windows
        kept = ""
    if kept == name and kept:
        return kept
    identity = hashlib.sha256(name.encode("utf-8", errors="surrogatepass")).hexdigest()[:8]
    return f"{kept}-{identity}" if kept else f"student-{identity}"


def _replaced(character: str) -> str:
    """Lone surrogates cannot be written as UTF-8; their place is shown, all else goes."""
    return "\ufffd" if unicodedata.category(character) == "Cs" else ""


def _stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def _text_size(output: Mapping[str, Any]) -> int:
    """Return how many bytes an output's text takes; its pictures are counted as they are made."""
    texts = [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    texts += [output.get("evalue", ""), *output.get("traceback", ())]
    texts += [each["alt"] for each in output.get("metadata", {}).values()]
    return sum(len(text.encode()) for text in texts)


def _clean_output(output: Mapping[str, Any], budget: Budget) -> dict[str, Any] | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        text = clean_text(_joined(output.get("text")))
        return _stream(name, text) if text else None
    if kind == "error":
        lines = output.get("traceback")
        return {
            "output_type": "error",
            "ename": clean_line(_joined(output.get("ename")), 100),
            "evalue": clean_line(_joined(output.get("evalue"))),
            "traceback": [
                clean_text(line, 2000)
                for line in (lines if isinstance(lines, list) else [])[:50]
                if isinstance(line, str)
            ],
        }
    if kind in ("display_data", "execute_result"):
        data = _clean_data(output.get("data"), budget)
        if not data:
            return None
        clean: dict[str, Any] = {"output_type": kind, "data": data}
        clean["metadata"] = {
            media_type: {"alt": alt}
            for media_type in _FORMATS
            if media_type in data and (alt := alternative(output, media_type))
        }
        if kind == "execute_result":
            clean["execution_count"] = None
        return clean
    return None


def alternative(output: Mapping[str, Any], media_type: str) -> str:
    """Return what an output's image shows in words, in one line; empty if nobody says."""
    metadata = output.get("metadata")
    said = metadata.get(media_type) if isinstance(metadata, Mapping) else None
    alt = said.get("alt") if isinstance(said, Mapping) else None
    return clean_line(alt, _ALT) if isinstance(alt, str) else ""


def _clean_data(data: Any, budget: Budget) -> dict[str, str]:
    """Keep text/plain and images of a display's data."""
    if not isinstance(data, Mapping):
        return {}
    kept = {}
    text = clean_text(_joined(data.get("text/plain")))
    if text:
        kept["text/plain"] = text
    for media_type in _FORMATS:
        if media_type in data:
            encoded = clean_image(media_type, _joined(data[media_type]), budget)
            if encoded:
                kept[media_type] = encoded
    return kept


def clean_image(media_type: str, encoded: str, budget: Budget | None = None) -> str:
    """Return a PNG or JPEG image as base64, encoded anew; empty if it is not one or too large."""
    budget = budget or Budget()
    encoded = "".join(encoded.split())
    if len(encoded) > IMAGE_LIMIT * 4 // 3 + 4:
        return ""
    try:
        content = base64.b64decode(encoded, validate=True)
        with Image.open(io.BytesIO(content), formats=[_FORMATS[media_type]]) as image:
            if not budget.take_pixels(image.width * image.height):
                return ""
            plain = image.convert(_mode(image, media_type))
    except Exception:  # Pillow's parsers raise errors of many types
        return ""
    plain.info.clear()  # profiles and comments would be written back
    file = io.BytesIO()
    if media_type == "image/png":
        plain.save(file, "PNG")
    else:
        plain.save(file, "JPEG", quality=90)
    encoded = base64.b64encode(file.getvalue()).decode("ascii")
    return encoded if budget.take(len(encoded)) else ""


def _mode(image: Image.Image, media_type: str) -> str:
    """Return the plainest mode that keeps what the image shows."""
    if image.mode in ("1", "L"):
        return "L"
    transparent = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
    return "RGBA" if transparent and media_type == "image/png" else "RGB"


def _joined(text: Any) -> str:
    """Return multi-line text, which nbformat keeps as one string or as a list of lines."""
    if isinstance(text, list):
        return "".join(line for line in text if isinstance(line, str))
    return text if isinstance(text, str) else ""

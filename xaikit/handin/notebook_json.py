"""The JSON of an uploaded notebook, in whatever encoding a program saved it.

What can be read is read; of anything else a sentence names the cause, as far as the bytes show it,
and says how to save the notebook anew.
"""

from __future__ import annotations

import json
import re
from typing import Any

_CURE = (
    "please open your notebook in JupyterLab and choose File → Download, or in Colab File → "
    "Download → Download .ipynb, and hand in that file"
)
_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?: |$)", re.MULTILINE)
_PYTHON = re.compile(
    r"^(?:# %%|# In ?\[|#!|# -\*-|import \w|from \w+[\w.]* import |def \w|%\w)", re.M
)
_MOST = {'"': 4_000_000, ",": 2_000_000, "[": 300_000, "{": 300_000}
"""How many texts, further values, lists and objects are read: they take up to 200 bytes each."""

_SIGN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{,]', re.DOTALL)
_KINDS = (
    (b"PK\x03\x04", "a zip archive (or an Office document)"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "an archive packed by gzip"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
)


class BrokenUploadError(Exception):
    """The upload cannot be read as a notebook: a sentence or two for its author."""


def as_utf8(content: bytes) -> bytes:
    """Return text in UTF-8 if it is in UTF-16 or UTF-32, else the bytes as they are."""
    encoding = json.detect_encoding(content)
    if encoding.startswith("utf-8"):
        return content
    return content.decode(encoding, errors="replace").encode("utf-8", errors="replace")


def parsed(content: bytes, notices: list[str]) -> Any:
    """Return the JSON value that a file holds.

    Parameters
    ----------
    content
        The file's bytes.
    notices
        Takes a sentence for whatever was unusual but could be read.

    Raises
    ------
    BrokenUploadError
        If no JSON can be read from the bytes.
    """
    if not content.strip(b"\0 \t\r\n"):
        what = "holds nothing but zeros: it was not written to the disk" if content.strip() else ""
        raise BrokenUploadError(f"The uploaded file {what or 'is empty'}; {_CURE}.")
    text = _text(content, notices)
    _expect_few_values(text)
    try:
        return json.loads(text, strict=False)
    except (RecursionError, MemoryError):
        raise BrokenUploadError(
            "The uploaded file is nested too deeply to be a notebook."
        ) from None
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return _first(text, notices)
        raise BrokenUploadError(f"{_cause(text, error)}; {_CURE}.") from None
    except ValueError:  # numbers longer than Python takes
        raise BrokenUploadError(
            f"The uploaded file is not valid JSON, so it is no notebook; {_CURE}."
        ) from None


def _expect_few_values(text: str) -> None:
    """Refuse what would take far more memory than a notebook, before it is read."""
    if all(text.count(sign) <= most for sign, most in _MOST.items()):
        return
    # Most of these signs stand in texts; counting them apart takes longer.
    left = dict(_MOST)
    for match in _SIGN.finditer(text):
        sign = match[0][0]
        left[sign] -= 1
        if left[sign] < 0:
            raise BrokenUploadError(
                "The uploaded file holds more values than a notebook does; please clear the "
                "outputs of all cells, save it and upload again."
            )


def _text(content: bytes, notices: list[str]) -> str:
    """Decode the bytes: UTF-8, UTF-16 or UTF-32 with or without a mark, else Windows' own."""
    kind = next((kind for magic, kind in _KINDS if content.startswith(magic)), "")
    if kind:
        raise BrokenUploadError(f"The uploaded file is {kind}, not valid JSON; {_CURE}.")
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding, errors="surrogatepass").removeprefix("\ufeff")
    except UnicodeDecodeError:
        pass
    try:
        text = content.decode("cp1252") if encoding.startswith("utf-8") else ""
    except UnicodeDecodeError:
        text = ""
    if not text.lstrip().startswith("{"):
        raise BrokenUploadError(
            "The uploaded file is not valid JSON: it is not saved as UTF-8, and as no other "
            f"encoding that notebooks have; {_CURE}."
        )
    notices.append(
        "The upload is saved as Windows-1252 (cp1252) instead of UTF-8; it was read as that. "
        "Please save it in JupyterLab or Colab, no other program, before you hand it in."
    )
    return text


def _first(text: str, notices: list[str]) -> Any:
    """Return the notebook at the beginning of a file that goes on after it."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BrokenUploadError(
            f"The uploaded file is not valid JSON, so it is no notebook; {_CURE}."
        )
    notices.append("The upload goes on after the end of the notebook; the rest was left out.")
    return value


def _cause(text: str, error: json.JSONDecodeError) -> str:
    """Say what the file may be."""
    line = f"line {error.lineno}"
    start = text.lstrip()
    if start.startswith("<"):
        return (
            "The uploaded file is a web page (HTML), not valid JSON: a page about the notebook was "
            "saved in place of the notebook"
        )
    if match := _CONFLICT.search(text):
        line = f"line {text.count(chr(10), 0, match.start()) + 1}"
        return (
            f"The uploaded file is not valid JSON: Git left the marks of a merge conflict in it "
            f"(<<<<<<<, {line}), which have to be resolved first"
        )
    if not start.startswith(("{", "[")) and _PYTHON.search(start[:20_000]):
        return (
            "The uploaded file is a Python script, not valid JSON: the notebook's code was saved "
            "without the notebook"
        )
    ends = start.startswith("{") and not text[error.pos :].strip()
    if ends or error.msg.startswith("Unterminated"):
        return (
            f"The uploaded file is not valid JSON: it ends in the middle ({line}), so it was cut "
            "short when it was saved or uploaded"
        )
    return f"The uploaded file is not valid JSON ({line}), so it is no notebook that can be opened"

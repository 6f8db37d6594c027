"""A notebook is read in whatever shape a program saved it; else one sentence names the cause."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest

from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.uploads import Stub, read_upload

MARKER = "<!-- answer: why -->"
STUBS = {"why": Stub.of(MARKER, "abc", f"{MARKER}\nYOUR ANSWER HERE")}
ANSWER = f"{MARKER}\nWeil ½ größer ist als ¼: “ja”."


def notebook() -> dict[str, Any]:
    cell = {"cell_type": "markdown", "id": "abc", "metadata": {}, "source": ANSWER}
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


TEXT = json.dumps(notebook(), indent=1, ensure_ascii=False)


def answer(content: bytes) -> tuple[str, list[str]]:
    found = read_upload(content, STUBS)
    return found.cells[found.chosen["why"]].source, found.notices


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding: str, newline: str) -> None:
    assert answer(TEXT.replace("\n", newline).encode(encoding)) == (ANSWER, [])


def test_windows_own_encoding_is_read_and_named() -> None:
    source, notices = answer(TEXT.encode("cp1252"))
    assert source == ANSWER
    (notice,) = notices
    assert "cp1252" in notice and "UTF-8" in notice


@pytest.mark.parametrize("minor", range(6))
def test_every_minor_version_of_format_4(minor: int) -> None:
    data = notebook() | {"nbformat_minor": minor}
    if minor < 5:
        del data["cells"][0]["id"]
    nbformat.validate(data)
    assert answer(json.dumps(data).encode()) == (ANSWER, [])


@pytest.mark.parametrize(
    "metadata",
    [
        {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": None}}},
        {"widgets": 3},
        {"widgets": {"state": {"a": {}}}},
        {"kernelspec": None},
        {"kernelspec": {"name": "gone"}},
        {"language_info": []},
        [],
        None,
    ],
)
def test_broken_metadata_is_no_matter(metadata: Any) -> None:
    assert answer(json.dumps(notebook() | {"metadata": metadata}).encode()) == (ANSWER, [])


def test_a_file_that_goes_on_after_its_end_and_raw_line_ends_in_text() -> None:
    source, notices = answer(TEXT.encode() + b"\n  ]\n}\n")
    assert source == ANSWER and "goes on after the end" in notices[0]
    assert answer(TEXT.replace("\\n", "\n").encode()) == (ANSWER, [])


CONFLICT = TEXT.replace(
    '   "metadata": {},',
    '<<<<<<< HEAD\n   "metadata": {},\n=======\n   "metadata": {"a": 1},\n>>>>>>> theirs',
)
LINE = CONFLICT[: CONFLICT.index("<<<<<<<")].count("\n") + 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\r\n \t", "is empty"),
        (bytes(1000), "nothing but zeros"),
        (TEXT.encode()[:-30], "ends in the middle"),
        (TEXT.encode()[:60], "ends in the middle"),
        (CONFLICT.encode(), rf"merge conflict in it \(<<<<<<<, line {LINE}\)"),
        (b"\xef\xbb\xbf<!DOCTYPE html>\n<html></html>", "web page"),
        (b"# %%\nimport torch\n", "Python script"),
        (b"#!/usr/bin/env python\n# coding: utf-8\n\n# In[1]:\n", "Python script"),
        (b"PK\x03\x04\x14", "zip archive"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x1f\x8b\x08", "gzip"),
        ("Grüße".encode("cp1252"), "not saved as UTF-8"),
        (b'{"a": "\x81"}', "not saved as UTF-8"),
        (b'{"cells": oops}', r"not valid JSON \(line 1\)"),
        (b'{"cells": [}' * 3, "not valid JSON"),
        (b"{}{}}", "list of cells"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_cure(content: bytes, says: str) -> None:
    with pytest.raises(BrokenUploadError, match=says) as caught:
        read_upload(content, STUBS)
    sentence = str(caught.value)
    assert sentence.isprintable() and sentence.endswith(".")
    assert "Download .ipynb" in sentence or "upload the .ipynb file itself" in sentence

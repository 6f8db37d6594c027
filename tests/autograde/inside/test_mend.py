"""Cells that copying has damaged are read as they were meant, and all others as they are."""

from __future__ import annotations

import pytest

from autograde.inside.mend import mended

MARKER = "# answer: total\n"


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("    total = 1\n    if total:\n        total = 5050\n", ["indentation"]),
        ("total = 1\n    if total:\n        total = 5050\n", ["indentation"]),
        ("\n    # of my own\n    total = 5050\n", ["indentation"]),
        ("%matplotlib inline\n  total = 5050", ["indentation"]),
        ("if True:\n\ttotal = 1\n        total = 5050\n", ["tabs"]),
        ("if True:\n    total = 1\n\ttotal = 5050\n", ["tabs"]),
        ("word = “total”\ntotal = 5050 if len(word) == 5 else 0", ["quotes"]),
        ("word = ‘total’\ntotal = 5051 – 1", ["quotes"]),
        ("total =\u00a05050\u200b", ["quotes"]),
        ("    word = “total”\n    total = 5050", ["quotes", "indentation"]),
    ],
)
def test_it_is_read_as_it_was_meant(source: str, what: list[str]) -> None:
    text, mends = mended(MARKER + source)
    names: dict[str, object] = {}
    exec(compile(text.replace("%matplotlib inline", ""), "cell", "exec"), names)
    assert names["total"] == 5050
    assert mends == what
    with pytest.raises(SyntaxError):  # as it was, Python would not have read it
        compile((MARKER + source).replace("%matplotlib inline", ""), "cell", "exec")


@pytest.mark.parametrize(
    "source",
    [
        "total = 5050  # “quoted”, it’s – right",
        "print('“quoted”')\nif True:\n\ttotal = 1",
        "%%bash\necho “hi”\n   indented",
        "!pip install x\ntotal = await f()",
        "total = 'unfinished",
        "def f(:\n    “",
        "",
        "(" * 10_000,
    ],
)
def test_all_others_stay_as_they_are(source: str) -> None:
    assert mended(source) == (source, [])

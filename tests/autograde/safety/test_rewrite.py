"""A marker's page: what a student wrote means what it did, and does nothing.

nbconvert renders it, as formgrader and ``nbgrader generate_feedback`` do; html5lib reads the result
as a browser does.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import pytest
from graded_class import png
from inert import elements, parse, text
from nbconvert import HTMLExporter
from nbconvert.filters.markdown import markdown2html
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from autograde.model.course_file import read_course
from autograde.safety.html import markdown_html
from autograde.safety.rewrite import clean_markdown
from autograde.safety.sanitize import clean_line, clean_outputs

NOTEBOOKS = sorted((read_course(Path(__file__)).folder / "notebooks").glob("*.ipynb"))

# What MathJax, with the extensions that nbconvert and JupyterLab load, makes more of than signs.
ACTING = {
    "href", "url", "class", "style", "cssId", "unicode", "color", "colorbox", "fcolorbox",
    "textcolor", "definecolor", "pagecolor", "bbox", "includegraphics", "require", "def", "let",
    "newcommand", "renewcommand", "newenvironment", "DeclareMathOperator", "htmlData", "htmlClass",
    "htmlStyle", "htmlId", "data", "mmlToken", "rule", "Rule", "hspace", "kern", "mkern", "raise",
    "lower", "moveleft", "moveright", "llap", "rlap", "mathllap", "mathrlap", "special", "verb",
}  # fmt: skip

HOSTILE = [
    "[x](javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](vbscript:alert(1))",
    "[x](file:///etc/passwd)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;avascript&colon;alert(1))",
    "[x](javascript&#58;alert(1) 'title')",
    "[x]: javascript:alert(1)\n\n[x] and [y][x] and [x][]",
    "[x]: <javascript:alert(1)>\n[x]",
    "[x]:\n  data:text/html,a\n\n> [x]",
    "<javascript:alert(1)>",
    "<data:text/html,a>",
    "![x](https://evil.example/x.png)",
    "![a [x](https://a.example)](https://evil.example/x.png)",
    "![a ![b [c](javascript:alert(1))](https://b.example)](https://evil.example/x.png)",
    "[![a](https://evil.example/x.png)](javascript:alert(1))",
    "![x][y]\n\n[y]: https://evil.example/x.png",
    "![x](attachment:there-is-none.png)",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "![x](data:image/png;base64,AAAA)",
    "<img src=https://evil.example/x.png>",
    "<a href='javascript:alert(1)'>x</a>",
    "&lt;img src=x onerror=alert(1)&gt;",
    "```mermaid\n<img src=x onerror=alert(1)>\nclick A href 'javascript:alert(1)'\n```",
    "`\\begin{a}` and `\\end{a} [x](javascript:alert(1))`",
    "`a $$` and `$$ [x](javascript:alert(1))`",
    "$5 and `code $ [x](javascript:alert(1))`",
    "$\\begin{matrix}\\end{matrix}$ a $[x](javascript:alert(1))$",
    "$\\begin{matrix}$\n\n```\n\\end{matrix} [x](javascript:alert(1))\n```",
    "\\\\[ `\\\\] [x](javascript:alert(1))`",
    "| a |\n|---|\n| `|` [x](javascript:alert(1)) |",
    "- [ ] <input onfocus=alert(1) autofocus>",
    "$\\href{javascript:alert(1)}{x}$",
    "$$\n\\def\\x{\\href{javascript:alert(1)}} \\x{a}\n$$",
    "\\\\(\\class{x}{\\style{position:fixed}{a}}\\\\)",
    "\\\\[\\color{red}\\colorbox{red}{a}\\bbox[red]{a}\\\\]",
    "\\begin{align}\n\\url{https://evil.example} \\includegraphics{https://evil.example/x}\n\\end{align}",
    "\\$\\href{javascript:alert(1)}{x}\\$",
    "\\\\\\[\\href{javascript:alert(1)}{x}\\\\\\]",
    "&#36;\\href{javascript:alert(1)}{x}&#36;",
    "$\\\\[1000em] \\rule{99em}{99em} \\hspace{-99em}$",
    "$\\unicode{60} \\htmlData{a=b}{c} \\require{x}$",
    "$\\text{\\href{javascript:alert(1)}{x}}$",
    "a\\[href](javascript:b){javascript:alert(1)}{x} $b$",
]


def page_of(*cells: object) -> str:
    """Return what nbconvert makes of the cells, without the frame of its page."""
    body, _ = exporter().from_notebook_node(new_notebook(cells=list(cells)))
    return str(body)


@cache
def exporter() -> HTMLExporter:
    """Return nbconvert's exporter, which reads its templates once."""
    return HTMLExporter(template_name="basic")


def assert_harmless(html: str) -> None:
    """Fail if something in the page runs, loads, leads elsewhere than to pages, or is a command."""
    for tag, attributes in elements(html):
        assert tag not in ("script", "iframe", "object", "form", "svg", "style", "base"), tag
        assert tag != "pre" or "mermaid" not in attributes.get("class", "")
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{name}={value}"
            if name in ("href", "src", "action", "xlink:href"):
                scheme = urlsplit(value.strip()).scheme.lower()
                known = ("http", "https", "mailto") if name == "href" else ("data",)
                assert scheme in known or (name == "href" and value.startswith("#")), value
                assert name != "src" or re.match(r"data:image/(png|jpeg);base64,", value), value
    for piece in texts(parse(html)):
        found = set(re.findall(r"\\([A-Za-z]+)", piece))
        assert not found & ACTING, f"{found & ACTING} in {piece!r}"


def texts(node: Element) -> Iterator[str]:
    """Yield the texts in which MathJax looks for formulas: not those of code."""
    if node.tag not in ("code", "pre"):
        yield node.text or ""
        for child in node:
            yield from texts(child)
            yield child.tail or ""


@pytest.mark.parametrize("source", HOSTILE)
def test_what_acts_is_shown_and_does_not_act(source: str) -> None:
    for written in (source, f"> - {source}", f"a\n\n{source}\n\nb $x$", f"*{source}* `c`"):
        clean = clean_markdown(written)
        assert_harmless(page_of(new_markdown_cell(clean)))
        assert_harmless(str(markdown_html(clean)))
        assert text(markdown2html(clean)), "something is left to read"


@pytest.mark.parametrize("source", ["[x](javascript:alert(1))", HOSTILE[15], HOSTILE[35]])
def test_the_oracle_sees_what_acts(source: str) -> None:
    with pytest.raises(AssertionError):
        assert_harmless(page_of(new_markdown_cell(source)))


def test_no_mixture_of_corners_acts() -> None:
    """Openers and closers of everything, in any order: renderers read them differently."""
    pieces = [
        *HOSTILE,
        *"[]()<>!`$\\|*_&#:=-+{}'\"",
        *("``", "$$", "\\\\", "**", "~~"),
        *("](", "![", "\n", "\n\n", "  \n", "- ", "1. ", "    ", "> ", "\t", "a", " ", "```\n"),
        *("\\\\(", "\\\\)", "\\\\[", "\\\\]", "\\begin{align}", "\\end{align}", "\n|-|-|\n"),
        *("\\begin{x}", "\\end{x}", "(javascript:a)", "[x]: javascript:a\n", "@@0@@", "---\n"),
    ]
    for seed in range(150):
        dice = random.Random(seed)
        source = "".join(dice.choice(pieces) for _ in range(dice.randint(2, 20)))
        clean = clean_markdown(source)
        assert_harmless(str(markdown2html(clean)))
        assert_harmless(str(markdown_html(clean)))


def test_everything_else_of_a_student_on_the_page() -> None:
    """Outputs, errors, own cells, and messages, which nbgrader renders as Markdown."""
    hostile = "<script>alert(1)</script> [x](javascript:alert(1)) $\\href{javascript:a}{b}$"
    outputs = clean_outputs(
        [
            new_output("stream", text=hostile),
            new_output("error", ename=hostile, evalue=hostile, traceback=[hostile]),
            new_output("execute_result", {"text/plain": hostile, "text/markdown": hostile}),
            new_output("display_data", {"text/html": hostile, "text/latex": hostile}),
        ]
    )
    html = page_of(new_code_cell(hostile, outputs=outputs))
    assert_harmless(html)
    assert text(html).count("javascript:alert(1)") >= 4
    message = clean_markdown(clean_line(f"`total` is {hostile}, not 3 * 4 * 5"))
    assert_harmless(markdown2html(message))
    assert "not 3 * 4 * 5" in text(markdown2html(message))


HONEST = [
    "Title\n=====\n\nSub\n---\n\n## Third `code` $x$\n",
    "a *b* **c** _d_ __e__ ***f*** ~~g~~ *a **b** c*",
    "- a\n- b\n  - c\n  - d\n\n1. one\n\n2. two\n\n   more\n",
    "* a\n* b\n\n+ c\n",
    "> quoted\n> lines\n>\n> > deeper\n\ntext",
    "| a | b | c |\n|:--|:-:|--:|\n| 1 | `x` | $\\frac{1}{2}$ |\n| *2* | [y](https://a.o) | z |\n",
    "```python\ndef f(x):\n    return [x[0], '$']  # 1 < 2\n\n\nf(1)\n```\n",
    "    indented = code\n\ntext",
    "one  \ntwo\nthree",
    "1 < 2 > 0, a & b, 100 %, 50 $, snake_case_name, 2 * 3 * 4, #tag, C#, (a) [b] {c} ~ ^ |S| a\\b",
    "- \\* not a list\n- 1\\. neither\n",
    "2019\\. A year.\n\n\\- no list\n\n\\# no heading",
    "See [the paper](https://arxiv.org/abs/1703.01365), <https://a.org/x_y?b=c&d=e>, <me@a.org>.",
    "[ref][1] and [1]\n\n[1]: https://a.org 'title'\n",
    "---\n\ntext\n\n***\n",
    "Because $f(x) = \\sum_{i=1}^n w_i x_i$ and $$\\lVert x \\rVert_2 \\le 1$$ hold.",
    "$$\n\\phi_i = \\sum_{S \\subseteq N \\setminus \\{i\\}} \\frac{|S|!\\,(n-|S|-1)!}{n!}\n$$\n",
    "\\begin{align}\na &= b \\\\\nc &< d\n\\end{align}\n",
    "\\\\(x_1 + y_1\\\\) and \\\\[a_1 * b_1 * c_1\\\\]",
    "x &lt; y &amp; z &copy; &#8364;",
    "Ünïcödé 王小明 🙂 — “quotes”",
]


def tags(html: str) -> list[str]:
    return [tag for tag, _ in elements(html)]


@pytest.mark.parametrize("source", HONEST)
def test_honest_text_keeps_its_meaning(source: str) -> None:
    """nbconvert makes the same of it as before; writing it again changes nothing."""
    clean = clean_markdown(source)
    before, after = markdown2html(source), markdown2html(clean)
    assert tags(after) == tags(before)
    assert re.sub(r"\s", "", text(after)) == re.sub(r"\s", "", text(before))
    assert clean_markdown(clean) == clean


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_courses_own_text_keeps_its_meaning(notebook: Path) -> None:
    """Hundreds of cells with everything that a text answer may hold; one has a badge on top."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    plain = [s for s in sources if "<!--" not in s and "colab-badge" not in s]
    assert len(plain) > 5
    for source in plain:
        before, after = markdown2html(source), markdown2html(clean_markdown(source))
        assert tags(after) == tags(before)
        assert re.sub(r"\s", "", text(after)) == re.sub(r"\s", "", text(before))


def test_formulas_keep_their_commands() -> None:
    tex = (
        r"\mathbb{E}_{x\sim p}\left[\nabla_x f(x)^\top\right] \approx \hat{\mu} \text{ for all } i"
    )
    for source in (f"${tex}$", f"$${tex}$$", f"\\\\({tex}\\\\)"):
        assert tex in clean_markdown(source)


def test_pictures_that_the_text_carries_stay() -> None:
    """They are encoded anew; text of any length around them stays."""
    source = f"before ![my plot](data:image/png;base64,{png(300, 200)}) after"
    clean = clean_markdown(source)
    images = [a for tag, a in elements(markdown2html(clean)) if tag == "img"]
    assert [image["alt"] for image in images] == ["my plot"]
    assert images[0]["src"].startswith("data:image/png;base64,iVBOR")
    assert text(markdown2html(clean)) == "before after"
    shown = [a for tag, a in elements(markdown_html(clean)) if tag == "img"]
    assert len(shown) == 1


def test_text_that_is_too_long_to_read_is_shown_whole() -> None:
    source = "word *b* </script> ``` " * 10_000
    html = markdown2html(clean_markdown(source[:190_000] + "\n[a](http://b.c)" * 5_000))
    assert not {"em", "a"} & set(tags(html))
    assert text(html).count("[a](http://b.c)") == 5_000
    assert_harmless(html)

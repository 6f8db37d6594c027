"""Notebook cells as safe, static HTML: no script, nothing loaded from anywhere.

Markdown is read without raw HTML and cleaned again by nh3; TeX becomes MathML; code is coloured by
pygments; of outputs, text, PNG and JPEG are shown. What takes long to set is shown as plain text.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from html import escape
from types import MethodType
from typing import Any

import nh3
from latex2mathml.converter import convert
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

from autograde.safety.markdown import Parsed, TooMuchError, parser
from autograde.safety.sanitize import TEXT_LIMIT, Budget, alternative, clean_image, clean_text
from xaikit.handin.markers import TERMS

IMAGES = ("image/png", "image/jpeg")

_MATHML = {
    "math", "mrow", "mi", "mo", "mn", "mtext", "mspace", "ms", "mfrac", "msqrt", "mroot",
    "mstyle", "mpadded", "mphantom", "menclose", "msub", "msup", "msubsup", "munder", "mover",
    "munderover", "mmultiscripts", "mprescripts", "none", "mtable", "mtr", "mtd", "mlabeledtr",
}  # fmt: skip
_MATHML_ATTRIBUTES = {
    "*": {
        "columnalign", "columnspacing", "rowspacing", "rowlines", "columnlines", "displaystyle",
        "scriptlevel", "fence", "form", "stretchy", "separator", "accent", "movablelimits",
        "largeop", "symmetric", "minsize", "maxsize", "lspace", "rspace", "width", "height",
        "depth", "linethickness", "mathvariant", "notation", "linebreak",
    },
    "math": {"display", "xmlns"},
}  # fmt: skip
_HTML = {
    "p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "s", "a", "ul", "ol", "li",
    "blockquote", "pre", "code", "table", "thead", "tbody", "tr", "th", "td", "img", "span", "div",
}  # fmt: skip
_HTML_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "span": {"class", "data-math"},
    "div": {"class", "data-math"},
    "th": {"style"},
    "td": {"style"},
}
_COLOURED = 50_000
_LINE = 2000
"""Characters of a cell and of a line that are coloured: the lexer looks ahead for what closes."""

_FORMULA_LIMIT = 2000
_FORMULAS = 1000
"""Formulas in one cell that are set; what follows is shown as code."""

_MARKER = re.compile(r"\s*(?:<|&lt;|< )!--[^>\n]*-->")  # as written or as cleaned
_BACKTICKS = re.compile(r"`([^`\n]+)`")


# Most cells of a class's notebooks are the released ones: what these two make of them is kept.
@lru_cache(maxsize=500)
def code_html(source: str) -> Markup:
    """Return Python source, coloured unless it is too long for that."""
    if len(source) > _COLOURED or max(map(len, source.split("\n"))) > _LINE:
        return plain_code_html(source)
    source = clean_text(source, _COLOURED)
    return Markup(highlight(source, PythonLexer(stripnl=False), HtmlFormatter(cssclass="code")))


def plain_code_html(source: str) -> Markup:
    """Return source as it is."""
    text = escape(clean_text(source, 5 * TEXT_LIMIT), quote=False)
    return Markup(f'<div class="code"><pre>{text}\n</pre></div>\n')


def code_css() -> str:
    """Return the style sheet for :func:`code_html`."""
    return str(HtmlFormatter(style="default", cssclass="code").get_style_defs(".code"))


def message_html(text: str) -> Markup:
    """Return a message with the names that stand in backticks set as code."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", escape(clean_text(text))))


def comment_html(text: str) -> Markup:
    """Return a person's comment: Markdown with formulas, every line on a line of its own."""
    return markdown_html(
        "\n".join(f"{line}  " if line.strip() else "" for line in text.split("\n"))
    )


def math_html(tex: str, display: bool = False) -> Markup:
    """Return a formula as MathML, or as code where it cannot be read as one."""
    shown = _as_code(tex)
    if len(tex) > _FORMULA_LIMIT:  # its parser takes time by the square of the length
        return shown
    # latex2mathml knows `align`, not `aligned`, and numbers what is not starred.
    known = re.sub(r"\\(begin|end)\{(?:aligned|align|gathered|split)\}", r"\\\1{align*}", tex)
    try:
        mathml = convert(known, display="block" if display else "inline")
    except Exception:  # latex2mathml raises its parser's errors
        return shown
    if re.search(r"<m[io]>(?:\\|&amp;|&<)", mathml):  # an unknown command, handed through
        return shown
    # Few fonts have the sign that \setminus has of its own.
    mathml = mathml.replace("<mi>&#x029F5;</mi>", "<mo>\\</mo>")
    # It passes \text{…} and \href{…} on as they are: only what is known to be harmless stays.
    return Markup(nh3.clean(mathml, tags=_MATHML, attributes=_MATHML_ATTRIBUTES, url_schemes=set()))


def _as_code(tex: str) -> Markup:
    return Markup(f'<code class="tex">{escape(tex.strip())}</code>')


def markdown_html(
    source: str, attachments: Mapping[str, Mapping[str, str]] | None = None
) -> Markup:
    """Return a Markdown cell; headings two levels down, below the page's own.

    Parameters
    ----------
    attachments
        Images pasted into the cell: name, then media type → base64, as nbformat has them.
    """
    return _markdown_html(source, attachments) if attachments else _plain_markdown_html(source)


@lru_cache(maxsize=500)
def _plain_markdown_html(source: str) -> Markup:
    return _markdown_html(source, {})


def _markdown_html(source: str, attachments: Mapping[str, Mapping[str, str]]) -> Markup:
    marker = _MARKER.match(source)
    source = (source[marker.end() :] if marker else source).replace(TERMS, "")
    try:
        parsed = Parsed(source)
    except (TooMuchError, RecursionError):
        return _pre(source, "text", 5 * TEXT_LIMIT)
    env: dict[str, Any] = {
        "parsed": parsed,
        "attachments": attachments,
        "formulas": [],
        "budget": Budget(),
    }
    _demote(parsed.tokens)
    renderer = _renderer()
    html = nh3.clean(
        renderer.render(parsed.tokens, parser().options, env),
        tags=_HTML,
        attributes=_HTML_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer nofollow",
        filter_style_properties={"text-align"},
        attribute_filter=_keep,
    )
    # Formulas are put in after cleaning, which knows no MathML; their places hold only a number.
    formulas = env["formulas"]
    return Markup(
        re.sub(r"<span data-math=\"(\d+)\"></span>", lambda m: str(formulas[int(m[1])]), html)
    )


def output_html(output: Mapping[str, Any], where: str) -> Markup:
    """Return one output of a code cell, empty if there is nothing in it to show.

    Parameters
    ----------
    where
        What it is an output of; read to those who do not see an image that does not say what it
        shows.
    """
    kind = output.get("output_type")
    if kind == "stream":
        stream = "warning" if output.get("name") == "stderr" else "text"
        return _pre(_joined(output.get("text")), stream)
    if kind == "error":
        lines = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
        return _pre("\n".join(map(str, lines)), "error")
    data = output.get("data")
    if not isinstance(data, Mapping):
        return Markup("")
    for media_type in IMAGES:
        uri = image_uri(media_type, data.get(media_type))
        if uri:
            alt = alternative(output, media_type) or where
            return Markup(f'<img src="{uri}" alt="{escape(alt)}">')
    return _pre(_joined(data.get("text/plain")), "text")


def image_uri(media_type: str, content: Any) -> str:
    """Return a data URI, empty unless this is base64 text of a PNG or JPEG image."""
    encoded = re.sub(r"\s", "", _joined(content))
    try:
        start = base64.b64decode(encoded, validate=True)[:8]
    except (binascii.Error, ValueError):
        return ""
    signature = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}.get(media_type)
    if signature is None or not start.startswith(signature):
        return ""
    return f"data:{media_type};base64,{encoded}"


@cache
def _renderer() -> RendererHTML:
    renderer = RendererHTML()
    for rule in ("math_inline", "math_display", "math_block"):
        renderer.rules[rule] = MethodType(_render_math, renderer)
    renderer.rules["image"] = MethodType(_render_image, renderer)
    renderer.rules["fence"] = MethodType(_render_fence, renderer)
    return renderer


def _demote(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"


def _render_math(
    self: RendererHTML, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
) -> str:
    display = tokens[i].type != "math_inline"
    tex = tokens[i].content
    known = len(env["formulas"]) < _FORMULAS
    env["formulas"].append(math_html(tex, display) if known else _as_code(tex))
    place = f'<span data-math="{len(env["formulas"]) - 1}"></span>'
    return f"<p>{place}</p>\n" if tokens[i].block else place


def _render_image(
    self: RendererHTML, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
) -> str:
    """Show an image that the notebook carries; of one from elsewhere, its description."""
    source = str(tokens[i].attrs.get("src", ""))
    alt = escape(self.renderInlineAsText(tokens[i].children or [], options, env).strip() or "Image")
    uri = ""
    if source.startswith("attachment:"):
        bundle = env["attachments"].get(source.removeprefix("attachment:"), {})
        uri = next(
            (u for kind in IMAGES if (u := _clean_uri(kind, bundle.get(kind, ""), env["budget"]))),
            "",
        )
    else:
        uri = env["parsed"].picture(source, env["budget"])
    return f'<img src="{uri}" alt="{alt}">' if uri else f'<span class="left-out">{alt}</span>'


def _clean_uri(media_type: str, content: Any, budget: Budget) -> str:
    """Return a data URI of an image that has not been cleaned yet, empty if it is none."""
    encoded = clean_image(media_type, _joined(content), budget)
    return f"data:{media_type};base64,{encoded}" if encoded else ""


def _render_fence(
    self: RendererHTML, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
) -> str:
    return f"<pre><code>{escape(tokens[i].content)}</code></pre>\n"


def _keep(tag: str, attribute: str, value: str) -> str | None:
    """Let images be data only: nh3's schemes are the same for links and images."""
    if tag == "img" and attribute == "src":
        return value if value.startswith("data:image/") else None
    if tag == "a" and attribute == "href":
        return value if re.match(r"(?i)(https?:|mailto:|#)", value) else None
    return value


def _pre(text: str, kind: str, limit: int = 3 * TEXT_LIMIT) -> Markup:
    text = clean_text(text, limit).rstrip()
    shown = escape(text, quote=False)
    return Markup(f'<pre class="output {kind}">{shown}</pre>') if text else Markup("")


def _joined(text: Any) -> str:
    """Return multi-line text, which nbformat keeps as one string or as a list of lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")

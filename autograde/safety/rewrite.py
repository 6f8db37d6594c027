"""Markdown written anew from what was read: see :mod:`autograde.safety.markdown`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.tree import SyntaxTreeNode

from autograde.safety.formulas import clean_tex, plain_commands
from autograde.safety.markdown import LENGTH, Parsed, TooMuchError, link_target
from autograde.safety.sanitize import Budget, clean_text

_KNOWN = """
bash c console cpp html ipython ipython3 json latex pycon py python python3 r sh sql tex text toml
yaml
"""
_LANGUAGES = frozenset(_KNOWN.split())
"""What code may say that it is: nbconvert runs ``mermaid`` as a program."""

_SPECIAL = re.compile(r"[`*\[\]$~|]|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])|_|#")
_ESCAPED = {"<": "&lt;", "&": "&amp;"}
_LINE_START = re.compile(r"[-+=:>]|\d+(?=[.)])")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9\-._~:/?#@!&+,;=%]+")
_ALIGNED = {"text-align:left": ":---", "text-align:center": ":---:", "text-align:right": "---:"}
_BACKTICKS = re.compile(r"`+")


def clean_markdown(source: str, budget: Budget | None = None) -> str:
    r"""Return Markdown that means the same, in which nothing loads, runs or leads astray.

    Links lead to web pages (``http``, ``https``), mail and places on the page; pictures are those
    that the text carries, encoded anew, and links stand for the others; raw HTML and TeX commands
    that are not known to be harmless are shown as text. What is too long to be read stays as it
    is, as a block of code.
    """
    end = "\n" if source.endswith("\n") else ""
    try:
        parsed = Parsed(source)
        lines = _Writer(parsed, budget or Budget()).blocks(
            SyntaxTreeNode(parsed.tokens).children, "\n"
        )
    except (TooMuchError, RecursionError):
        return plain_block(source) + end
    return lines + end


def plain_block(source: str) -> str:
    """Return any text as a block of code."""
    text = _defused(clean_text(source, len(source) + 1)).strip("\n")
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _defused(code: str) -> str:
    """Return code in which a renderer that takes it for something else finds nothing.

    nbconvert looks for formulas in code, too; what follows one would no longer be code.
    """
    code = re.sub(r"<(?=[A-Za-z/!?])", "< ", code)
    code = re.sub(r"(?<=\$)(?=\$)", " ", code)
    return re.sub(r"\\(begin|end)(?=\{)|(\\\\)(?=[\[(])", lambda m: f"{m[0]} ", code)


class _Writer:
    """Writes one text; counts what it writes."""

    def __init__(self, parsed: Parsed, budget: Budget) -> None:
        self._parsed = parsed
        self._budget = budget
        self._left = 2 * LENGTH
        code = "".join(t.content for t in parsed.tokens if t.type in ("fence", "code_block"))
        # One length for all: a block that a renderer thinks open is closed by the next.
        self._fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(code)), default=0))

    def blocks(self, nodes: Sequence[SyntaxTreeNode], between: str) -> str:
        """Return blocks, below each other."""
        written = []
        for node in nodes:
            text = self._block(node)
            self._left -= len(text)
            if self._left < 0:
                raise TooMuchError
            if text:
                written.append(text)
        return f"\n{between}".join(written)

    def _block(self, node: SyntaxTreeNode) -> str:
        if node.type == "heading":
            return f"{'#' * int(node.tag[1])} {self._line(node)}"
        if node.type == "paragraph":
            return self._inline(node.children[0].children if node.children else [])
        if node.type in ("fence", "code_block"):
            language = node.info.split()[0].lower() if node.info.split() else ""
            language = language if language in _LANGUAGES else ""
            return f"{self._fence}{language}\n{_defused(node.content).rstrip()}\n{self._fence}"
        if node.type == "blockquote":
            return _indented(self.blocks(node.children, "\n"), "> ", "> ")
        if node.type in ("bullet_list", "ordered_list"):
            return self._list(node)
        if node.type == "table":
            return self._table(node)
        if node.type == "math_block":
            return _formula(node)
        return "___"  # a thematic break: nothing else is read

    def _list(self, node: SyntaxTreeNode) -> str:
        tight = all(c.hidden for item in node.children for c in item.children if _is_text(c))
        between = "" if tight else "\n"
        number = int(node.attrs.get("start", 1))
        items = []
        for count, item in enumerate(node.children):
            marker = node.markup if node.type == "bullet_list" else f"{number + count}{item.markup}"
            text = self.blocks(item.children, between)
            items.append(_indented(text, f"{marker} ", " " * (len(marker) + 1)))
        return f"\n{between}".join(items)

    def _table(self, node: SyntaxTreeNode) -> str:
        rows = [[self._line(cell) for cell in row.children] for row in _rows(node)]
        heads = next(_rows(node)).children
        rule = [_ALIGNED.get(str(head.attrs.get("style", "")), "---") for head in heads]
        lines = [f"| {' | '.join(cells)} |" for cells in rows]
        return "\n".join([lines[0], f"|{'|'.join(rule)}|", *lines[1:]])

    def _line(self, node: SyntaxTreeNode) -> str:
        """Return what a heading or a cell holds, on one line."""
        in_table = node.type in ("th", "td")
        nodes = node.children[0].children if node.children else []
        text = " ".join(self._inline(nodes, in_table).replace("\\\n", " ").split("\n"))
        return text if text or not in_table else " "

    def _inline(self, nodes: Sequence[SyntaxTreeNode], in_table: bool = False) -> str:
        pieces: list[str] = []
        text = ""
        for kind, content in [*self._pieces(nodes, in_link=False), ("end", "")]:
            if kind == "text":
                text += content
                continue
            before = pieces[-1] if pieces else "\n"
            written = _text(text, at_start=before.endswith("\n"))
            if content.startswith("[") and written.endswith("!"):
                written = f"{written[:-1]}\\!"
            text = ""
            if in_table and kind in ("code", "formula"):
                content = content.replace("|", r"\|")
            pieces += [written, content]
            self._left -= len(content)
            if self._left < 0:
                raise TooMuchError
        return "".join(pieces).strip("\n ")

    def _pieces(self, nodes: Sequence[SyntaxTreeNode], in_link: bool) -> Iterator[tuple[str, str]]:
        """Yield text and what stands between; text that meets is escaped as one."""
        for node in nodes:
            if node.type in ("em", "strong", "s"):
                yield "mark", node.markup
                yield from self._pieces(node.children, in_link)
                yield "mark", node.markup
            elif node.type == "link":
                yield from self._link(node, node.children, str(node.attrs["href"]), in_link)
            elif node.type == "image":
                yield from self._image(node, in_link)
            elif node.type == "code_inline":
                yield "code", _code(node.content)
            elif node.type in ("math_inline", "math_display"):
                yield "formula", _formula(node)
            elif node.type == "softbreak":
                yield "break", "\n"
            elif node.type == "hardbreak":
                yield "break", "\\\n"
            elif in_link:
                yield "text", node.content
            else:
                yield from _with_addresses(node.content)

    def _link(
        self, node: SyntaxTreeNode, label: Sequence[SyntaxTreeNode], address: str, in_link: bool
    ) -> Iterator[tuple[str, str]]:
        target = "" if in_link else link_target(address)
        if target:
            yield "mark", "["
        yield from self._pieces(label, True)
        if target:
            yield "mark", f"]({target})"

    def _image(self, node: SyntaxTreeNode, in_link: bool) -> Iterator[tuple[str, str]]:
        source = str(node.attrs["src"])
        if picture := self._parsed.picture(source, self._budget):
            words = re.sub(r"[^\w ]", " ", node.content)
            yield "picture", f"![{words}]({picture})"
            self._left += len(picture)  # counted by the budget
        elif node.children:
            yield from self._link(node, node.children, source, in_link)
        else:
            yield from _with_addresses(source)


def _rows(table: SyntaxTreeNode) -> Iterator[SyntaxTreeNode]:
    for part in table.children:
        yield from part.children


def _is_text(node: SyntaxTreeNode) -> bool:
    return node.type == "paragraph"


def _indented(text: str, first: str, further: str) -> str:
    head, *lines = text.split("\n")
    return "\n".join([f"{first}{head}".rstrip(), *(f"{further}{line}".rstrip() for line in lines)])


def _formula(node: SyntaxTreeNode) -> str:
    display = node.type != "math_inline"
    tex = clean_tex(node.content, display)
    if not tex or (node.markup.startswith(r"\begin") and tex.startswith(r"\begin")):
        return tex  # an environment stands by itself
    return f"$${tex}$$" if display else f"${tex}$"


def _code(content: str) -> str:
    code = re.sub(r"\](?=[(\[:])", "] ", _defused(content))
    fence = "`" * (1 + max(map(len, _BACKTICKS.findall(code)), default=0))
    edge = " " if code[:1] in "` " or code[-1:] in "` " else ""
    return f"{fence}{edge}{code}{edge}{fence}"


def _with_addresses(text: str) -> Iterator[tuple[str, str]]:
    """Yield text, and the addresses in it as the links that renderers make of them."""
    start = 0
    for match in _ADDRESS.finditer(text):
        address = match[0].rstrip(".,:;!?_~")
        if target := link_target(address):
            yield "text", text[start : match.start()]
            yield "link", f"[{_text(address, at_start=False)}]({target})"
            start = match.start() + len(address)
    yield "text", text[start:]


def _text(text: str, at_start: bool) -> str:
    r"""Return text in which nothing means anything.

    A backslash becomes a character reference: before a bracket, ``\\`` begins a formula. Renderers
    set formulas in what they have made of the text, so unknown commands are broken here, too.
    """
    if at_start:
        text = text.lstrip()
    parts = plain_commands(text).split("\\")
    text = "&#92;".join(_SPECIAL.sub(lambda m: _escape(m), part) for part in parts)
    if at_start and (match := _LINE_START.match(text)):
        if match[0][0].isdigit():
            return f"{match[0]}\\{text[match.end() :]}"
        return f"\\{text}"
    return text


def _escape(match: re.Match[str]) -> str:
    sign, text = match[0], match.string
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    if sign == "_" and before.isalnum() and after.isalnum():
        return sign
    if sign == "#" and before and not before.isspace():
        return sign
    return _ESCAPED.get(sign, f"\\{sign}")

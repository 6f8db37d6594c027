"""A text in Markdown as plain data for the page: what it says and how, and nothing that acts."""

from __future__ import annotations

import unicodedata
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.dollarmath import dollarmath_plugin

Node = dict[str, Any]

_KINDS = {
    "paragraph": "paragraph",
    "inline": "span",
    "bullet_list": "bullets",
    "list_item": "item",
    "blockquote": "quote",
    "strong": "strong",
    "em": "emphasis",
    "softbreak": "space",
    "hardbreak": "break",
    "heading": "heading",
}
_VERBATIM = {"code_inline": "code", "code_block": "lines", "fence": "lines"}
_FORMULAS = {
    "math_inline": "formula",
    "math_inline_double": "display",
    "math_block": "display",
}
_SCHEMES = ("https://", "http://", "mailto:")


def printable(text: str) -> str:
    """Return a text without what no font draws: control characters, and halves of a letter."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))


def parsed(text: str) -> list[Node]:
    """Return the blocks of a text: paragraphs, lists, headings, quotes, code, tables, formulas.

    HTML is no markup here but text; pictures are named by their alternative text. What dollars
    enclose is a formula by pandoc's rule: no space within, no digit after them ("$5 to $7").
    """
    parser = MarkdownIt("commonmark", {"html": False}).disable(["html_block", "html_inline"])
    parser.enable("table").use(
        dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True
    )
    return _children(SyntaxTreeNode(parser.parse(printable(text))))


def _children(node: SyntaxTreeNode) -> list[Node]:
    return [_node(child) for child in node.children]


def _node(node: SyntaxTreeNode) -> Node:
    if node.type in _KINDS:
        return {"kind": _KINDS[node.type], "inside": _children(node)}
    if node.type in _VERBATIM:
        return {"kind": _VERBATIM[node.type], "text": node.content.rstrip("\n")}
    if node.type == "link":
        address = str(node.attrGet("href") or "")
        if address.startswith(_SCHEMES):
            return {"kind": "link", "address": address, "inside": _children(node)}
        return {"kind": "span", "inside": _children(node)}
    if node.type in _FORMULAS:
        return {"kind": _FORMULAS[node.type], "tex": node.content}
    if node.type == "table":
        rows = [row for part in node.children for row in part.children]
        aligned = [str(cell.attrGet("style") or "").rpartition(":")[2] for cell in rows[0].children]
        cells = [
            {"kind": "cell", "inside": _children(cell)} for row in rows for cell in row.children
        ]
        return {"kind": "table", "columns": [side or "left" for side in aligned], "inside": cells}
    if node.type == "ordered_list":
        first = int(node.attrGet("start") or 1)
        return {"kind": "numbers", "first": first, "inside": _children(node)}
    if node.type == "hr":
        return {"kind": "rule"}
    return {"kind": "text", "text": node.content}

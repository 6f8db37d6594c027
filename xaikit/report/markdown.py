"""A text in Markdown as plain data for the page: what it says and how, and nothing that acts."""

from __future__ import annotations

import unicodedata
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Node = dict[str, Any]

_KINDS = {
    "paragraph": "paragraph",
    "inline": "span",
    "bullet_list": "bullets",
    "ordered_list": "numbers",
    "list_item": "item",
    "blockquote": "quote",
    "strong": "strong",
    "em": "emphasis",
    "softbreak": "space",
    "hardbreak": "break",
    "heading": "heading",
}
_VERBATIM = {"code_inline": "code", "code_block": "lines", "fence": "lines"}
_SCHEMES = ("https://", "http://", "mailto:")


def printable(text: str) -> str:
    """Return a text without what no font draws: control characters, and halves of a letter."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))


def parsed(text: str) -> list[Node]:
    """Return the blocks of a text: paragraphs, lists, headings, quotes, code, with links inside.

    HTML is no markup here but text; pictures are named by their alternative text.
    """
    parser = MarkdownIt("commonmark", {"html": False}).disable(["html_block", "html_inline"])
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
    if node.type == "hr":
        return {"kind": "rule"}
    return {"kind": "text", "text": node.content}

"""A student's Markdown, read by one parser and written anew so that every renderer is harmless.

Renderers disagree about Markdown's corners, so nothing is repaired by patterns. The text is parsed;
of what was found headings, emphasis, lists, quotes, tables, code, formulas, links to web pages and
pictures that the text carries are written again, in the plainest form there is. All other text is
escaped.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from autograde.safety.formulas import formulas_plugin
from autograde.safety.sanitize import Budget, clean_image, clean_text

LENGTH = 200_000
"""Characters of Markdown that are read, pictures aside; what is longer is shown as it is."""

SECONDS = 10.0
"""Processor time for one text: honest ones take a hundredth of it, however busy the machine is."""

_PICTURE = re.compile(r"(?<=\]\()data:(image/(?:png|jpeg));base64,([A-Za-z0-9+/=]*+)")
_CARRIED = re.compile(r"data:image/(?:png|jpeg);base64,(\d+)")
_LINK = re.compile(r"(?:https?://[^/?#]|mailto:[^/]|#)[^\s\x00-\x20]*", re.IGNORECASE)
_LINK_LENGTH = 2000
_GROWTH = 5
_UNSAFE = re.compile(r"[^A-Za-z0-9\-._:/?#@!+,;=%&]|%(?![0-9A-Fa-f]{2})")


class TooMuchError(Exception):
    """A text is too long, or takes too long to read: it is shown as plain text."""


class Parsed:
    """Markdown as it was read.

    Attributes
    ----------
    tokens
        As markdown-it has them. Addresses of links are those of web pages, of mail or of a place on
        the same page; those of pictures are also of attachments (``attachment:NAME``) or carried
        (see :meth:`picture`).
    """

    def __init__(self, source: str) -> None:
        self._carried: list[tuple[str, str]] = []
        text = clean_text(_PICTURE.sub(self._put_aside, source), len(source) + 1)
        if len(text) > LENGTH:
            raise TooMuchError
        environment = {"until": time.thread_time() + SECONDS}
        self.tokens = parser().parse(text, environment)

    def _put_aside(self, match: re.Match[str]) -> str:
        self._carried.append((match[1], match[2]))
        return f"data:{match[1]};base64,{len(self._carried) - 1}"

    def picture(self, address: str, budget: Budget) -> str:
        """Return a picture that the text carries as a data URI, encoded anew; empty if none."""
        match = _CARRIED.fullmatch(address)
        if match is None or int(match[1]) >= len(self._carried):
            return ""
        media_type, content = self._carried[int(match[1])]
        encoded = clean_image(media_type, content, budget)
        return f"data:{media_type};base64,{encoded}" if encoded else ""


@cache
def parser() -> MarkdownIt:
    """Return the parser: CommonMark, tables and formulas; raw HTML is text."""
    found = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    found.use(formulas_plugin)
    found.block.ruler.before("table", "watch", _watch)
    found.inline.ruler.before("text", "watch", _watch)
    found.core.ruler.push("growth", _bounded)
    found.validateLink = _is_read  # type: ignore[method-assign, assignment]
    return found


def link_target(address: str) -> str:
    """Return an address that a link may lead to, in characters that mean nothing in Markdown."""
    if len(address) > _LINK_LENGTH or not _LINK.fullmatch(address):
        return ""
    quoted = _UNSAFE.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), address)
    return quoted.replace("&", "&amp;")


def _is_read(address: str) -> bool:
    """Whether an address is read at all; where it is not, the link stays the text that it is."""
    return bool(
        link_target(address) or _CARRIED.fullmatch(address) or address.startswith("attachment:")
    )


def _watch(state: StateBlock | StateInline, *_: Any) -> bool:
    """Stop where reading takes too long: a rule that comes first, and finds nothing."""
    if time.thread_time() > state.env["until"]:
        raise TooMuchError
    return False


def _bounded(state: Any) -> None:
    """Stop where a text would grow: one long address can be referred to many times."""
    size = sum(
        len(token.content) + sum(len(str(value)) for value in token.attrs.values())
        for token in every(state.tokens)
    )
    if size > _GROWTH * max(len(state.src), 2000):
        raise TooMuchError


def every(tokens: list[Token]) -> Iterator[Token]:
    """Yield all tokens, those of lines included."""
    for token in tokens:
        yield token
        yield from token.children or ()

"""Code as tokens, for comparisons in which names, texts and layout may differ."""

from __future__ import annotations

import builtins
import html
import keyword
import re
from collections.abc import Iterator

KEPT = frozenset(dir(builtins)) | frozenset(keyword.kwlist)
"""Names that mean the same to everybody; so does a name behind a dot."""

TOKEN = re.compile(
    # What is not closed ends with its line or cell: no quote looks in vain for its end.
    r"""[#][^\n]*
    |(?P<text>[rbfuRBFU]{0,2}(?:
        \'\'\'.*?(?:\'\'\'|\Z)|\"\"\".*?(?:\"\"\"|\Z)
        |'(?:\\.|[^'\\\n])*+'?|"(?:\\.|[^"\\\n])*+"?
    ))
    |\w+
    |[^\w\s]""",
    re.DOTALL | re.VERBOSE,
)
"""One pattern, because it also reads what Python would refuse, and because lexing is nearly all of
the work of a comparison: Pygments took about 0.1 s of processor time a submission."""

WORD = re.compile(r"\w+")
_ANY = re.compile(r"\w+|[^\w\s]")

BREAK = ""
"""Stands where tokens beside each other do not belong together."""

_LAYOUT = frozenset("()[]{},:;.=\\`$|\"'")  # what brackets, quotes and line ends leave behind
_TAG = re.compile(
    r"</?(?:pre|code|br|b|i|em|strong|span|div|details|summary|p|t[dhr]|table|li)\b[^>]*>"
)
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.|>+|(?:In|Out) ?\[\d*\]:|[-+*] )", re.MULTILINE)
_HEADS = ("import ", "from ", "def ", "class ", "async ", "@", "%", "!")

Run = tuple[str, ...]
Tokens = list[tuple[str, int]]
"""Tokens with the number of their line, from 1 on; a name behind a dot begins with that dot."""


def code_tokens(source: str) -> Tokens:
    """Return the tokens of code that say what it does, each with the line its statement begins in.

    Brackets, commas and comments do not count. A sentence in quotes, an import and the head of a
    function or class are a :data:`BREAK`: tasks name these in the open.
    """
    found: Tokens = []
    end, before, depth, line, start, head = 0, "", 0, 1, 1, False
    for match in TOKEN.finditer(source):
        text, gap = match[0], source[end : match.start()]
        line, end = line + gap.count("\n"), match.end()
        if (not depth and "\n" in gap and before != "\\") or not before:
            start = line
            head = source[source.rfind("\n", 0, match.start()) + 1 :].lstrip().startswith(_HEADS)
        depth = max(0, depth + (text in ("(", "[", "{")) - (text in (")", "]", "}")))
        if head and text == ":" and not depth:
            head = False  # what stands behind it on the same line is the body
        elif head:
            found.append((BREAK, start))
        elif match["text"]:
            inside = text.strip("rbfuRBFU").strip("\"'")
            sentence = re.search(r"\s", inside.strip())
            found += [(w, start) for w in ([BREAK] if sentence else WORD.findall(inside))]
        elif text[0] != "#" and text not in _LAYOUT:
            found.append((f".{text}" if before == "." and text[0].isalpha() else text, start))
        line += text.count("\n")
        before = text
    return found


def all_tokens(source: str) -> Tokens:
    """Return the tokens of anything, as if all of it were code: comments, texts and prose, too."""
    text = html.unescape(_TAG.sub(" ", _PROMPT.sub(" ", source)))
    found: Tokens = []
    for number, line in enumerate(text.split("\n"), start=1):
        before = ""
        for token in _ANY.findall(line):
            if token not in _LAYOUT and token != "#":
                dotted = before == "." and token[0].isalpha()
                found.append((f".{token}" if dotted else token, number))
            before = token
    return found


def words(source: str) -> Tokens:
    """Return the words of anything, however they are spelt."""
    return [
        (word.casefold(), number)
        for number, line in enumerate(source.split("\n"), start=1)
        for word in WORD.findall(line)
    ]


def renamed(tokens: Tokens) -> Tokens:
    """Return the tokens as they are whatever an author's own names are."""
    return [
        ("x" if (t[:1].isalpha() or t[:1] == "_") and t not in KEPT else t, line)
        for t, line in tokens
    ]


def runs(tokens: Tokens, length: int) -> Iterator[tuple[Run, int]]:
    """Yield the overlapping runs of so many tokens, with the line in which each begins."""
    texts = [text for text, _ in tokens]
    ahead = (texts[i:] for i in range(length))  # each shorter than the one before
    for run, (_, line) in zip(zip(*ahead, strict=False), tokens, strict=False):
        if BREAK not in run:
            yield run, line

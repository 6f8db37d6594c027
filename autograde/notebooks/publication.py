"""Proves that files for students hold nothing of solutions and hidden checks, and link aright.

Release compares notebooks with their secrets by runs of tokens. That cannot be asked of the
library, which does what solutions do; here no file holds a secret's text, layout aside.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograde.model.course import Course
from autograde.notebooks.colab import fetched, opens
from autograde.notebooks.hidden import Secret, secrets
from autograde.notebooks.opened import UnreadableError, opened
from autograde.notebooks.source import Source

_LEAST, _LINES = 40, 3
"""Letters that a text needs to be told from others, and lines of a hidden check that tell it."""

_BADGE = re.compile(r"colab\.research\.google\.com/github/([^\s)\"]+?\.ipynb)")
_FETCHED = re.compile(r"git\+https://github\.com/[^\s\"']+")


@dataclass(frozen=True)
class Known:
    """What must not be published: read once, and looked for in many files."""

    pieces: Mapping[str, list[tuple[str, str]]]
    """Secrets by their first letters: each with its owner."""
    files: Mapping[bytes, Path]
    """Those of ``solutions/`` by their digests."""

    @classmethod
    def of(cls, read: Iterable[Source], solutions: Path) -> Known:
        """Gather the secrets of these sources, and the files that hold them."""
        pieces: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for source in read:
            for secret in secrets(source):
                for piece in _pieces(secret):
                    pieces[piece[:_LEAST]].append((piece, f"{secret.owner} of {source.name}"))
        files = {
            hashlib.sha256(content).digest(): file
            for file in sorted(solutions.rglob("*"))
            if file.is_file() and (content := file.read_bytes()).strip()
        }
        return cls(pieces, files)

    def copied(self, place: str, content: bytes) -> Iterator[str]:
        """Yield a sentence if a file is one of ``solutions/``, byte for byte."""
        if original := self.files.get(hashlib.sha256(content).digest()):
            yield f"{place} is a copy of {original}; please take it out."

    def inside(self, place: str, content: bytes) -> Iterator[str]:
        """Yield a sentence for each secret that a file holds, or raise UnreadableError."""
        for inner, part in opened(place, content):
            text = _text(inner, part)
            for form in dict.fromkeys((text, _unescaped(text))):
                for owner in _held(_squeezed(form), self.pieces):
                    yield f"{inner} holds {owner}; please take it out."


def faults(files: Mapping[str, bytes], known: Known, course: Course) -> list[str]:
    """Return a sentence for everything that must not be published.

    Parameters
    ----------
    files
        What would be published, by its place.
    known
        What is looked for.
    course
        From where the notebooks are fetched.
    """
    found = [said for each in files.items() for said in known.copied(*each)]
    for place, content in files.items():
        try:
            found += known.inside(place, content)
        except UnreadableError as error:
            found.append(
                f"{error}, and so nobody knows whether it holds a solution; please take it out, or "
                "save it as text, npz, safetensors, PNG, gzip or zip."
            )
    for place, content in files.items():
        found += _links(place, _text(place, content), course)
    return list(dict.fromkeys(found))


def leaked(files: Iterable[tuple[str, bytes]], known: Known) -> tuple[list[str], list[str]]:
    """Return a sentence for each of these files that holds a secret, and which cannot be searched.

    Unlike :func:`faults` it asks nothing else of them: they are somebody else's.
    """
    found: list[str] = []
    closed: list[str] = []
    for place, content in files:
        found += known.copied(place, content)
        try:
            found += known.inside(place, content)
        except UnreadableError:
            closed.append(place)
    return list(dict.fromkeys(found)), closed


def _held(text: str, known: Mapping[str, list[tuple[str, str]]]) -> Iterator[str]:
    """Yield the owners of the secrets that stand in a text without white space."""
    for at in range(len(text) - _LEAST + 1):
        for piece, owner in known.get(text[at : at + _LEAST], ()):
            if text.startswith(piece, at):
                yield owner


def _pieces(secret: Secret) -> Iterator[str]:
    """Yield the texts that tell a secret: all of it, and some lines of a hidden check."""
    lines = [line for line in map(_squeezed, secret.text.split("\n")) if line]
    whole = [lines]
    if secret.owner.startswith("the hidden check"):
        whole += [lines[i : i + _LINES] for i in range(1, len(lines) - _LINES + 1)]
    for some in whole:
        if len(piece := "".join(some)) >= _LEAST:
            yield piece


def _text(place: str, content: bytes) -> str:
    """Return what a file says: of JSON all texts, as they are when nothing is escaped."""
    # Without zeros, what is written in letters of two or four bytes is the same text.
    text = content.replace(b"\0", b"").decode("utf-8", errors="ignore")
    if place.endswith((".ipynb", ".json")):
        with contextlib.suppress(ValueError):  # else it is some other text
            return "\n".join(_strings(json.loads(text)))
    return text


def _unescaped(text: str) -> str:
    """Return what a string of a program says, without its escapes of lines and quotation marks."""
    return re.sub(r"\\([nrt\"'])", lambda escape: escape[1] if escape[1] in "\"'" else " ", text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        yield "".join(value)
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _links(place: str, text: str, course: Course) -> Iterator[str]:
    """Yield what is wrong with badges, and with where the library is fetched from."""
    badges = set(_BADGE.findall(text))
    if place.startswith("notebooks/") and place.endswith(".ipynb"):
        wanted = opens(course, Path(place).stem).partition("/github/")[2]
        if not badges:
            yield f"{place} has no badge that opens it in Colab."
        for other in sorted(badges - {wanted}):
            yield f"{place}: its badge opens {other}, and should open {wanted}, by course.toml."
        for other in sorted({*_FETCHED.findall(text)} - {fetched(course)}):
            yield f"{place} installs {other}, and should install {fetched(course)}, by course.toml."

"""The line that begins every answer cell, as people type it, and what stands above it.

``# answer: ID`` in code and ``<!-- answer: ID -->`` in text are the form that a release has. At the
top of a cell (below blank lines, comments and cell magics) it is known in other forms, too: other
spaces, capitals and signs, and a remark behind the ID. Anywhere else only the release's form
counts, so that a sentence about an answer is not taken for one.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

_MARKER = re.compile(r"^\s*(?:#+\s*answer\s*:\s*([\w-]+)|<!--\s*answer\s*:\s*([\w-]+)\s*-->)\s*$")

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\xad"
_TYPED = re.compile(
    rf"^[\s{_UNSEEN}]*(?:(?P<code>#[#\s]*)|(?:<|&lt;)!?-*\s*)answer\b(?=\W)[^\w\n]*?"
    rf"(?P<task>\w[\w{_DASHES}-]*)(?P<remark>.*)$",
    re.IGNORECASE,
)
_CLOSED = re.compile(rf"\s*[-{_DASHES}]*\s*(?:>|&gt;)\s*")

_MAGIC = re.compile(rf"^[\s{_UNSEEN}]*%%(\S+)")
_NO_PYTHON = frozenset(
    {
        *("!", "bash", "cmd", "script", "sh", "shell", "sx", "system", "file", "writefile"),
        *("css", "html", "javascript", "js", "latex", "markdown", "svg", "bigquery", "sql"),
        *(
            "cpp",
            "cu",
            "cython",
            "julia",
            "perl",
            "pypy",
            "python",
            "python2",
            "python3",
            "r",
            "ruby",
        ),
    }
)
"""Cell magics below which there is something else than Python for this notebook's kernel."""


def markers(source: str) -> frozenset[str]:
    """Return the tasks whose markers stand in a cell's source, in the form of the release."""
    found = (_MARKER.match(line) for line in source.split("\n") if "answer" in line)
    return frozenset(match[1] or match[2] for match in found if match)


def top_markers(source: str) -> frozenset[str]:
    """Return the tasks whose markers stand at the top of a cell, above all that is no comment."""
    lines = source.split("\n")
    return markers("\n".join(lines[: _top(lines)]))


TERMS = "<!-- from course.toml -->"
"""Ends the line of a given text that states deadline and weight."""


def without_terms(text: str) -> str:
    """Return a text without the line that states deadline and weight: it changes with a term."""
    return "\n".join(line for line in text.split("\n") if not line.rstrip().endswith(TERMS))


_FETCHES = re.compile(r'^make_ready\("git\+')
"""The line of a notebook's first cell that names the course's tag."""

_NUMBERED = re.compile(r"^#@title Check(?: and plot)? of Task \d")
"""The line under which release folds a check: its number is another in another choice of tasks."""


def squeezed(source: str) -> str:
    """Return the text to compare by.

    That is without markers, cell magics at the top and white space, and without what a new tag or
    another choice of tasks changes: a folded check's title, and what the first cell fetches.
    """
    lines = source.split("\n")
    lines = lines[1:] if _NUMBERED.match(lines[0]) else lines
    end = _top(lines) if "%%" in source else 0
    kept = [*(line for line in lines[:end] if not _MAGIC.match(line)), *lines[end:]]
    kept = [line for line in kept if not (_MARKER.match(line) or _FETCHES.match(line))]
    return "".join("".join(kept).split())


def text_known_by(text: str) -> str:
    """Return by what a given text is known: its numbers are others in another choice of tasks."""
    return digest(re.sub(r"\d+", "", text) or text)


def digest(text: str) -> str:
    """Return by what a text is known where it is not to be told."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def runnable(source: str) -> str:
    """Return a code cell's source as a kernel runs it, wherever its cell magics stand at its top.

    Those below which there is Python become comments: they measure or hide, or are not there where
    grading runs. Another one becomes the first line, where a kernel looks for it.
    """
    if "%%" not in source:
        return source
    lines = source.split("\n")
    end = _top(lines)
    magics = {i: match[1].lower() for i in range(end) if (match := _MAGIC.match(lines[i]))}
    for position, magic in magics.items():
        if magic in _NO_PYTHON:
            return "\n".join([lines[position].strip(), *lines[end:]])
        lines[position] = f"# {lines[position].strip()}"
    return "\n".join(lines)


def without_magics(source: str) -> str:
    """Return a cell's source with its magics and commands as blank lines."""
    lines = source.split("\n")
    return "\n".join("" if line.lstrip()[:1] in ("%", "!") else line for line in lines)


class Typed:
    """Reads the markers of some tasks as people type them.

    Parameters
    ----------
    tasks
        The ids of the tasks.
    """

    def __init__(self, tasks: Iterable[str]) -> None:
        tasks = list(tasks)
        self._exact = frozenset(tasks)
        alike = Counter(map(_key, tasks))
        self._tasks = {_key(task): task for task in tasks if alike[_key(task)] == 1}

    def as_released(self, source: str, kind: str) -> str:
        """Return a cell's source with the markers at its top in the form of the release.

        A remark behind the ID is dropped from code and kept in text, where it may be the answer.
        """
        lines = source.split("\n")
        end = _top(lines)
        return "\n".join([*(self._line(line, kind) for line in lines[:end]), *lines[end:]])

    def _line(self, line: str, kind: str) -> str:
        if "answer" not in line.lower() or markers(line) & self._exact:
            return line
        match = _TYPED.match(line)
        task = self._tasks.get(_key(match["task"])) if match else None
        if match is None or task is None:
            return line
        if match["code"] and kind == "code":
            return f"# answer: {task}"
        marker = f"# answer: {task}" if match["code"] else f"<!-- answer: {task} -->"
        rest = match["remark"] if match["code"] else _CLOSED.sub(" ", match["remark"], count=1)
        return f"{marker}\n{rest.strip()}" if any(map(str.isalnum, rest)) else marker


def _top(lines: list[str]) -> int:
    """Return how many lines stand above the first that is neither blank nor comment nor magic."""
    for position, line in enumerate(lines):
        text = line.strip().strip(_UNSEEN)
        if text and not text.startswith(("#", "%%", "<!", "&lt;!")):
            return position
    return len(lines)


def _key(task: str) -> str:
    """Return an id by which one that was typed otherwise is known."""
    text = task.casefold().replace("_", "-")
    return text.translate(dict.fromkeys(map(ord, _DASHES), "-")).strip("-")

"""Finds what a released notebook still tells of a solution, a model answer or a hidden check.

A solution is still one in a comment, a docstring or a sentence, over other lines, with other names.
So cells and secrets are compared by runs of :data:`RUN` tokens. Layout does not count; runs that
everybody writes do not, either (:mod:`autograde.notebooks.idioms`). Prose is compared by its words.

The shares and numbers below are far from both sides. In this course's notebooks no cell holds more
than a quarter of a solution's runs, as it is written, but the cell that hands out a faulty one, and
half of them where names do not count. A copy holds all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from autograde.notebooks.cells import grading
from autograde.notebooks.hidden import Kind, Secret, secrets
from autograde.notebooks.idioms import RUN
from autograde.notebooks.places import Places
from autograde.notebooks.source import Source
from autograde.notebooks.tokens import (
    BREAK,
    Run,
    Tokens,
    all_tokens,
    code_tokens,
    renamed,
    runs,
    words,
)

_DELIMITER = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)", re.IGNORECASE)

_PAIR = re.compile(r"\w+\s*[=:]\s*(\w+)")

WORDS, KEYS = 6, 3
"""Words of prose, and of a key, that are compared at a time."""

_VALUES = 6
"""So many values of a key are telling without the names that they belong to."""


@dataclass(frozen=True)
class _Bound:
    """From which share of a secret's runs on, and from how many, a cell tells too much.

    ``part`` runs are too much of a longer secret, too.
    """

    share: float
    least: int
    part: int


_WRITTEN = {
    "code": _Bound(0.5, 4, 16),
    "other": _Bound(0.5, 4, 16),
    "helper": _Bound(0.5, 16, 1000),
    "prose": _Bound(0.5, 3, 6),
    "key": _Bound(0.5, 3, 6),
}
_RENAMED = {
    "code": _Bound(0.6, 5, 24),
    "other": _Bound(0.6, 5, 24),
    "helper": _Bound(0.6, 16, 1000),
}
_SCATTERED = _Bound(0.6, 6, 1000)
"""Of a solution that several cells hold together, as it is written."""

_STATEMENT, _STATEMENT_RENAMED, _WHOLE = 3, 9, 4
"""Rare runs of one statement of a solution, the same where names do not count, and tokens of a
solution that is repeated whole."""


@dataclass
class _Known:
    """One secret as the search needs it: its telling runs, and its telling statements.

    ``written`` is as its author wrote it (of prose the words), ``other`` with names that do not
    count.
    """

    secret: Secret
    written: frozenset[Run] = frozenset()
    other: frozenset[Run] = frozenset()
    statements: tuple[str, ...] = ()
    statements_renamed: tuple[str, ...] = ()


@dataclass
class _Cell:
    """One cell of the released notebook, and which runs of a secret it holds, in which lines."""

    position: int
    task: str
    streams: list[Tokens]
    texts: list[str]
    written: dict[int, dict[Run, int]]
    other: dict[int, dict[Run, int]]


class _Index:
    """Finds the secrets that hold a run."""

    def __init__(self, holders: Iterable[tuple[int, frozenset[Run]]], length: int) -> None:
        self._length = length
        self._holders: dict[Run, list[int]] = defaultdict(list)
        for number, those in holders:
            for run in those:
                self._holders[run].append(number)

    def search(self, streams: Iterable[Tokens]) -> dict[int, dict[Run, int]]:
        """Return for each secret the runs of it that the streams hold, each with its line."""
        found: dict[int, dict[Run, int]] = defaultdict(dict)
        for stream in streams if self._holders else ():
            for run, line in runs(stream, self._length):
                for number in self._holders.get(run, ()):
                    found[number].setdefault(run, line)
        return found


def leaks(source: Source, notebook: NotebookNode, idioms: Collection[Run]) -> list[str]:
    """Return a sentence for everything in a released notebook that only authors should see.

    Parameters
    ----------
    source
        What the notebook was made from.
    notebook
        As students would get it.
    idioms
        Runs of tokens that tell nothing.

    Raises
    ------
    SourceError
        If the notebook's other answers cannot be read.
    """
    places = Places(source, notebook)
    known = [_known(secret, idioms) for secret in secrets(source)]
    cells = _read(notebook, known)
    found = [*_delimiters(source, notebook, places)]
    told: set[str] = set()
    for cell in cells:
        for each, line in _in_cell(cell, known):
            told.add(each.secret.owner)
            found.append(_sentence(places, cell.position, line, each.secret))
    for number, each in enumerate(known):
        if each.secret.owner not in told and (place := _scattered(number, each, cells)):
            found.append(_sentence(places, *place, each.secret, ", in pieces in several cells"))
    return found


def _sentence(places: Places, position: int, line: int, secret: Secret, how: str = "") -> str:
    cure = "take it out or write it differently"
    if secret.kind == "helper":
        cure += ", or say in the checks why the notebook gives it: # given on purpose: REASON"
    return f"{places.of(position, line)} resembles {secret.owner}{how}; please {cure}."


def _delimiters(source: Source, notebook: NotebookNode, places: Places) -> Iterator[str]:
    """Yield what is always a leak: delimiters, and hidden checks imported."""
    # The module of the checks, or their folder in a path or an import.
    hidden = re.compile(rf"\bautograde\b|\b{re.escape(source.name)}(_|\W+)checks\b")
    for position, cell in enumerate(notebook.cells):
        if left := _DELIMITER.search(cell.source):
            line = cell.source.count("\n", 0, left.start()) + 1
            yield f"{places.of(position, line)}: {left[0]!r} would be left in the notebook."
        if cell.cell_type == "code" and (named := hidden.search(cell.source)):
            line = cell.source.count("\n", 0, named.start()) + 1
            yield f"{places.of(position, line)} mentions the hidden checks or autograde itself."


def _known(secret: Secret, idioms: Collection[Run]) -> _Known:
    if secret.kind in ("prose", "key"):
        length = WORDS if secret.kind == "prose" else KEYS
        values = [(value, 0) for value in _PAIR.findall(secret.text)] if length == KEYS else []
        alone = (_joined(values),) if len(values) >= _VALUES else ()
        return _Known(
            secret, frozenset(run for run, _ in runs(words(secret.text), length)), statements=alone
        )
    tokens = code_tokens(secret.text)
    others = renamed(tokens)
    statements, statements_renamed = [], []
    if secret.kind in ("code", "other"):
        statements = [s for s in _statements(tokens) if len(_rare(s, idioms)) >= _STATEMENT]
        if len(tokens) >= _WHOLE and all(token != BREAK for token, _ in tokens):
            statements.append(tokens)
        statements_renamed = [
            s for s in _statements(others) if len(_rare(s, idioms)) >= _STATEMENT_RENAMED
        ]
    return _Known(
        secret,
        _rare(tokens, idioms),
        _rare(others, idioms),
        tuple(map(_joined, statements)),
        tuple(map(_joined, statements_renamed)),
    )


def _statements(tokens: Tokens) -> list[Tokens]:
    """Return the statements, or what stands between the breaks in one."""
    found: list[Tokens] = [[]]
    for token, line in tokens:
        if token == BREAK or (found[-1] and found[-1][-1][1] != line):
            found.append([])
        if token != BREAK:
            found[-1].append((token, line))
    return found


def _rare(tokens: Tokens, idioms: Collection[Run]) -> frozenset[Run]:
    """Return the runs that tell something: not everybody's, whatever the names, nor names alone."""
    return frozenset(
        run
        for (run, _), (form, _) in zip(runs(tokens, RUN), runs(renamed(tokens), RUN), strict=True)
        if run not in idioms and {*run} != {"x"} and (form not in idioms or {*form} == {"x"})
    )


def _read(notebook: NotebookNode, known: list[_Known]) -> list[_Cell]:
    """Look for the secrets' runs in all cells."""

    def index(length: int, *kinds: Kind) -> _Index:
        return _Index(
            [(i, k.written) for i, k in enumerate(known) if k.secret.kind in kinds], length
        )

    code, prose, keys = (
        index(RUN, "code", "other", "helper"),
        index(WORDS, "prose"),
        index(KEYS, "key"),
    )
    others = _Index([(i, k.other) for i, k in enumerate(known)], RUN)
    cells = []
    for position, cell in enumerate(notebook.cells):
        streams = [all_tokens(cell.source)]
        if cell.cell_type == "code":
            streams.append(code_tokens(cell.source))
        text = [words(cell.source)]
        written = {**code.search(streams), **prose.search(text), **keys.search(text)}
        renamed_too = others.search(renamed(stream) for stream in streams)
        task = grading(cell).get("grade_id", "")
        texts = [*map(_joined, streams)]
        cells.append(_Cell(position, task, streams, texts, written, renamed_too))
    return cells


def _in_cell(cell: _Cell, known: list[_Known]) -> list[tuple[_Known, int]]:
    """Return the secrets that one cell tells, each with its first line; of alike ones the first."""
    found: list[tuple[_Known, int]] = []
    seen: set[int] = set()
    for number, each in enumerate(known):
        lines = _lines(cell, number, each)
        if lines and not lines <= seen:
            found.append((each, min(lines)))
            seen |= lines
    return found


def _lines(cell: _Cell, number: int, each: _Known) -> set[int]:
    """Return the lines of the cell that hold too much of the secret."""
    kind, own = each.secret.kind, cell.task == each.secret.task
    if own and kind == "other":
        return set()  # it is written into what the cell hands out
    lines: set[int] = set()
    here = cell.written.get(number, {})
    if _too_much(len(here), len(each.written), _WRITTEN[kind], own):
        lines |= {*here.values()}
    for statement in each.statements:
        lines |= _standing(statement, cell.streams, cell.texts)
    if own or kind in ("prose", "key"):
        return lines  # a task may hand out a faulty solution, of the same form
    there = cell.other.get(number, {})
    if _too_much(len(there), len(each.other), _RENAMED[kind], own):
        lines |= {*there.values()}
    for statement in each.statements_renamed if len(there) >= _STATEMENT_RENAMED else ():
        streams = [renamed(stream) for stream in cell.streams]
        texts = [*map(_joined, streams)]
        lines |= _standing(statement, streams, texts)
    return lines


def _too_much(count: int, all_of_it: int, bound: _Bound, own: bool) -> bool:
    by_share = count >= bound.least and count >= bound.share * all_of_it
    return by_share or (count >= bound.part and not own)


def _joined(tokens: Tokens) -> str:
    """Return tokens as a text in which whole tokens can be searched for."""
    return "".join(f"\n{token}\r" for token, _ in tokens)


def _standing(statement: str, streams: list[Tokens], texts: list[str]) -> set[int]:
    """Return the first lines of the places where these tokens stand one after the other."""
    found = set()
    for stream, text in zip(streams, texts, strict=True):
        at = text.find(statement)
        while at >= 0:
            found.add(stream[text.count("\n", 0, at)][1])
            at = text.find(statement, at + 1)
    return found


def _scattered(number: int, each: _Known, cells: list[_Cell]) -> tuple[int, int] | None:
    """Return the first place of a solution that several cells hold together, if they do."""
    if each.secret.kind != "code":
        return None
    holding = [c for c in cells if c.task != each.secret.task and c.written.get(number)]
    count = len({run for cell in holding for run in cell.written[number]})
    if not _too_much(count, len(each.written), _SCATTERED, False):
        return None
    return holding[0].position, min(holding[0].written[number].values())

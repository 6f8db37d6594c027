"""Refuses a released notebook that still contains a solution or a hidden check."""

from __future__ import annotations

import ast
import keyword
import re
import tokenize
from collections.abc import Iterator

from nbformat import NotebookNode

from autograde.notebooks.cells import SourceError, answers, grading
from autograde.notebooks.checks import Checks
from autograde.notebooks.source import Source

_DELIMITER = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)", re.IGNORECASE)


# A line of code that two people would hardly write alike has at least this many names, numbers,
# strings and operators; a sentence at least this many words.
_TELLING_TOKENS = 8


_TELLING_WORDS = 8


_TELLING_LETTERS = 12


_NEUTRAL = frozenset("()[]{},:;.=")


def refuse_leaks(source: Source, notebook: NotebookNode) -> None:
    """Raise SourceError if the released notebook holds what only the author should see.

    Delimiters, or hidden checks imported, are always a leak. A line of a solution that stands
    elsewhere too is one if it is telling: ``optimizer.step()`` is everybody's, a formula is not.
    A solution of short lines is one if all of it is repeated.
    """
    where = {
        i: f"{source.files[i]}: cell {grading(c)['grade_id']!r}" for i, c in _enumerated(notebook)
    }
    # The module of the checks, or their folder in a path or an import.
    hidden = re.compile(rf"\bautograde\b|\b{re.escape(source.name)}(_|\W+)checks\b")
    for i, cell in _enumerated(notebook):
        left = _DELIMITER.search(cell.source)
        if left:
            raise SourceError(f"{where[i]}: {left[0]!r} would be left in the released notebook.")
        if cell.cell_type == "code" and hidden.search(cell.source):
            raise SourceError(f"{where[i]} mentions the hidden checks or autograde itself.")
    code = {i: _lines(c.source) for i, c in _enumerated(notebook) if c.cell_type == "code"}
    text = {i: _sentences(c.source) for i, c in _enumerated(notebook) if c.cell_type != "code"}
    for answer in answers(source.notebook):
        cell = source.notebook.cells[answer.cell]
        for region in _regions(cell.source):
            if cell.cell_type == "code":
                _refuse_code(region, code, where, f"the solution of {answer.task!r}")
            else:
                for i, sentences in text.items():
                    _refuse(
                        _sentences(region) & sentences,
                        f"{where[i]} holds a line of the model answer to {answer.task!r}",
                    )
    _refuse_keys(source, notebook, where)
    for name, check in _scoring(source.checks):
        _refuse_code(check, code, where, f"the hidden check of {name!r}")


def _enumerated(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return list(enumerate(notebook.cells))


def _refuse(leaked: set[str], sentence: str) -> None:
    if leaked:
        line = min(leaked)
        raise SourceError(f"{sentence}: {line[:80]!r}; please take it out or write it differently.")


def _refuse_code(
    region: str, code: dict[int, list[tuple[str, int]]], where: dict[int, str], owner: str
) -> None:
    lines = _lines(region)
    telling = {line for line, weight in lines if weight >= _TELLING_TOKENS}
    whole = "\n".join(line for line, _ in lines)
    for i, others in code.items():
        _refuse(telling & {line for line, _ in others}, f"{where[i]} holds a line of {owner}")
        repeated = f"\n{whole}\n" in "\n".join(["", *(line for line, _ in others), ""])
        if sum(weight for _, weight in lines) >= _TELLING_TOKENS and repeated:
            raise SourceError(f"{where[i]} holds all of {owner}; please take it out.")


def _refuse_keys(source: Source, notebook: NotebookNode, where: dict[int, str]) -> None:
    """Refuse text of the checks that belongs into solutions: used in one, or named ``…_key``."""
    regions = [
        region
        for answer in answers(source.notebook)
        for region in _regions(source.notebook.cells[answer.cell].source)
    ]
    for key, value in source.checks.text.items():
        used = any(value in region for region in regions)
        if len(value) < _TELLING_LETTERS or not (used or key.endswith("_key")):
            continue
        for i, cell in enumerate(notebook.cells):
            if value in cell.source:
                raise SourceError(f"{where[i]} holds TEXT[{key!r}], which belongs into solutions.")


def _regions(source: str) -> Iterator[str]:
    """Yield the solutions and mark schemes of an answer cell."""
    for kind in ("SOLUTION", "MARK SCHEME"):
        for match in re.finditer(rf"BEGIN {kind}[^\n]*\n(.*?)[^\n]*END {kind}", source, re.DOTALL):
            yield match[1]


def _scoring(checks: Checks) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each scoring function of the checks' modules."""
    for file in checks.files:
        text = file.read_text(encoding="utf-8")
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef) and any(
                isinstance(call, ast.Call) and getattr(call.func, "id", "") == "task"
                for call in function.decorator_list
            ):
                yield function.name, ast.get_source_segment(text, function) or ""


def _lines(source: str) -> list[tuple[str, int]]:
    """Return the logical lines of code, spacing and comments aside, with how telling each is.

    Imports and the heads of functions and classes tell nothing: tasks name them in the open.
    """
    found: list[tuple[str, int]] = []
    words: list[str] = []
    weight = 0
    lines = iter([line + "\n" for line in _dedented(source)])
    try:
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                if words:
                    head = words[0] in ("import", "from", "def", "class", "async", "@")
                    found.append((" ".join(words), 0 if head else weight))
                words, weight = [], 0
            elif token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.OP):
                words.append(token.string)
                if token.type == tokenize.OP:
                    weight += token.string not in _NEUTRAL
                else:
                    weight += not keyword.iskeyword(token.string)
    except (tokenize.TokenError, SyntaxError):
        pass  # an unfinished cell: what was read of it counts
    return found


def _dedented(source: str) -> list[str]:
    """Return the lines without indentation and magics, so that a fragment can be tokenized."""
    return ["" if line.lstrip()[:1] in ("%", "!") else line.lstrip() for line in source.split("\n")]


def _sentences(text: str) -> set[str]:
    """Return the lines of prose that are long enough to tell something."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return {line for line in lines if len(line.split()) >= _TELLING_WORDS}

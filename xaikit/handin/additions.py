"""What somebody added to a given cell, apart from what changes in it.

Grading uses the original of a given cell. An import that a student added there is used by their
answers all the same, so it runs as if it stood in a cell of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from xaikit.handin.markers import runnable, without_magics
from xaikit.handin.names import defined


def added(original: str, changed: str, given: Iterable[str]) -> str:
    """Return the statements that only the changed text has and that bind new names alone.

    Nothing, if another text stands in its place: there nobody added something.

    Parameters
    ----------
    original
        The given cell as it was released.
    changed
        The same cell in an upload.
    given
        The texts of all given code cells: no name of theirs is new.
    """
    known: set[str] = set()
    for source in given:
        known |= {name for statement in _statements(source) for name in _names(statement)}
    before = {ast.unparse(statement): _names(statement) for statement in _statements(original)}
    after = {ast.unparse(statement): statement for statement in _statements(changed)}
    own = frozenset[str]().union(*before.values())
    still = frozenset[str]().union(*map(_names, after.values()))
    if not before.keys() & after.keys() and not (own and own <= still):
        return ""
    kept = (_new(statement, known) for text, statement in after.items() if text not in before)
    return "\n".join(ast.unparse(statement) for statement in kept if statement is not None)


def lost(original: str, changed: str, kept: str) -> tuple[str, ...]:
    """Return the first line of each statement that only the changed text has and nobody runs.

    Parameters
    ----------
    original, changed
        As for :func:`added`.
    kept
        What that returned.
    """
    there = {ast.unparse(statement) for text in (original, kept) for statement in _statements(text)}
    written = [ast.unparse(statement) for statement in _statements(changed)]
    if not written and changed.strip():  # it is no Python
        return tuple(line.strip() for line in changed.split("\n") if line.strip())
    return tuple(text.split("\n", 1)[0] for text in written if text not in there)


def _new(statement: ast.stmt, known: set[str]) -> ast.stmt | None:
    """Return a statement that binds only names that are not known, or what does so of an import."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = [a for a in statement.names if (a.asname or a.name).split(".")[0] not in known]
        if isinstance(statement, ast.Import):
            return ast.Import(names) if names else None
        return ast.ImportFrom(statement.module, names, statement.level) if names else None
    names_bound = _names(statement)
    return statement if names_bound and not names_bound & known else None


def _statements(source: str) -> list[ast.stmt]:
    """Return the statements of a cell, magics and commands aside; none if it cannot be read."""
    try:
        tree = ast.parse(without_magics(runnable(source)))
        ast.unparse(tree)  # what is nested too deeply for that is not read either
        return tree.body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _names(statement: ast.stmt) -> frozenset[str]:
    """Return the names that a statement binds."""
    try:
        return defined(ast.unparse(statement))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()

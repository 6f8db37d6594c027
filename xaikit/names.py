"""Which names a cell binds and takes, by its text: nothing here runs it."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from functools import lru_cache

_BY_NAME = frozenset({"globals", "locals", "vars", "eval", "exec", "compile", "get_ipython"})
"""Code that uses one of these may reach any name without writing it."""


@lru_cache(1000)
def defined(source: str) -> frozenset[str]:
    """Return the names that a cell binds for the cells after it.

    Raises
    ------
    SyntaxError
        If it is not plain Python.
    """
    table = _table(source)
    bound = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    return frozenset(bound | {s.get_name() for s in _globals(table) if s.is_assigned()})


def deleted(source: str) -> frozenset[str]:
    """Return the names that a cell deletes at its end, in lines of their own."""
    return frozenset(
        target.id
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Delete)
        for target in statement.targets
        if isinstance(target, ast.Name)
    )


@lru_cache(1000)
def needed(source: str) -> frozenset[str] | None:
    """Return the names that a cell takes from cells before it; None if it may take any.

    That is so for what is not plain Python (a magic, a mistake), and for code that looks names up.
    A name that the cell binds itself, before it first reads it, is its own.
    """
    try:
        tree = ast.parse(source)
        table = _table(source)
    except (SyntaxError, ValueError):
        return None
    read = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    read |= {symbol.get_name() for symbol in _globals(table) if symbol.is_referenced()}
    read |= set(_changed(tree))
    if read & _BY_NAME:
        return None
    first = _first_uses(tree)
    own = {symbol.get_name() for symbol in table.get_symbols()}
    return frozenset(name for name in read if name not in own or not first.get(name, False))


class _AsGenerators(ast.NodeTransformer):
    """Turns comprehensions into generator expressions, which have the same names."""

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        """Keep element and loops."""
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp  # noqa: N815

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        """Make key and value a pair."""
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp


def _table(source: str) -> symtable.SymbolTable:
    """Return the cell's names by scope.

    From Python 3.12 on (PEP 709) a comprehension's own names count among those of the scope around
    it; those of a generator expression do not.
    """
    tree = ast.parse(source)
    if any(isinstance(node, _COMPREHENSIONS) for node in ast.walk(tree)):
        source = ast.unparse(ast.fix_missing_locations(_AsGenerators().visit(tree)))
    return symtable.symtable(source, "cell", "exec")


def _globals(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
    """Yield the cell's names that its functions and classes use."""
    for inner in table.get_children():
        yield from (symbol for symbol in inner.get_symbols() if symbol.is_global())
        yield from _globals(inner)


def _changed(tree: ast.AST, within: frozenset[str] | None = None) -> Iterator[str]:
    """Yield the cell's names that are added to or deleted, which is to need them.

    Inside a function or class those are the ones that it declares global (``within``): what it
    binds itself is its own.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            declared = (each.names for each in ast.walk(node) if isinstance(each, ast.Global))
            yield from _changed(node, frozenset(name for names in declared for name in names))
            continue
        target = node.target if isinstance(node, ast.AugAssign) else node
        changes = isinstance(node, ast.AugAssign) or isinstance(getattr(node, "ctx", None), ast.Del)
        if changes and isinstance(target, ast.Name) and (within is None or target.id in within):
            yield target.id
        yield from _changed(node, within)


def _first_uses(tree: ast.AST) -> dict[str, bool]:
    """Return for each name whether its first place in the text binds it.

    On one line the right side of an assignment comes first, as it does when it runs.
    """
    places: dict[str, tuple[int, bool]] = {}

    def note(name: str, line: int, binds: bool) -> None:
        places[name] = min(places.get(name, (line, binds)), (line, binds))

    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            note(node.id, node.lineno, isinstance(node.ctx, ast.Store))
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            note(node.target.id, node.lineno, False)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            note(node.name, node.lineno, True)
        elif isinstance(node, ast.alias):
            note((node.asname or node.name).partition(".")[0], node.lineno, True)
    return {name: binds for name, (_, binds) in places.items()}

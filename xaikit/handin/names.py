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


_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SCOPES = _FUNCTIONS | ast.ClassDef | _COMPREHENSIONS | ast.GeneratorExp


def _first_uses(tree: ast.AST) -> dict[str, bool]:
    """Return for each of the cell's names whether its first place in the text binds it.

    On one line the right side of an assignment comes first, as it does when it runs. What is a
    function's or a comprehension's own is another name, whatever it is called.
    """
    places: dict[str, tuple[int, bool]] = {}

    def look(node: ast.AST, own: frozenset[str]) -> None:
        for name, binds in _uses(node):
            if name not in own:
                line: int = node.lineno  # type: ignore[attr-defined]
                places[name] = min(places.get(name, (line, binds)), (line, binds))
        inside = own | _own(node)
        outside = _outside(node)
        for child in ast.iter_child_nodes(node):
            look(child, own if child in outside else inside)

    look(tree, frozenset())
    return {name: binds for name, (_, binds) in places.items()}


def _uses(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield the names that this node itself reads or binds, and whether it binds them."""
    match node:
        case ast.Name():
            yield node.id, isinstance(node.ctx, ast.Store)
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name, False
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name, True
        case ast.Import() | ast.ImportFrom():
            for each in node.names:
                yield (each.asname or each.name).partition(".")[0], True


def _own(node: ast.AST) -> frozenset[str]:
    """Return the names that are a function's, a class's or a comprehension's own."""
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        targets = (name for each in node.generators for name in ast.walk(each.target))
        return frozenset(name.id for name in targets if isinstance(name, ast.Name))
    if not isinstance(node, _FUNCTIONS | ast.ClassDef):
        return frozenset()
    found, shared = set[str](), set[str]()
    if not isinstance(node, ast.ClassDef):
        found = {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
    waiting: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
    while waiting:
        each = waiting.pop()
        found |= {name for name, binds in _uses(each) if binds}
        if isinstance(each, ast.Global):
            shared |= {*each.names}
        if not isinstance(each, _SCOPES):
            waiting += ast.iter_child_nodes(each)
    return frozenset(found - shared)


def _outside(node: ast.AST) -> list[ast.AST]:
    """Return what is written in a function or class and takes names from around it."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [node.args, *node.decorator_list, *filter(None, [node.returns])]
        case ast.Lambda():
            return [node.args]
        case ast.ClassDef():
            return [*node.bases, *node.keywords, *node.decorator_list]
    return []

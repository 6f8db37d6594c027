"""What a student's code needs, read from its text: nothing here runs it."""

from __future__ import annotations

import ast
import re
import symtable
import warnings
from collections.abc import Iterable, Iterator


def syntax_error(source: str) -> str:
    """Return why a cell cannot be run at all, with the line; nothing if it can."""
    if source.lstrip().startswith("%%"):
        return f"below {source.split()[0]} nothing is Python"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            text = _transformed(source)
            compile(text, "cell", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error)
    if late := re.search(r"run_line_magic\('(%\w+)'", text):
        line = 1 + source[: source.index(f"%{late[1]}")].count("\n")
        return f"line {line}: `%{late[1]}` has to stand above all else in a cell"
    return ""


def taken(function: str, cells: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return what a function takes from elsewhere when it is called: names, and packages.

    Parameters
    ----------
    function
        Its name; a name that no cell binds takes nothing.
    cells
        All cells of one author, in their order. What they bind is not from elsewhere, but what
        that uses is.

    Returns
    -------
    names, packages
        The names that no cell binds, and the packages that are imported.
    """
    own: dict[str, ast.stmt] = {}
    for source in cells:
        for statement in parsed_cell(source).body:
            own |= dict.fromkeys(_bound(statement), statement)
    names: set[str] = set()
    packages: set[str] = set()
    seen: set[str] = set()
    waiting = [function]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in own:
            waiting.extend(_used(own[name]))
            packages |= packages_of(own[name])
        elif name != function:
            names.add(name)
    return frozenset(names), frozenset(packages)


def bound(source: str) -> frozenset[str]:
    """Return the names that a cell binds; none if it is no Python."""
    return frozenset(name for statement in parsed_cell(source).body for name in _bound(statement))


def needs(source: str) -> frozenset[str]:
    """Return the names that a cell takes from cells before it, built-in ones among them."""
    found: set[str] = set()
    own: set[str] = set()
    for statement in parsed_cell(source).body:
        found |= {*_used(statement)} - own
        own |= {*_bound(statement)}
    return frozenset(found)


def names_at(source: str, line: int) -> frozenset[str]:
    """Return the names in the innermost statement of a cell that a line belongs to."""
    try:
        tree = ast.parse(source)  # as it stands, so that lines count
    except SyntaxError:
        return frozenset()
    statements = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or line)
    ]
    inner = max(statements, key=lambda node: node.lineno, default=None)
    names = (node.id for node in ast.walk(inner) if isinstance(node, ast.Name)) if inner else ()
    return frozenset(names)


def packages_of(tree: ast.AST) -> set[str]:
    """Return the packages from which code imports, in functions too; "" for a relative import."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def _transformed(source: str) -> str:
    """Return a cell as Python: magics and commands as calls, where IPython is there to say how."""
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        lines = source.split("\n")
        return "\n".join("pass" if line[:1] in ("%", "!") else line for line in lines)
    text: str = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
    return text


def _table(statement: ast.stmt) -> symtable.SymbolTable:
    return symtable.symtable(ast.unparse(statement), "cell", "exec")


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    try:
        symbols = _table(statement).get_symbols()
    except (SyntaxError, ValueError, RecursionError):
        return
    yield from (s.get_name() for s in symbols if s.is_assigned() or s.is_imported())


def _used(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement, and the functions in it, take from around it."""
    try:
        table = _table(statement)
    except (SyntaxError, ValueError, RecursionError):
        return
    own = set() if isinstance(statement, ast.AugAssign) else set(_bound(statement))
    symbols = [s for s in table.get_symbols() if s.is_referenced()]
    symbols += [s for s in _globals(table) if s.is_referenced()]
    yield from (s.get_name() for s in symbols if s.get_name() not in own)


def _globals(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
    for inner in table.get_children():
        yield from (symbol for symbol in inner.get_symbols() if symbol.is_global())
        yield from _globals(inner)


def parsed_cell(source: str) -> ast.Module:
    """Return a cell's syntax tree, magics and commands as calls; empty if it cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(_transformed(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])

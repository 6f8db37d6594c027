"""The version of each task: a digest of what its hidden check is made of, and of nothing else.

A check is made of the statement that defines it, of the statements that this one reaches by name,
in its own module and in those of the course that it imports, and of the given cells that these run.
Comments, docstrings and layout are no part of it; neither is the check of another task.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from autograde.notebooks.checks import Checks
from autograde.tasks import Task

_ANY_NAME = frozenset({"globals", "locals", "vars", "eval", "exec", "__import__", "import_module"})
"""Code that uses one of these may reach any statement of its module without naming it."""

_FILES = frozenset({"__file__", "open", "Path", "pathlib", "os", "glob", "importlib", "inspect"})
"""Code that uses one of these may read a file without naming it."""

_COURSE = "autograde.model"
"""What is imported from here reads ``course.toml``."""

_ROOTS = ("autograde", "xaikit")


@dataclass(frozen=True)
class Made:
    """What a check is made of.

    Attributes
    ----------
    version
        The digest.
    packages
        The packages that its code uses, by the names they are imported by.
    """

    version: str
    packages: frozenset[str]


@dataclass
class _Part:
    """One top-level statement: what it binds, the names that it uses, what it imports."""

    text: str
    binds: frozenset[str]
    uses: frozenset[str]
    imports: tuple[tuple[str, str, str], ...]  # name here, module, name there (empty: the module)
    given: tuple[str, ...] | None = ()  # None: cells that cannot be told from the text
    only_imports: bool = False


@dataclass
class _Module:
    parts: list[_Part]
    binding: dict[str, list[int]] = field(default_factory=dict)
    always: list[int] = field(default_factory=list)


def made_of(
    checks: Checks,
    given: Mapping[str, str],
    settings: Mapping[str, object],
    files: Iterable[Path],
) -> dict[str, Made]:
    """Return what the check of each task is made of.

    Parameters
    ----------
    checks
        The notebook's, imported.
    given
        The text of its given code cells, by grade id and name.
    settings
        Further tables of ``course.toml``: part of a check that reads that file.
    files
        The notebook's files: one that is no Python is part of a check that names it, or that may
        read files at all.
    """
    modules = {module.__name__: _module(module) for module in checks.modules}
    read = {
        file.name: hashlib.sha256(file.name.encode() + b"\0" + file.read_bytes()).hexdigest()
        for file in files
        if file.suffix != ".py"
    }
    tables = repr(sorted(settings.items()))
    found = {}
    for name in checks.tasks:
        home = next(m for m in checks.modules if Path(str(m.__file__)) == checks.places[name])
        tasks = ((each, value) for each, value in vars(home).items() if isinstance(value, Task))
        names = [each for each, value in tasks if value.id == name]
        found[name] = _closure(home.__name__, names, modules, given, read, tables)
    return found


def code_text(source: str) -> str:
    """Return code without what cannot change what it does: comments, docstrings, layout.

    What is not plain Python, such as a cell with a magic, is returned as it is.
    """
    try:
        return _plain(ast.parse(source))
    except (SyntaxError, ValueError):
        return source


def _plain(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _module(module: ModuleType) -> _Module:
    tree = ast.parse(Path(str(module.__file__)).read_bytes())
    found = _Module([])
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        part = _part(statement, module)
        number = len(found.parts)
        found.parts.append(part)
        for name in part.binds:
            found.binding.setdefault(name, []).append(number)
        calls = any(
            isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
            for node in _outside_functions(statement)
        )
        star = any(name == "*" for name, _, _ in part.imports)
        if calls or star or not part.binds:
            found.always.append(number)
    return found


def _outside_functions(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield what runs when the module is imported."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def _part(statement: ast.stmt, module: ModuleType) -> _Part:
    text = _plain(statement)
    binds: set[str] = set()
    uses: set[str] = set()
    imports: list[tuple[str, str, str]] = []
    cells: list[str] | None = []
    outer = set(map(id, _outside_functions(statement)))
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            stored = not isinstance(node.ctx, ast.Load)
            (binds if stored and id(node) in outer else uses).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if id(node) in outer:
                binds.add(node.name)
        elif isinstance(node, ast.Subscript | ast.Attribute) and id(node) in outer:
            if not isinstance(node.ctx, ast.Load) and (base := _base(node)):
                binds.add(base)  # TABLE["x"] = … changes what TABLE is
        elif isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                imports.append((alias.asname or whole, whole, ""))
        elif isinstance(node, ast.ImportFrom):
            target = "." * node.level + (node.module or "")
            origin = importlib.util.resolve_name(target, module.__package__)
            imports += [(a.asname or a.name, origin, a.name) for a in node.names]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "given":
            texts = [getattr(argument, "value", None) for argument in node.args]
            known = [each for each in texts if isinstance(each, str)]
            cells = None if cells is None or len(known) < len(texts) else [*cells, *known]
    plain = isinstance(statement, ast.Import | ast.ImportFrom)
    if plain:
        binds |= {name for name, _, _ in imports}
    given = None if cells is None else tuple(cells)
    return _Part(text, frozenset(binds), frozenset(uses), tuple(imports), given, plain)


def _base(node: ast.AST) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _closure(
    home: str,
    names: Iterable[str],
    modules: Mapping[str, _Module],
    given: Mapping[str, str],
    files: Mapping[str, str],
    settings: str,
) -> Made:
    """Return the digest of all that these names of a module reach."""
    texts: set[str] = set()
    packages: set[str] = set()
    seen: set[tuple[str, str]] = set()
    pending = [(home, name) for name in names] or [(home, "*")]
    while pending:
        place = where, name = pending.pop()
        if place in seen:
            continue
        seen.add(place)
        module = modules[where]
        numbers = range(len(module.parts)) if name == "*" else module.binding.get(name, [])
        for number in {*numbers, *module.always}:
            part = module.parts[number]
            for here, origin, there in part.imports:
                # What a check imports counts, not what the same line imports beside it.
                if part.only_imports and name not in (here, "*") and here != "*":
                    continue
                inner = f"{origin}.{there}"
                if origin in modules or inner in modules:
                    pending.append((inner, "*") if inner in modules else (origin, there or "*"))
                else:
                    texts.add(f"{here} = {inner}")
                    packages.add(_package(origin))
                    if origin.startswith(_COURSE):
                        texts.add(settings)
            if part.only_imports:
                continue
            texts.add(part.text)
            pending += [(where, each) for each in part.uses]
            if part.uses & _ANY_NAME:
                pending.append((where, "*"))
            if part.uses & _FILES:
                texts |= {*files.values()}
            texts |= {digest for file, digest in files.items() if file in part.text}
            for cell in given if part.given is None else part.given:
                texts.add(f"{cell}\0{code_text(given[cell])}")
                packages |= _imported(given[cell])
    digest = hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()
    return Made(digest, frozenset(packages))


def _imported(source: str) -> set[str]:
    try:
        nodes = [*ast.walk(ast.parse(source))]
    except SyntaxError:
        return set()
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {_package(name) for name in names if name}


def _package(module: str) -> str:
    """Return what stands for a module: one of ours itself, of any other its package."""
    return module if module.startswith(_ROOTS) else module.split(".")[0]

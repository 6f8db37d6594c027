"""Names that a given cell leaves and nothing needs: release lets the cell delete them.

An answer that uses such a name by mistake, instead of its own, would work here and fail in grading.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from nbformat import NotebookNode

from autograde.notebooks.cells import grading, is_hand_in, is_test
from xaikit.handin.names import defined, deleted, needed

_WIDTH = 88
_QUOTED, _WORD = re.compile(r"`[^`\n]+`"), re.compile(r"[^\W\d]\w*")
_REMARK = "# Nothing below needs these names:"


def delete_leftovers(notebook: NotebookNode, needs: frozenset[str]) -> None:
    """Let every given code cell delete the names that nothing below it needs.

    Parameters
    ----------
    notebook
        With its solutions; it is changed.
    needs
        The grade ids of cells that hidden calls need: students may use all that these define.
    """
    for position, cell in enumerate(notebook.cells):
        meta = grading(cell)
        if cell.cell_type != "code" or meta.get("solution") or is_test(meta) or is_hand_in(cell):
            continue
        # A text right above announces what the cell makes.
        told = position
        while told and notebook.cells[told - 1].cell_type == "markdown":
            told -= 1
        around = notebook.cells[told:position] + notebook.cells[position + 1 :]
        if meta.get("grade_id") not in needs and (names := left(cell.source, around)):
            cell.source = "\n".join([cell.source, *_lines(names)])


def left(source: str, around: Sequence[NotebookNode]) -> list[str]:
    """Return the names that a cell certainly binds, and that neither code nor text needs.

    ``around`` are the cells below, and the texts right above.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:  # it has a magic
        return []
    names = set(_certain(body)) & defined(source) - deleted(source)
    names = {name for name in names if not name.startswith("_")}
    # A text that quotes `name` does not mean the variable of some loop.
    loops = {n for node in ast.walk(ast.Module(body, [])) for n in _loop(node)}
    for cell in around:
        if cell.cell_type == "code":
            wanted = needed(cell.source)
            if wanted is None:
                return []
            names -= wanted
        words = {word for span in _QUOTED.findall(cell.source) for word in _WORD.findall(span)}
        names -= words - loops
    # What is kept under another name, an object of a class say, may use these when it is called.
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            names -= (needed(ast.unparse(node)) or set()) - {getattr(node, "name", "")}
    return sorted(names)


def _certain(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind whatever happens, but for imports; loops do run."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.For(target=target, body=inner):
                yield from _targets(target)
                yield from _certain(inner)
            case ast.With(items=items, body=inner):
                yield from (n for i in items if i.optional_vars for n in _targets(i.optional_vars))
                yield from _certain(inner)
            case ast.Assign(targets=targets):
                yield from (name for target in targets for name in _targets(target))
            case ast.AnnAssign(target=target, value=ast.expr()):
                yield from _targets(target)


def _loop(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.For):
        yield from _targets(node.target)


def _targets(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _lines(names: Sequence[str]) -> list[str]:
    """Return the statements that delete names, below a remark."""
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) < _WIDTH:
            lines[-1] += f", {name}"
        else:
            lines.append(f"del {name}")
    return ["", _REMARK, *lines]

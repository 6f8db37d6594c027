"""Break a function in one place: every way that this module knows, one after the other.

The ways are those in which answers go wrong (DeMillo, Lipton and Sayward 1978): another operator
or comparison, a number off by one, a call or an option forgotten, one word for its opposite, a
condition turned, a term left out.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_PAIRS = (
    *(("max", "min"), ("amax", "amin"), ("argmax", "argmin"), ("maximum", "minimum")),
    *(("any", "all"), ("zeros", "ones"), ("zeros_like", "ones_like"), ("ceil", "floor")),
    *(("mean", "sum"), ("mean", "median"), ("std", "var"), ("eigh", "eig"), ("prod", "sum")),
    *(("cumsum", "cumprod"), ("union", "intersection")),
)
OTHER_WORDS: dict[str, tuple[str, ...]] = {}
for _one, _other in _PAIRS:
    OTHER_WORDS[_one] = (*OTHER_WORDS.get(_one, ()), _other)
    OTHER_WORDS[_other] = (*OTHER_WORDS.get(_other, ()), _one)

FORGOTTEN = frozenset(
    {
        *("abs", "fabs", "clip", "clamp", "clamp_", "sign", "sqrt"),
        *("square", "exp", "log", "log2", "log1p", "relu", "softmax"),
        *("sigmoid", "tanh", "norm", "normalize", "sorted", "sort", "flip"),
        *("reversed", "unique", "round", "copy", "clone", "copysign", "maximum"),
        *("minimum", "where", "mean", "median", "power", "argsort", "triu"),
        *("tril", "diag", "set"),
    }
)
"""Calls that are left out: what they were called on, or their first argument, stays."""

FORM = frozenset({"strict", "device"})
"""Options that change no value, as ``detach`` and ``float`` do not: nobody forgets what they do."""


@dataclass(frozen=True)
class Mutant:
    """One broken function.

    Parameters
    ----------
    place
        The line of the source that is changed, as it was, without spaces around it.
    change
        What was done there: ``before -> after``, of the smallest piece of code that is changed.
    text
        The source of all of it.
    """

    place: str
    change: str
    text: str

    def __str__(self) -> str:
        return f"{self.change}    [{self.place}]"


def mutants(text: str, function: str) -> Iterator[Mutant]:
    """Yield what becomes of a source when one place of this function is broken.

    What the function uses is broken, too. What nobody uses stays (the faulty function that an
    answer replaces, say), and so do docstrings, annotations, decorators and defaults.
    """
    tree = ast.parse(text)
    lines = text.splitlines()
    seen = {ast.unparse(tree)}
    used = _used(tree.body, function)
    for path in _places(tree):
        if path[0][1] not in used:
            continue
        node = _at(tree, path)
        for other in _others(node):
            changed = copy.deepcopy(tree)
            _put(changed, path, other)
            try:
                new = ast.unparse(ast.fix_missing_locations(changed))
            except ValueError:
                continue
            if new not in seen:
                seen.add(new)
                before, after = (" ".join(ast.unparse(n).split()) for n in (node, other))
                yield Mutant(lines[node.lineno - 1].strip(), f"{before} -> {after}", new)


def _used(body: list[ast.stmt], function: str) -> set[int]:
    """Return the places of the statements that define what a function uses, itself included."""
    defined = {
        name: place
        for place, statement in enumerate(body)
        for name in (
            [statement.name]
            if isinstance(statement, ast.FunctionDef | ast.ClassDef)
            else [n.id for n in ast.walk(statement) if isinstance(n, ast.Name)]
        )
    }
    used: set[int] = set()
    new = {function}
    while new:
        places = {defined[name] for name in new if name in defined} - used
        used |= places
        new = {n.id for p in places for n in ast.walk(body[p]) if isinstance(n, ast.Name)}
    return used


_Path = tuple[tuple[str, int | None], ...]


def _places(tree: ast.AST, path: _Path = ()) -> Iterator[_Path]:
    """Yield where statements and expressions stand that can be broken."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "defaults", "kw_defaults"):
            continue
        items = value if isinstance(value, list) else [value]
        for position, item in enumerate(items):
            if not isinstance(item, ast.AST) or _is_text(item):
                continue
            if isinstance(item, ast.keyword) and item.arg in FORM:
                continue
            here = (*path, (field, position if isinstance(value, list) else None))
            if isinstance(item, ast.expr | ast.stmt):
                yield here
            yield from _places(item, here)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _at(tree: ast.AST, path: _Path) -> ast.expr | ast.stmt:
    for field, position in path:
        value = getattr(tree, field)
        tree = value if position is None else value[position]
    assert isinstance(tree, ast.expr | ast.stmt)
    return tree


def _put(tree: ast.AST, path: _Path, node: ast.AST) -> None:
    for field, position in path[:-1]:
        value = getattr(tree, field)
        tree = value if position is None else value[position]
    field, position = path[-1]
    if position is None:
        setattr(tree, field, node)
    else:
        getattr(tree, field)[position] = node


def _with(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _others(node: ast.expr | ast.stmt) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place."""
    match node:
        case ast.BinOp(left, operator, right):
            for other in OPERATORS.get(type(operator), ()):
                yield _with(node, op=other())
            if isinstance(operator, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow):
                yield left
            if isinstance(operator, ast.Add | ast.Mult):
                yield right
        case ast.Compare(_, operators, _):
            for position, sign in enumerate(operators):
                for opposite in COMPARISONS.get(type(sign), ()):
                    turned = [*operators[:position], opposite(), *operators[position + 1 :]]
                    yield _with(node, ops=turned)
        case ast.BoolOp(operator, values):
            yield _with(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
            if len(values) == 2:
                yield from values
        case ast.UnaryOp(ast.USub() | ast.Not() | ast.Invert(), operand):
            yield operand
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() as value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(float() as value):
            # Very small: a guard against nought, whose size is nobody's business.
            yield ast.Constant(0.0 if 0 < abs(value) < 1e-3 else value + 1)
        case ast.IfExp(test, body, otherwise):
            yield _with(node, body=otherwise, orelse=body)
            yield body
            yield otherwise
        case ast.If(test):
            yield _with(node, test=ast.UnaryOp(ast.Not(), test))
            yield _with(node, test=ast.Constant(False))
            yield _with(node, test=ast.Constant(True))
        case ast.AugAssign(_, operator, _):
            for other in OPERATORS.get(type(operator), ()):
                yield _with(node, op=other())
            yield ast.Pass()
        case ast.Expr(ast.Call()) | ast.Continue():
            yield ast.Pass()
        case ast.Call():
            yield from _other_calls(node)


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    for word in OTHER_WORDS.get(name, ()):
        new = (
            _with(function, attr=word)
            if isinstance(function, ast.Attribute)
            else ast.Name(word, ast.Load())
        )
        yield _with(node, func=new)
    if name in FORGOTTEN:
        # np.abs(x) -> x, x.abs() -> x; np.where(c, x, y) -> x, y.
        if isinstance(function, ast.Attribute) and not _is_module(function.value):
            yield function.value
        elif name == "where":
            yield from node.args[1:]
        elif node.args:
            yield node.args[0]
            if name in ("maximum", "minimum", "copysign"):
                yield from node.args[1:2]
    for position, keyword in enumerate(node.keywords):
        if keyword.arg is not None and keyword.arg not in FORM:
            left = [*node.keywords[:position], *node.keywords[position + 1 :]]
            yield _with(node, keywords=left)


def _is_module(node: ast.expr) -> bool:
    """Say whether this names a package or one of its modules: ``np``, ``torch.linalg``, ``F``."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in {
        *("np", "torch", "F", "nn", "math", "itertools", "plt", "scipy"),
    }

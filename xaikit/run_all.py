"""Let *Run All* go on past a check that failed, where a person looks at the notebook.

A visible check that fails raises. In a front end that would end *Run All* at the first task that
is still open. So the cell of a check, the one that calls ``checks.passed``, shows the failure as a
line of its own and ends without an error. Where nobody looks (nbgrader, nbconvert, papermill,
tests), it raises as ever.
"""

from __future__ import annotations

import ast
import html
import os
import sys
from typing import Any

_SHOWN = """
try:
    pass
except checks.CheckFailed as _failed:
    if not __import__("xaikit.run_all", fromlist=["shown"]).shown(str(_failed)):
        raise
"""


class GoOn(ast.NodeTransformer):
    """Puts the body of a check's cell into a ``try`` that shows what failed."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Return the module as it is to run."""
        if not any(map(_is_passed, ast.walk(node))):
            return node
        (attempt,) = ast.parse(_SHOWN).body
        assert isinstance(attempt, ast.Try)
        attempt.body = node.body
        node.body = [attempt]
        return ast.fix_missing_locations(node)


def _is_passed(node: ast.AST) -> bool:
    match node:
        case ast.Call(ast.Attribute(ast.Name("checks"), "passed")):
            return True
    return False


def install() -> None:
    """Let the kernel that this process is, if it is one, go on past checks that failed."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    if hasattr(shell, "kernel") and not any(isinstance(t, GoOn) for t in shell.ast_transformers):
        shell.ast_transformers.append(GoOn())


def shown(hint: str) -> bool:
    """Show what a failed check says if a person looks, and return whether that was done."""
    if not _somebody_looks():
        return False
    from IPython.display import display

    text = f"✗ {hint}"
    style = "color: var(--jp-error-color1, #c62828); font-weight: 600"
    markup = f'<div role="alert" style="{style}">{html.escape(text)}</div>'
    display({"text/plain": text, "text/html": markup}, raw=True)  # type: ignore[no-untyped-call]
    return True


def _somebody_looks() -> bool:
    """Whether a front end asked for this cell: they say which cell it is, and programs do not."""
    if os.environ.get("NBGRADER_EXECUTION"):
        return False
    return "google.colab" in sys.modules or bool({"cellId", "deletedCells"} & {*_metadata()})


def _metadata() -> dict[str, Any]:
    """Return what the front end said of the cell that runs."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    parent = kernel.get_parent("shell") if kernel is not None else {}
    return parent.get("metadata") or {}

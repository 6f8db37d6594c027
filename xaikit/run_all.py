"""Let *Run All* go on past a check that failed, where a person looks at the notebook.

A visible check that fails raises. In a front end that would end *Run All* at the first task that
is still open. So the cell of a check, the one that calls ``checks.passed``, shows the failure as a
line of its own and ends without an error. Where nobody looks (nbgrader, nbconvert, papermill,
tests), it raises as ever.
"""

from __future__ import annotations

import ast
import html
import importlib
import os
import sys
from typing import Any

from xaikit.markers import markers

_AROUND = """
with __import__("xaikit.visible", fromlist=["checking"]).checking("", globals()) as _checking:
    _checking.begin()
"""


class GoOn(ast.NodeTransformer):
    """Puts what shows a failure around the body of a check's cell."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Return the module as it is to run."""
        tasks = [task for each in ast.walk(node) if (task := _passed(each))]
        if not tasks:
            return node
        (around,) = ast.parse(_AROUND).body
        assert isinstance(around, ast.With) and isinstance(around.items[0].context_expr, ast.Call)
        around.items[0].context_expr.args[0] = ast.Constant(tasks[-1])
        around.body += node.body
        node.body = [around]
        return ast.fix_missing_locations(node)


def _passed(node: ast.AST) -> str:
    """Return the task of which this says that it passed."""
    match node:
        case ast.Call(ast.Attribute(ast.Name("checks"), "passed"), [ast.Constant(str(task)), *_]):
            return task
    return ""


def install() -> None:
    """Let the kernel that this process is, if it is one, go on past checks that failed."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    if hasattr(shell, "kernel") and not any(isinstance(t, GoOn) for t in shell.ast_transformers):
        shell.ast_transformers.append(GoOn())
        shell.events.register("post_run_cell", _say_what_has_not_run)


def _say_what_has_not_run(result: Any) -> None:
    """Below an error about a name, say which given cell defines it."""
    error = result.error_in_exec
    if isinstance(error, NameError) and _somebody_looks():
        visible = importlib.import_module("xaikit.visible")  # it imports what imports this
        tasks = markers(str(result.info.raw_cell))
        if said := visible.not_run(error, visible.here(next(iter(tasks), ""))):
            shown(said)


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

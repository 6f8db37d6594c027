"""Let *Run All* go on past a check that failed, where a person looks at the notebook.

A visible check that fails raises. In a front end that would end *Run All* at the first task that
is still open. So the cell of a check, the one that calls ``checks.passed``, shows the failure as a
line of its own and ends without an error. Where nobody looks (nbgrader, nbconvert, papermill,
tests), it raises as ever.
"""

from __future__ import annotations

import ast
import sys
from typing import Any

from xaikit.checks.session import here
from xaikit.checks.shown import shown, somebody_looks
from xaikit.checks.visible import not_run
from xaikit.handin.markers import markers

_AROUND = """
with __import__("xaikit.checks.visible").checks.visible.checking("", globals()) as _checking:
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
    if isinstance(error, NameError) and somebody_looks():
        tasks = markers(str(result.info.raw_cell))
        if said := not_run(error, here(next(iter(tasks), ""))):
            shown(said)

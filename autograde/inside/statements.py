"""Go on after a statement of a cell that failed: the others run as if it were not there.

A cell often fails where grading runs by something that the answer does without: Google's drive, a
package that is not there, a given name that is not. The student's notebook went on there.
"""

from __future__ import annotations

import ast
from types import TracebackType
from typing import Any


def go_on(shell: Any, source: str, error: BaseException | None) -> None:
    """Run the statements of a cell after the one that failed, each on its own.

    Parameters
    ----------
    shell
        The IPython shell that ran the cell.
    source
        The cell.
    error
        What it raised. Nothing happens where the cell was to end, or was interrupted.
    """
    if error is None or not isinstance(error, Exception):
        return
    failed = _line(error.__traceback__, shell.user_ns)
    if not failed:
        return
    try:
        body = ast.parse(shell.transform_cell(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for statement in body:
        if statement.lineno <= failed:
            continue
        code = ast.Module([statement], [])
        try:
            exec(compile(code, "<after a statement that failed>", "exec"), shell.user_ns)
        except Exception:  # it is passed over, too
            continue
        except SystemExit:
            return


def _line(trace: TracebackType | None, names: dict[str, Any]) -> int:
    """Return the line of the cell in which the error was raised, 0 if that is nowhere in it."""
    while trace is not None:
        code = trace.tb_frame.f_code
        if trace.tb_frame.f_globals is names and code.co_name.startswith("<"):
            return trace.tb_lineno
        trace = trace.tb_next
    return 0

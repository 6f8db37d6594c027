"""The fresh process of a rehearsal: runs cells as a kernel does, and says what each raised.

It is a program of its own, started by its file's name: see :mod:`xaikit.checks.rehearsal`.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def main() -> None:
    """Read a job from standard input, run its cells, and write a line for each."""
    job = json.loads(sys.stdin.buffer.read())
    records = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    sys.path.append(job["path"])  # last: where this package is installed, it is found there
    sys.path.insert(0, "")
    shell = _shell()
    loop = asyncio.new_event_loop()
    _seed("".join(cell["source"] for cell in job["cells"]))
    for cell in job["cells"]:
        if loop.is_closed():
            loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        before = time.process_time()
        error = loop.run_until_complete(_run(shell, cell["source"]))
        missing: set[str] = set()
        line = _line(error, shell)
        if isinstance(error, Exception) and line and not isinstance(error, SyntaxError):
            error, line = _go_on(shell, cell["source"], error, line, missing)
        seconds = time.process_time() - before
        record = {
            "raised": _said(error),
            "line": line,
            "missing": sorted(missing),
            "seconds": seconds,
            "check": "" if error else _check(shell, cell["check"]),
        }
        print(json.dumps(record), file=records, flush=True)
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close("all")


def _shell() -> Any:
    """Return a shell for which ``%matplotlib inline`` is no error and ``exit()`` no end."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui: Any = None) -> None:
            """Do nothing: there is no window to open."""

        def ask_exit(self) -> None:
            """Do nothing: grading goes on, too."""

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return Shell.instance(config=config)


def _seed(sources: str) -> None:
    """Start the generators as grading does."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sources:
        import torch

        torch.manual_seed(0)


async def _run(shell: Any, source: str) -> BaseException | None:
    """Run one cell and return what it raised."""
    try:
        transformed, failed = shell.transform_cell(source), None
    except Exception:
        transformed, failed = source, sys.exc_info()
    result = await shell.run_cell_async(
        source, store_history=True, transformed_cell=transformed, preprocessing_exc_tuple=failed
    )
    error: BaseException | None = result.error_before_exec or result.error_in_exec
    return error


class _Missing:
    """Stands for a package that is not there, and for what is in it: only its use fails."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __getattr__(self, name: str) -> _Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        raise ModuleNotFoundError(f"No module named {self._package!r}")


def _go_on(
    shell: Any, source: str, error: Exception, line: int, missing: set[str]
) -> tuple[Exception | None, int]:
    """Run a cell from the statement that failed, each on its own, as grading does.

    An import that fails is no error yet: its package is added to those that are missing. Returned
    is the first error that is one, and its line.
    """
    body = ast.parse(shell.transform_cell(source)).body
    first = max((i for i, each in enumerate(body) if each.lineno <= line), default=len(body))
    found: Exception | None = error
    if isinstance(error, ImportError) and isinstance(body[first], ast.Import | ast.ImportFrom):
        found, line = None, 0
    else:
        first += 1
    for statement in body[first:]:
        try:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                _import(shell.user_ns, statement, missing)
            else:
                code = compile(ast.Module([statement], []), "<after it>", "exec")
                exec(code, shell.user_ns)
        except Exception as another:
            found, line = found or another, line or statement.lineno
    return found, line


def _import(
    names: dict[str, Any], statement: ast.Import | ast.ImportFrom, missing: set[str]
) -> None:
    """Import what is there."""
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            one: ast.stmt = ast.Import([alias])
            package = alias.name
        else:
            one = ast.ImportFrom(statement.module, [alias], statement.level)
            package = statement.module or "."
        try:
            exec(ast.unparse(one), names)
        except ImportError:
            missing.add(package)
            names[alias.asname or alias.name.partition(".")[0]] = _Missing(package)


def _said(error: BaseException | None) -> str:
    """Return an exception's type and the first line of what it says; nothing for none."""
    if error is None:
        return ""
    name, says = type(error).__name__, str(error)
    if isinstance(error, SyntaxError):
        says = error.msg
        name = "SyntaxError" if name.startswith("_") else name  # Python 3.13's for half a statement
    return f"{name}: {says}".split("\n")[0][:200]


def _line(error: BaseException | None, shell: Any) -> int:
    """Return the last line of a cell that was running, 0 if there is none."""
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    line = 0
    trace = error.__traceback__ if error is not None else None
    while trace is not None:
        if (
            trace.tb_frame.f_globals is shell.user_ns
            and trace.tb_frame.f_code.co_name == "<module>"
        ):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _check(shell: Any, source: str) -> str:
    """Try a visible check on a copy of the namespace, and return what it says if it fails."""
    if not source:
        return ""
    before = _states()
    try:
        from xaikit.checks.run_all import GoOn

        # Where a kernel runs the check, this is around it, too.
        tree = GoOn().visit(ast.parse(shell.transform_cell(source)))
        exec(compile(tree, "<check>", "exec"), dict(shell.user_ns))
    except BaseException as error:
        name = type(error).__name__
        return (str(error) if name == "CheckFailed" else f"{name}: {error}").split("\n")[0][:300]
    finally:
        for put_back, state in before:
            put_back(state)
    return ""


def _states() -> list[tuple[Callable[[Any], Any], Any]]:
    """Return the states of the random generators, each with what puts it back."""
    states: list[tuple[Callable[[Any], Any], Any]] = [(random.setstate, random.getstate())]
    if numpy := sys.modules.get("numpy"):
        states.append((numpy.random.set_state, numpy.random.get_state()))
    if torch := sys.modules.get("torch"):
        states.append((torch.set_rng_state, torch.get_rng_state()))
    return states


if __name__ == "__main__":
    main()

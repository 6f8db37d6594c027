"""What the grader does in a student's kernel: read objects as plain data where they live.

Called by an expression that binds no name, so the student's namespace stays as it is.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autograde.inside import stubs, wire
from autograde.inside.read import UnreadableError, plain
from autograde.inside.statements import go_on


def seed() -> None:
    """Start the global generators from the same state in every run."""
    random.seed(0)
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


def begin() -> None:
    """Seed, and let ``exit()`` do nothing: the kernel would end later, in another task's cell."""
    from IPython.core.interactiveshell import InteractiveShell

    seed()
    stubs.install()
    InteractiveShell.instance().ask_exit = lambda: None  # type: ignore[attr-defined]


def finish(source: str) -> None:
    """Run what stands in a cell after a statement that failed by what is not there in grading.

    A package, a magic, a file, the network, a GPU. After any other error the student's own notebook
    ended the cell there, too.
    """
    from IPython.core.interactiveshell import InteractiveShell

    error = getattr(sys, "last_value", None)
    if isinstance(error, ImportError | OSError) or missing_module(error) or "CUDA" in str(error):
        go_on(InteractiveShell.instance(), source, error)


def missing_module(error: BaseException | None) -> str:
    """Return the module or magic that a cell lacked, in its own words; empty if it lacked none."""
    name = error.name if isinstance(error, ImportError) else None
    if name is None and type(error).__name__ == "UsageError":
        found = re.search(r"magic function `(%{1,2}\w+)`", str(error))
        name = found[1] if found else None
    return name if isinstance(name, str) else ""


def write_variables(names: Sequence[str], path: str) -> None:
    """Write what these variables of the IPython session hold to a file."""
    from IPython.core.interactiveshell import InteractiveShell

    variables = InteractiveShell.instance().user_ns
    read = {
        name: describe(variables[name]) if name in variables else {"missing": ""} for name in names
    }
    Path(path).write_bytes(wire.encode(read))


def describe(value: Any) -> wire.Plain:
    """Return ``{"value": bytes}`` as an array, or a dictionary that says why there is none."""
    if value is None or value is Ellipsis:
        return {"nothing": ""}
    try:
        return {"value": packed(wire.encode(plain(value)))}
    except UnreadableError as error:
        return {"unreadable": str(error)}
    except Exception as error:  # objects of students may raise anything when they are read
        return {"unreadable": type(error).__name__}


def packed(data: bytes) -> np.ndarray[Any, Any]:
    """Return bytes as an array, which is how one value travels inside another, not decoded."""
    return np.frombuffer(data, np.uint8)

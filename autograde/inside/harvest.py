"""What the grader does in a student's kernel: read objects as plain data where they live.

Called by an expression that binds no name, so the student's namespace stays as it is.
"""

from __future__ import annotations

import contextlib
import random
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autograde.inside import stubs, wire
from autograde.inside.read import UnreadableError, plain
from autograde.inside.statements import go_on


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Work as if no cell had turned warnings into errors or changed torch's defaults."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(np.errstate(all="ignore"))
        if torch := sys.modules.get("torch"):
            stack.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(torch.float32)
            stack.enter_context(torch.enable_grad())
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
        yield


def seed() -> None:
    """Start the global generators from the same state in every run."""
    random.seed(0)
    np.random.seed(0)
    seed_torch()


def seed_torch() -> None:
    """Start torch's generators from the same state, if it has been imported."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


def begin() -> None:
    """Seed, and let ``exit()`` do nothing: the kernel would end later, in another task's cell."""
    from IPython.core.interactiveshell import InteractiveShell

    seed()
    stubs.install(seed_torch)
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
    with undisturbed():
        read = {
            name: describe(variables[name]) if name in variables else {"missing": ""}
            for name in names
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

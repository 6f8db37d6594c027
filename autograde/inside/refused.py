"""Functions that are out of reach while a task by hand is asked: they do what the task is about.

They are replaced where they lie before any cell runs, so that an import of the student's gets the
replacement. It does what the function does, but for the calls of such a task: then it raises. A
program that looks for another way finds one. This is against habits, not against attacks.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_now: frozenset[str] = frozenset()
used: list[str] = []
"""What the present call wanted and did not get, by its full name."""


class OutOfReachError(RuntimeError):
    """The task is to write this function."""


def place(name: str) -> tuple[Any, str]:
    """Return the module or class in which a function lies, and what it is called there.

    Raises
    ------
    LookupError
        If nothing of that name can be called.
    """
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        with contextlib.suppress(ImportError, AttributeError):
            home: Any = importlib.import_module(".".join(parts[:cut]))
            for part in parts[cut:-1]:
                home = getattr(home, part)
            if callable(getattr(home, parts[-1])):
                return home, parts[-1]
    raise LookupError(f"There is no function {name}.")


def install(names: Iterable[str]) -> None:
    """Replace these functions, given by their full names, such as ``torch.nn.functional.gelu``."""
    for name in names:
        home, attribute = place(name)
        setattr(home, attribute, _guarded(name, getattr(home, attribute)))


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> Any:
        if name in _now:
            used.append(name)
            raise OutOfReachError(f"{name} is out of reach in this task: write it yourself.")
        return function(*arguments, **options)

    return guarded


@contextlib.contextmanager
def refused(names: Iterable[str]) -> Iterator[None]:
    """Let these functions raise, until the end of the block."""
    global _now
    used.clear()
    _now = frozenset(names)
    try:
        yield
    finally:
        _now = frozenset()

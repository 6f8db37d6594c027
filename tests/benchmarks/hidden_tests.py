"""Our hidden checks as nbgrader's hidden tests: run in the student's kernel, beside the answers.

Nobody should grade like this, because the kernel then holds the checks and the references; it is
what plain nbgrader has to do to do the same work. The references are read from a file that
:func:`write_references` wrote once, as an instructor would who counts seconds.
"""

from __future__ import annotations

import copyreg
import pickle
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from autograde.grading import score
from autograde.inside import wire
from autograde.inside.read import plain
from autograde.notebooks.checks import Checks, load_checks
from autograde.notebooks.layout import find_layout
from autograde.tasks import Call

SECRET = b"the benchmark's"


def _read_only(kept: dict[str, Any]) -> MappingProxyType[str, Any]:
    return MappingProxyType(kept)


# Explanations hold read-only dictionaries, which pickle does not know.
copyreg.pickle(MappingProxyType, lambda kept: (_read_only, (dict(kept),)))  # type: ignore[arg-type]


def write_references(source: Path, given: Mapping[str, str], file: Path) -> None:
    """Compute once what the checks compute once a process."""
    computed = _computed(load_checks(find_layout(source), given))
    values = {place: function() for place, function in dict(computed.values()).items()}
    file.write_bytes(pickle.dumps(dict(given)) + pickle.dumps(values))


@cache
def read(source: Path, references: Path) -> Checks:
    """Load the checks and put the references in place, once a kernel."""
    with references.open("rb") as stored:
        loaded = load_checks(find_layout(source), pickle.load(stored))
        values = pickle.load(stored)  # of classes that the checks define
    for (module, name), (place, _) in _computed(loaded).items():
        setattr(sys.modules[module], name, lambda value=values[place]: value)
    return loaded


def points(checks: Checks, task: str, most: float, variables: dict[str, Any]) -> float:
    """Score one task from what the kernel's variables hold."""
    wanted = checks.tasks[task]
    values: dict[str, Any] | None = None
    calls: list[tuple[tuple[Any, ...], Any]] | None = None
    try:
        if isinstance(wanted.answer, Call):
            calls = []
            for arguments in score.hidden_inputs(wanted, SECRET, task):
                own = wire.decode_arguments(wire.encode_arguments(arguments))
                calls.append((arguments, _plain(variables[wanted.answer.function](*own))))
        else:
            values = {name: _plain(variables[name]) for name in wanted.answer.names}
    except Exception:  # whatever a student's function raises: it is no answer
        return 0.0
    return round(score._fraction(wanted, values, calls)[0] * most, 4)


def _plain(value: Any) -> Any:
    if value is None or value is Ellipsis:
        raise ValueError("no answer was given")
    return wire.decode(wire.encode(plain(value)))


def _computed(checks: Checks) -> dict[tuple[str, str], tuple[str, Callable[[], Any]]]:
    """Return the functions that compute something once a process, and where each is defined.

    They stand under every name by which a module knows them: a section imports what it shares.
    """
    return {
        (module.__name__, name): (f"{value.__module__}.{value.__name__}", value)
        for module in checks.modules
        for name, value in vars(module).items()
        if hasattr(type(value), "cache_info")  # given cells would run if they were asked
    }

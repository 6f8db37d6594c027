"""Our hidden checks as nbgrader's hidden tests: run in the student's kernel, beside the answers.

Nobody should grade like this, because the kernel then holds the checks and the references; it is
what plain nbgrader has to do to do the same work. The references are read from a file that
:func:`write_references` wrote once, as an instructor would who counts seconds.
"""

from __future__ import annotations

import copyreg
import pickle
import sys
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from autograde.grading import score
from autograde.inside import wire
from autograde.inside.read import plain
from autograde.notebooks.cells import Checks
from autograde.notebooks.source import load_checks
from autograde.tasks import Call

SECRET = b"the benchmark's"


def _read_only(kept: dict[str, Any]) -> MappingProxyType[str, Any]:
    return MappingProxyType(kept)


# Explanations hold read-only dictionaries, which pickle does not know.
copyreg.pickle(MappingProxyType, lambda kept: (_read_only, (dict(kept),)))  # type: ignore[arg-type]


def write_references(checks: Path, file: Path) -> None:
    """Compute once what the checks module computes once a process."""
    module = _module(load_checks(checks))
    file.write_bytes(pickle.dumps({name: function() for name, function in _computed(module)}))


@cache
def read(checks: Path, references: Path) -> Checks:
    """Load the checks and put the references in place, once a kernel."""
    loaded = load_checks(checks)
    module = _module(loaded)
    for name, value in pickle.loads(references.read_bytes()).items():
        setattr(module, name, lambda value=value: value)
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


def _module(checks: Checks) -> ModuleType:
    return sys.modules[next(iter(checks.tasks.values())).score.__module__]


def _computed(module: ModuleType) -> list[tuple[str, Any]]:
    """Return the module's functions that compute something once a process."""
    return [(name, value) for name, value in vars(module).items() if hasattr(value, "cache_info")]

"""What a submission's run gave, kept, so that a changed check is asked about the same answers.

Each answer stands under a key: a digest of what it was made from (the cells that ran before it,
the inputs of its calls, what these ran on). Under another key it is made anew.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograde.inside import wire
from autograde.notebooks.versions import code_text
from autograde.sandbox.replies import Failed
from autograde.sandbox.run import CodeCell, HiddenCalls


@dataclass
class Recorded:
    """The answers of one submission, each with its key.

    Attributes
    ----------
    run
        The key of the notebook's run.
    values
        Of each ``Value`` task its variables, or why there are none.
    calls
        Of each ``Call`` task, for every call, what came back and which arguments it changed.
    said
        What was unusual about the notebook's run (under no name) and about the calls of a task.
    stopped
        Those of ``said`` where a limit stopped something, or the run was out of time.
    seconds, call_seconds
        Processor time of the notebook's run, and of the runs that made calls.
    """

    run: str = ""
    values: dict[str, tuple[str, dict[str, Any] | Failed]] = field(default_factory=dict)
    calls: dict[str, tuple[str, list[tuple[Any, frozenset[int]]]]] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    seconds: float = 0.0
    call_seconds: float = 0.0

    def pack(self) -> bytes:
        """Return all of it as bytes."""
        rest = {
            "run": self.run,
            "said": self.said,
            "stopped": sorted(self.stopped),
            "seconds": [self.seconds, self.call_seconds],
        }
        plain = {
            "rest": json.dumps(rest),
            "values": {task: [key, _plain(value)] for task, (key, value) in self.values.items()},
            "calls": {
                task: [key, [[_plain(value), _places(changed)] for value, changed in outcomes]]
                for task, (key, outcomes) in self.calls.items()
            },
        }
        return zlib.compress(wire.encode(plain), 1)


def unpack(content: bytes) -> Recorded:
    """Return what :meth:`Recorded.pack` wrote; nothing, if these bytes are none of it."""
    try:
        plain = wire.decode(zlib.decompress(content), wire.TRUSTED)
        rest = json.loads(plain["rest"])
        return Recorded(
            rest["run"],
            {task: (key, _value(value)) for task, (key, value) in plain["values"].items()},
            {
                task: (
                    key,
                    [(_value(v), frozenset(map(int, places.split()))) for v, places in outcomes],
                )
                for task, (key, outcomes) in plain["calls"].items()
            },
            rest["said"],
            set(rest["stopped"]),
            *rest["seconds"],
        )
    except (zlib.error, wire.WireError, ValueError, KeyError, TypeError):
        return Recorded()


def key_of(*parts: object) -> str:
    """Return a digest of these parts, in their order."""
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else repr(part).encode(errors="replace")
        digest.update(f"{len(content)} ".encode() + content)
    return digest.hexdigest()


def cells_key(cells: Iterable[CodeCell]) -> str:
    """Return a digest of what these cells do and of what is read after each, limits aside."""
    return key_of(
        *(
            (cell.id, code_text(cell.source), cell.task, cell.names, sorted(cell.late.items()))
            for cell in cells
        )
    )


def value_cells(task: str, cells: Sequence[CodeCell]) -> Sequence[CodeCell]:
    """Return the cells on which the variables of a task depend: all up to their last reading."""
    read = [i for i, cell in enumerate(cells) if cell.task == task or task in cell.late]
    return cells[: read[-1] + 1] if read else cells


def inputs_key(calls: HiddenCalls) -> str:
    """Return a digest of what is called, with what, and without what."""
    arguments = (wire.encode_arguments(each) for each in calls.arguments)
    return key_of(calls.function, calls.without, *arguments)


def _plain(value: Any) -> Any:
    if isinstance(value, Failed):
        return ["failed", value.reason, "below" if value.mended_below else ""]
    return ["value", value]


def _value(plain: Any) -> Any:
    kind, value, *below = plain
    return Failed(value, bool(below[0])) if kind == "failed" else value


def _places(changed: frozenset[int]) -> str:
    return " ".join(map(str, sorted(changed)))

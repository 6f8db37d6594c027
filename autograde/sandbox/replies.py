"""What comes back from the sandbox, taken apart: outputs, answers, returned values."""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograde.inside import wire

_KNOWN_TYPES = frozenset(
    [name for name, value in vars(builtins).items() if isinstance(value, type)]
    + ["function", "module", "generator", "coroutine", "method", "Tensor", "Parameter", "ndarray"]
    + ["Sequential", "Linear", "Conv2d", "Dataset", "Subset", "DataLoader", "DataFrame", "Series"]
    + ["Figure", "Axes", "Explanation", "LinAlgError", "OutOfMemoryError", "deeply nested list"]
    + ["deeply nested tuple", "deeply nested dict", "dict with keys of type tuple"]
    + ["int too large", "complex tensor"]
)


REMARKS = {
    "quotes": "holds typographic quotes, dashes or spaces: it was read with plain ones",
    "tabs": "mixes tabs with spaces: it was read with spaces",
    "indentation": "is indented as a whole: it was read without that",
    "full": "filled the temporary folder, which holds {disk} MB",
}
"""What a program inside may remark of a cell, and what people read of it."""


_LACKS = re.compile(r"(?:No module named '([\w.]+)'|magic function `(%{1,2}\w+)`)")

NotebookOutput = dict[str, Any]
"""One cell output in nbformat 4: stream, display_data, execute_result or error, with text/plain,
image/png and image/jpeg only; an image may have an alternative text in the metadata. Valid in form,
not cleaned: the text is the student's."""


@dataclass(frozen=True)
class Failed:
    """An answer that could not be read: one sentence for the student, free of student text.

    ``mended_below`` says whether what else the student wrote may make it right: it is not there, or
    is None, or raised.
    """

    reason: str
    mended_below: bool = False


@dataclass
class CellRun:
    """What one cell left behind.

    ``stopped`` is empty, or says in a few words what ended the cell: ``timeout``,
    ``kernel died``, ``memory``, ``disk``, ``busy``, ``unwatched``, ``output flood``,
    ``malformed output``. ``ran`` is False for a cell that was never reached because the whole run
    was out of time. An ordinary exception is no stop: it is the last entry of ``outputs``.
    ``seconds`` is processor time. ``remarks`` are keys of :data:`REMARKS`.
    """

    id: str
    outputs: list[NotebookOutput] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    ran: bool = False
    remarks: list[str] = field(default_factory=list)


def text_of(record: dict[str, Any], key: str) -> str:
    """Return a text of a record, or raise WireError."""
    value = record.get(key)
    if not isinstance(value, str):
        raise wire.WireError(f"no text {key}")
    return value


def flag_of(record: dict[str, Any], key: str) -> bool:
    """Return a truth value of a record, or raise WireError."""
    value = record.get(key)
    if not isinstance(value, np.ndarray) or value.shape != ():
        raise wire.WireError(f"no flag {key}")
    return bool(value)


def stop_of(record: dict[str, Any]) -> str:
    """Return why a cell or call was stopped, empty if it was not, or raise WireError."""
    stopped = text_of(record, "stopped")
    if stopped not in ("", "timeout", "kernel died"):
        raise wire.WireError("unknown reason")
    return stopped


def remarks_of(record: dict[str, Any]) -> list[str]:
    """Return the known remarks of a record, each once."""
    said = record.get("remarks")
    return [key for key in REMARKS if key in said] if isinstance(said, list) else []


def exception_name(name: str, lacks: str = "", source: str = "") -> str:
    """Return the name of an exception if it is one that everybody knows.

    It goes into sentences that the student reads, and a student may name one after a hidden input.
    What the cell lacked, a module or a magic, is named where it stands in the cell's source: no
    hidden input does.
    """
    if re.fullmatch(r"%{0,2}[\w.]{1,60}", lacks) and lacks in source:
        what = "magic" if lacks.startswith("%") else "module"
        return f"an error: there is no {what} {lacks} where grading runs"
    return name if not name or name in _KNOWN_TYPES else "an exception"


def outputs_of(value: Any) -> list[NotebookOutput]:
    """Build valid outputs of nbformat 4 from what claims to be some."""
    if not isinstance(value, list):
        raise wire.WireError("outputs that are no list")
    outputs: list[NotebookOutput] = []
    for item in value:
        if not isinstance(item, dict):
            raise wire.WireError("an output that is no dictionary")
        kind = text_of(item, "output_type")
        output: NotebookOutput = {"output_type": kind}
        if kind == "stream":
            name = "stderr" if item.get("name") == "stderr" else "stdout"
            output |= {"name": name, "text": text_of(item, "text")}
        elif kind == "error":
            trace = item.get("traceback")
            if not isinstance(trace, list) or not all(isinstance(line, str) for line in trace):
                raise wire.WireError("a traceback that is not text")
            output |= {"ename": text_of(item, "ename"), "evalue": text_of(item, "evalue")}
            output["traceback"] = trace
        elif kind in ("display_data", "execute_result"):
            data = item.get("data")
            if not isinstance(data, dict):
                raise wire.WireError("an output without data")
            kinds = ("text/plain", "image/png", "image/jpeg")
            output["data"] = {k: text_of(data, k) for k in kinds if k in data}
            alt = text_of(item, "alt")
            output["metadata"] = {k: {"alt": alt} for k in kinds[1:] if k in data and alt}
            if kind == "execute_result":
                output["execution_count"] = None
        else:
            raise wire.WireError("an unknown output")
        outputs.append(output)
    return outputs


def _bytes(value: Any) -> bytes:
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8:
        raise wire.WireError("no bytes")
    return value.tobytes()


def raised_by(run: CellRun) -> str:
    """Return the type of the exception that ended a cell, or no text."""
    last = run.outputs[-1] if run.outputs else {}
    kind, said = last.get("output_type"), ""
    if kind == "error":
        said = last["evalue"]
    elif kind == "stream" and last["name"] == "stderr" and "UsageError: " in last["text"]:
        said = last["text"].rpartition("UsageError: ")[2]
    # Nothing of what is hidden is there when a notebook runs: the text is the student's own.
    found = _LACKS.search(said)
    lacks = (found[1] or found[2]) if found else ""
    return exception_name(last["ename"] if kind == "error" else "", lacks, lacks)


def variables_of(
    record: dict[str, Any], names: Sequence[str], raised: str
) -> dict[str, Any] | Failed:
    """Read the record of a ``Value`` task."""
    try:
        harvest = wire.decode(_bytes(record.get("answer")))
        if not isinstance(harvest, dict) or not all(isinstance(v, dict) for v in harvest.values()):
            raise wire.WireError("no dictionary of dictionaries")
        values: dict[str, Any] = {}
        for name in names:
            value = _described(harvest.get(name, {}), f"`{name}`", raised)
            if isinstance(value, Failed):
                return value
            values[name] = value
        return values
    except wire.WireError:
        listed = ", ".join(f"`{name}`" for name in names)
        return Failed(f"{listed}: too large, or not to be read as numbers or text.")


def returned_value(
    record: dict[str, Any], function: str, raised: str, without: Sequence[str] = ()
) -> Any:
    """Read the record of one call."""
    wanted = record.get("wanted")
    if "raised" in record and isinstance(wanted, str) and wanted in without:
        return Failed(
            f"`{function}` calls `{wanted}`, which is out of reach in this task, because "
            "it does what the task asks for: write it yourself.",
            mended_below=True,
        )
    if "raised" in record:
        return Failed(
            f"`{function}` raised {exception_name(text_of(record, 'raised'))} on a hidden input.",
            mended_below=True,
        )
    try:
        subject = f"`{function}`" if "missing" in record else f"What `{function}` returned"
        return _described(record, subject, raised)
    except wire.WireError:
        return Failed(f"What `{function}` returned is too large, or neither numbers nor text.")


def changed_by(record: dict[str, Any]) -> frozenset[int]:
    """Return the places of the arguments that a call changed: what the record of it says."""
    places = record.get("changed", np.zeros(0, dtype=np.int64))
    if not isinstance(places, np.ndarray) or places.dtype.kind != "i" or places.ndim != 1:
        raise wire.WireError("no places of arguments")
    return frozenset(map(int, places))


def _described(record: dict[str, Any], subject: str, raised: str) -> Any:
    """Read what :func:`autograde.inside.harvest.describe` wrote."""
    if "value" in record:
        return wire.decode(_bytes(record["value"]))
    because = f", which raised {raised}" if raised else ""
    if "missing" in record:
        return Failed(f"{subject} is not defined after the answer's cell{because}.", True)
    if "nothing" in record:
        why = f"the answer's cell raised {raised}" if raised else "no answer was given yet"
        if subject.endswith(" returned") and not raised:
            why += ", or no line says `return`"
        return Failed(f"{subject} is None: {why}.", True)
    kind = text_of(record, "unreadable")
    of = f" (it is of type {kind})" if kind in _KNOWN_TYPES else ""
    return Failed(f"{subject} can be read neither as numbers nor as text{of}.")
